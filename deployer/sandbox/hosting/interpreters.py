"""The Pythons of this machine, by the version a web app asks for."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

PROBE_LIMIT_S = 20.0  # a version manager's stand-in script may be slow; one that hangs is none
PROBE = """
import json, os, sys
print(json.dumps({
    "executable": os.path.realpath(sys.executable),
    "version": list(sys.version_info[:3]),
    "prefixes": sorted({sys.base_prefix, sys.base_exec_prefix}),
    "is_copy": sys.prefix != sys.base_prefix and os.path.realpath(sys.executable).startswith(sys.prefix),
}))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    executable: str
    version: tuple[int, int, int]
    prefixes: tuple[str, ...]  # directories that it cannot run without
    is_copy: bool  # of a virtualenv, so it cannot stand for the Python that it was made with

    @property
    def spelled(self) -> str:
        return ".".join(str(number) for number in self.version)

    @property
    def minor(self) -> tuple[int, int]:
        return self.version[:2]


def probe(executable: Path) -> Interpreter | None:
    """What this interpreter says of itself; None where it does not run, as pyenv's stand-ins often do not."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = [str(executable), "-I", "-c", PROBE]
    try:
        run = subprocess.run(command, capture_output=True, timeout=PROBE_LIMIT_S, check=True, env=environment)
        said = json.loads(run.stdout)
        return Interpreter(
            executable=said["executable"],
            version=tuple(said["version"]),
            prefixes=tuple(said["prefixes"]),
            is_copy=said["is_copy"],
        )
    except (OSError, subprocess.SubprocessError, ValueError, LookupError, TypeError):
        return None


@lru_cache(maxsize=256)
def probed_once(executable: Path) -> Interpreter | None:
    """For the machine's own Pythons, which stay what they are while this process runs."""
    return probe(executable)


def standard_places() -> tuple[Path, ...]:
    """Where Pythons usually are: pyenv's and uv's folders, PATH, and beside the one that runs the sandbox.

    pyenv's own folder comes before PATH: its stand-ins there are slow, and work only for the chosen versions.
    """
    home = Path.home()
    versions = [*home.glob(".pyenv/versions/*/bin"), *home.glob(".local/share/uv/python/*/bin")]
    path = os.environ.get("PATH", os.defpath).split(os.pathsep)
    on_path = [Path(place) for place in path if place]
    return (*sorted(versions, reverse=True), *on_path, Path(sys.executable).parent)


class Interpreters:
    """Finds interpreters in directories, never with a virtualenv's packages; asks each file at most once."""

    def __init__(self, places: Iterable[Path] | None = None) -> None:
        self._places = tuple(standard_places() if places is None else places)
        self._found: dict[tuple[int, int], Interpreter | None] = {}
        self._lock = threading.Lock()

    def nearest(self, version: tuple[int, int]) -> Interpreter | None:
        """The interpreter of that version, else the nearest (the newer of two); None: no Python at all."""
        with self._lock:
            for candidate in sorted(
                self._names(), key=lambda known: (_distance(known, version), known[1] < version[1])
            ):
                if candidate not in self._found:
                    self._found[candidate] = self._first_that_runs(candidate)
                interpreter = self._found[candidate]
                if interpreter is not None:
                    return interpreter
        return None

    def all(self) -> list[Interpreter]:
        """Each version that is here, once, the oldest first."""
        with self._lock:
            for version in self._names() - self._found.keys():
                self._found[version] = self._first_that_runs(version)
            found = [each for each in self._found.values() if each is not None]
        return sorted(found, key=lambda each: each.version)

    def _names(self) -> set[tuple[int, int]]:
        return {version for place in self._places for version in _versions_in(place)}

    def _first_that_runs(self, version: tuple[int, int]) -> Interpreter | None:
        name = f"python{version[0]}.{version[1]}"
        for place in self._places:
            interpreter = probed_once(place / name) if (place / name).exists() else None
            if interpreter is not None and interpreter.minor == version and not interpreter.is_copy:
                return interpreter
        return None


def _versions_in(place: Path) -> Iterator[tuple[int, int]]:
    try:
        names = os.listdir(place)  # noqa: PTH208 - names are wanted
    except OSError:
        return
    for name in names:
        match = re.fullmatch(r"python3\.(\d+)", name)
        if match and int(match[1]) >= 6:  # what runner.py needs
            yield 3, int(match[1])


def _distance(known: tuple[int, int], wanted: tuple[int, int]) -> int:
    return abs((known[0] - wanted[0]) * 100 + known[1] - wanted[1])
