"""Who may import whom: the layers of docs/design.md, kept by a test."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import deployer

PACKAGE = Path(deployer.__file__).parent

LAYERS = {
    "errors": 0,
    "secret": 0,
    "session": 0,
    "model": 0,
    "planning": 1,
    "scaffold": 1,
    "certificate": 2,
    "config": 2,
    "control_client": 2,
    "events": 2,
    "git": 2,
    "health": 2,
    "pythonanywhere": 2,
    "release": 2,
    "state": 2,
    "remote": 3,
    "service": 3,
    "triggers": 3,
    "deployment": 4,
    "daemon": 5,
    "web": 6,
    "cli": 7,
    "demo": 7,
    "__main__": 8,
}
"""A room sees the rooms of lower layers and itself; rooms of one layer do not see each other,
except where SAME_LAYER says so."""

SAME_LAYER = {("cli", "demo"): "`deployer demo` is a command"}
TOP_ONLY = {"sandbox"}
"""Stands beside everything: it imports nothing of ours, and only the command line starts it, so that a
misreading of the platform cannot hide in both halves."""
SOLE_IMPORTERS = {
    "git": {"git"},
    "cryptography": {"certificate"},
    "requests": {"session", "pythonanywhere", "health", "demo"},
    "sqlite3": {"state", "pythonanywhere"},
    "typer": {"cli"},
    "watchdog": {"triggers"},
    "apscheduler": {"daemon"},
    "apprise": {"daemon"},
    "starlette": {"web"},
    "uvicorn": {"web"},
    "jinja2": {"web"},
    "prometheus_client": {"web"},
    "rich": {"cli", "demo"},
}
"""Third-party (and SQLite) names that have one home each."""


def rooms() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if room not in {"__init__", "example_site"}:
            yield room, path


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_every_room_has_a_layer() -> None:
    assert {room for room, _ in rooms()} == {*LAYERS, *TOP_ONLY}


@pytest.mark.parametrize(
    ("room", "path"), list(rooms()), ids=lambda value: str(value).rpartition("deployer/")[2]
)
def test_a_room_imports_only_downwards(room: str, path: Path) -> None:
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "deployer" or len(parts) == 1 or parts[1] == room:
            continue
        if room in TOP_ONLY:
            pytest.fail(f"{path.name} of the sandbox imports {name}: the sandbox knows nothing of ours")
        if parts[1] in TOP_ONLY:
            above = LAYERS[room] >= LAYERS["cli"]
            assert above, f"{path.name} imports {name}: only the command line starts a sandbox"
        else:
            allowed = LAYERS[parts[1]] < LAYERS[room] or (room, parts[1]) in SAME_LAYER
            assert allowed, f"{path.name} ({room}) imports {name}, which is not below it"


@pytest.mark.parametrize("library", SOLE_IMPORTERS)
def test_a_library_has_one_home(library: str) -> None:
    importers = {room for room, path in rooms() if library in {name.split(".")[0] for name in imports(path)}}

    assert importers - TOP_ONLY <= SOLE_IMPORTERS[library]


@pytest.mark.parametrize("room", ["model", "planning", "scaffold", "errors"])
def test_decisions_know_no_clock_no_network_and_no_files(room: str) -> None:
    effects = {"os", "time", "socket", "subprocess", "pathlib", "requests", "sqlite3", "structlog", "random"}
    used = {name.split(".")[0] for of, path in rooms() if of == room for name in imports(path)}

    assert not used & effects
