"""A paid account, and the vendor's clients pointed at it over HTTPS."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from deployer.sandbox import Sandbox, SandboxOptions
from tests.sandbox.client import Client
from tests.vendor.clients import Pa

Core = Callable[[str], ModuleType]
PYTHON = ".".join(map(str, sys.version_info[:2]))


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Client]:
    """Sites run with the Python of the tests: it is there, whatever else the machine has."""
    with Sandbox(SandboxOptions(data=tmp_path / "data", plan="paid", python_versions=(PYTHON,))) as sandbox:
        client = Client(sandbox)
        yield client
        client.session.close()


@pytest.fixture
def pa(api: Client, tmp_path: Path) -> Pa:
    return Pa(api.sandbox, tmp_path)


@pytest.fixture
def core(pa: Pa, monkeypatch: pytest.MonkeyPatch) -> Core:
    """Imports a module of pythonanywhere-core, which reads the environment when it is imported."""
    for name, value in pa.environment.items():
        monkeypatch.setenv(name, value)
    for name in [each for each in sys.modules if each.startswith("pythonanywhere_core")]:
        monkeypatch.delitem(sys.modules, name)

    def imported(name: str) -> ModuleType:
        return importlib.import_module(f"pythonanywhere_core.{name}")

    return imported
