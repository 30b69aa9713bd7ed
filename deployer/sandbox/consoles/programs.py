"""What a console can run on this machine."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from deployer.sandbox.hosting import AccountCommands
from deployer.sandbox.hosting.environment import SYSTEM_PATH
from deployer.sandbox.hosting.interpreters import Interpreter

SYSTEM_PROGRAMS = ("bash", "mysql", "pypy3")  # beside the Pythons, what clients are seen to ask for
PYTHON = re.compile(r"(i?)python3\.([0-9]{1,3})", re.ASCII)


def command_of(commands: AccountCommands, executable: str) -> Sequence[str] | None:
    """The command behind an `executable`, None where it cannot be had here; it takes time."""
    if executable in SYSTEM_PROGRAMS:
        path = shutil.which(executable, path=SYSTEM_PATH)
        return [path] if path else None
    if match := PYTHON.fullmatch(executable):
        version = 3, int(match[2])
        interpreter = commands.interpreters.nearest(version)
        if interpreter is None or interpreter.minor != version:
            return None
        if not match[1]:
            return [interpreter.executable]
        if _has_ipython(commands, interpreter):
            return [interpreter.executable, "-m", "IPython"]
    return None


def _has_ipython(commands: AccountCommands, interpreter: Interpreter) -> bool:
    """By pip or Debian's package for everybody, or by `pip install --user` in the account."""
    own = commands.disk.real(f"{commands.disk.home}/.local")
    version = f"{interpreter.minor[0]}.{interpreter.minor[1]}"
    prefixes = [Path(prefix) for prefix in interpreter.prefixes]
    places = [
        *(prefix / f"lib/python{version}/site-packages" for prefix in (own, *prefixes)),
        *(prefix / "lib/python3/dist-packages" for prefix in prefixes),
    ]
    return any((place / "IPython" / "__main__.py").exists() for place in places)
