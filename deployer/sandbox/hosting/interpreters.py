"""The Pythons of this machine, by the version a web app asks for."""

import json
import os
import re
import subprocess
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

PROBE_LIMIT_S = 20.0  # a version manager's stand-in script may be slow; one that hangs is none
PROBE = """
import json, os, sys
print(json.dumps({
    "executable": os.path.realpath(sys.executable),
    "version": list(sys.version_info[:3]),
    "prefixes": sorted({sys.base_prefix, sys.base_exec_prefix}),
    "virtual": sys.prefix != sys.base_prefix,
}))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    executable: str
    version: tuple[int, int, int]
    prefixes: tuple[str, ...]  # directories that it cannot run without
    virtual: bool

    @property
    def spelled(self) -> str:
        return ".".join(str(number) for number in self.version)

    @property
    def minor(self) -> tuple[int, int]:
        return self.version[:2]


def probe(executable: Path) -> Interpreter | None:
    """What this interpreter says of itself; None where it does not run, as pyenv's stand-ins often do not."""
    command = [str(executable), "-I", "-S", "-c", PROBE]
    try:
        run = subprocess.run(command, capture_output=True, timeout=PROBE_LIMIT_S, check=True, env=os.environ)
        said = json.loads(run.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return Interpreter(
        executable=said["executable"],
        version=tuple(said["version"]),
        prefixes=tuple(said["prefixes"]),
        virtual=said["virtual"],
    )


def standard_places() -> tuple[Path, ...]:
    """pyenv's own versions before PATH: its stand-ins on PATH are slow and work only when a version is chosen."""
    pyenv = Path("~/.pyenv/versions").expanduser()
    path = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return (*sorted(pyenv.glob("*/bin"), reverse=True), *(Path(place) for place in path if place))


class Interpreters:
    """Finds base interpreters (never somebody's virtualenv) in directories; asks each file at most once."""

    def __init__(self, places: Iterable[Path] | None = None) -> None:
        self._places = tuple(standard_places() if places is None else places)
        self._found: dict[tuple[int, int], Interpreter | None] = {}
        self._lock = threading.Lock()

    def nearest(self, version: tuple[int, int]) -> Interpreter | None:
        """The interpreter of that version, else of the nearest one (the newer of two); None: no Python at all."""
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

    def _names(self) -> set[tuple[int, int]]:
        return {version for place in self._places for version in _versions_in(place)}

    def _first_that_runs(self, version: tuple[int, int]) -> Interpreter | None:
        name = f"python{version[0]}.{version[1]}"
        for place in self._places:
            interpreter = probe(place / name) if (place / name).exists() else None
            if interpreter is not None and interpreter.minor == version and not interpreter.virtual:
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
