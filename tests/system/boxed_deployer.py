"""This very deployer, installed in a box where a service without a home can reach it."""

import os
import shlex
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

import deployer
from tests.system.systemd_box import Box

HOME = "/opt/deployer"
_PYTHON, _PACKAGES, _PROJECT = "/opt/python", "/opt/deployer/packages", "/opt/deployer/project"
_BASE = Path(sys.base_prefix)
_IS_OF_THE_SYSTEM = _BASE.is_relative_to("/usr")


def binds() -> Mapping[Path, str]:
    """What `systemd_box` has to show of this machine: our packages, our code, and the interpreter."""
    shown = {
        Path(sysconfig.get_path("purelib")): _PACKAGES,
        Path(deployer.__file__).parent: f"{_PROJECT}/deployer",
    }
    return shown if _IS_OF_THE_SYSTEM else {**shown, _BASE: _PYTHON}


def install(box: Box) -> str:
    """Make a virtual environment around them, and return the path of its `deployer`."""
    base = Path(os.path.realpath(sys.executable))
    program = base if _IS_OF_THE_SYSTEM else Path(_PYTHON) / base.relative_to(_BASE.resolve())
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    box.write(f"{HOME}/pyvenv.cfg", f"home = {program.parent}\ninclude-system-site-packages = false\n")
    box.write(f"{HOME}/lib/{version}/site-packages/boxed.pth", f"{_PROJECT}\n{_PACKAGES}\n")
    box.write(
        f"{HOME}/bin/deployer",
        f"#!{HOME}/bin/python3\nfrom deployer.__main__ import main\n\nmain()\n",
        mode=0o755,
    )
    if not _IS_OF_THE_SYSTEM:
        # Where its library is looked for first, only root can see it.
        box.write("/etc/ld.so.conf.d/000-boxed.conf", f"{_PYTHON}/lib\n")
        box.run("ldconfig")
    box.run("sh", "-c", f"ln -s {shlex.quote(str(program))} {HOME}/bin/python3")
    return f"{HOME}/bin/deployer"
