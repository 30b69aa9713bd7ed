"""How a site's worker is started, and in what that differs from the platform."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass

from deployer.sandbox.disk import AccountDisk, OutsideAccountError
from deployer.sandbox.hosting.enclosure import Enclosure
from deployer.sandbox.hosting.environment import account_environment
from deployer.sandbox.hosting.interpreters import Interpreter, Interpreters, probe
from deployer.sandbox.hosting.logs import SiteLogs
from deployer.sandbox.hosting.model import SiteConfig
from deployer.sandbox.hosting.worker import Launch


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
    workers: int  # of each site


def prepare(config: SiteConfig, logs: SiteLogs, hosts: Hosts) -> Prepared:
    """Decide everything about a worker. Raises NoInterpreterError and OutsideAccountError."""
    notes = [hosts.enclosure.support.note]
    virtualenv = _virtualenv(config, hosts, notes)
    interpreter = virtualenv or _named(config, hosts.interpreters, notes)
    shown = hosts.enclosure.shown
    place = shown(posixpath.normpath(config.virtualenv_path)) if virtualenv else ""
    notes += [
        f"{prefix}, where this machine's Python lives, shows as an empty directory among the account's files"
        for prefix in interpreter.prefixes
        if hosts.enclosure.covers(prefix)
    ]
    launch = Launch(
        interpreter=f"{place}/bin/python" if virtualenv else interpreter.executable,
        keep=interpreter.prefixes,
        wsgi_file=shown(config.wsgi_path),
        directory=_directory(config, hosts, notes),
        environment=account_environment(hosts.disk, hosts.enclosure, hosts.environment, virtualenv=place),
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
            f"the virtualenv {config.virtualenv_path} has no bin/python that runs: the site does without it"
        )
        return None
    if found.minor != _version(config.python_version):
        notes.append(
            f"the web app names Python {config.python_version}, its virtualenv has {found.spelled}: the site "
            "runs on the latter; on the platform the two must match"
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
            "the nearest there is"
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
