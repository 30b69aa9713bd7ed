# Two commands do everything: `make demo` shows the product, `make test` proves it.
# Both make the virtual environment first when it is not there, and can be repeated.

VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)

.PHONY: demo test test-fast test-thorough check format schema bench clean venv

demo: venv
	@$(BIN)/deployer demo

test: check  # most tests wait for processes and sockets: four at a time keep two cores busy
	$(PYTEST) -n 4 --dist worksteal -m "not thorough"

test-thorough: venv  # each kind of fault at each request also where make test takes turns
	$(PYTEST) -n 3 --dist worksteal -m thorough

test-fast: venv
	$(PYTEST) -n 2 tests/planning tests/config tests/test_layers.py

check: venv
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: venv
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

schema: venv
	$(BIN)/python -m deployer.config.schema

bench: venv
	$(BIN)/python -m tests.bench

venv: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "make: Python 3.11 or newer is missing: install it, or name one with make PYTHON=/path/to/python3"; exit 1; }
	@command -v git >/dev/null || { echo "make: git is missing: install it (on Debian: apt-get install git)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "make: $(PYTHON) has no venv: install it (on Debian: apt-get install python3-venv)"; exit 1; }
	@echo "making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]' || { \
		echo "make: the packages could not be installed; the lines above say why"; exit 1; }
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
