"""How a site's worker is started, and in what that differs from the platform."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deployer.sandbox.disk import AccountDisk, OutsideAccountError
from deployer.sandbox.hosting.enclosure import Enclosure
from deployer.sandbox.hosting.interpreters import Interpreter, Interpreters, probe
from deployer.sandbox.hosting.logs import SiteLogs
from deployer.sandbox.hosting.model import SiteConfig
from deployer.sandbox.hosting.worker import Launch

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


class NoInterpreterError(Exception):
    """This machine has no Python at all that a web app could run on."""


@dataclass(frozen=True, slots=True)
class Prepared:
    launch: Launch
    interpreter: Interpreter
    notes: tuple[str, ...]  # each a difference from what the configuration or the platform says


@dataclass(frozen=True, slots=True)
class Hosts:
    """What all sites of an account share."""

    disk: AccountDisk
    enclosure: Enclosure
    interpreters: Interpreters
    environment: Mapping[str, str]


def prepare(config: SiteConfig, logs: SiteLogs, hosts: Hosts) -> Prepared:
    """Decide everything about a worker. Raises NoInterpreterError and OutsideAccountError."""
    notes = [hosts.enclosure.support.note]
    virtualenv = _virtualenv(config, hosts, notes)
    interpreter = virtualenv or _named(config, hosts.interpreters, notes)
    shown = hosts.enclosure.shown
    in_virtualenv = posixpath.join(config.virtualenv_path, "bin")
    for prefix in interpreter.prefixes:
        if hosts.enclosure.covers(prefix):
            notes.append(f"{prefix}, where the Python of this machine lives, shows among the account's files")
    launch = Launch(
        interpreter=shown(f"{in_virtualenv}/python") if virtualenv else interpreter.executable,
        keep=interpreter.prefixes,
        wsgi_file=shown(config.wsgi_path),
        directory=_directory(config, hosts, notes),
        environment=_environment(hosts, shown(in_virtualenv) if virtualenv else ""),
        server_log=logs.real("server"),
        error_log=logs.real("error"),
        shown_server_log=shown(logs.account_path("server")),
        shown_error_log=shown(logs.account_path("error")),
    )
    return Prepared(launch, interpreter, tuple(note for note in notes if note))


def _virtualenv(config: SiteConfig, hosts: Hosts, notes: list[str]) -> Interpreter | None:
    """The virtualenv's own Python; None without one, or where it does not run on this machine."""
    if not config.virtualenv_path:
        return None
    found = _probe_virtualenv(config.virtualenv_path, hosts)
    if found is None:
        notes.append(
            f"the virtualenv {config.virtualenv_path} has no bin/python that runs here: the site runs without it"
        )
        return None
    if not config.python_version.startswith("%d.%d" % found.minor):
        notes.append(
            f"the web app names Python {config.python_version} and its virtualenv has {found.spelled}, which is "
            "used; on the platform the two must match"
        )
    return found


def _probe_virtualenv(path: str, hosts: Hosts) -> Interpreter | None:
    try:
        directory = hosts.disk.real(path)
    except OutsideAccountError:
        return None
    return probe(directory / "bin" / "python")


def _named(config: SiteConfig, interpreters: Interpreters, notes: list[str]) -> Interpreter:
    wanted = _version(config.python_version)
    interpreter = interpreters.nearest(wanted)
    if interpreter is None:
        raise NoInterpreterError(
            "no python3.N on PATH or below ~/.pyenv/versions runs; install one, then reload"
        )
    if interpreter.minor != wanted:
        notes.append(
            f"Python {config.python_version} is not on this machine: the site runs on {interpreter.spelled}, "
            f"the nearest there is ({interpreter.executable})"
        )
    return interpreter


def _version(spelled: str) -> tuple[int, int]:
    major, _, minor = spelled.partition(".")
    return int(major), int(minor.partition(".")[0] or 0)


def _directory(config: SiteConfig, hosts: Hosts, notes: list[str]) -> str:
    wanted = config.working_directory or hosts.disk.home
    try:
        if hosts.disk.real(wanted).is_dir():
            return hosts.enclosure.shown(wanted)
    except OutsideAccountError:
        pass
    notes.append(f"the working directory {wanted} does not exist: the site starts in {hosts.disk.home}")
    return hosts.enclosure.shown(hosts.disk.home)


def _environment(hosts: Hosts, virtualenv_bin: str) -> dict[str, str]:
    """Nothing of the machine's own environment; TZ because the platform's servers live in UTC."""
    user = hosts.disk.username
    own = {
        "HOME": hosts.enclosure.shown(hosts.disk.home),
        "USER": user,
        "LOGNAME": user,
        "USERNAME": user,
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PATH": SYSTEM_PATH,
    }
    if virtualenv_bin:
        own["VIRTUAL_ENV"] = str(Path(virtualenv_bin).parent)
        own["PATH"] = f"{virtualenv_bin}:{SYSTEM_PATH}"
    return own | dict(hosts.environment)
