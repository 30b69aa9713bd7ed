"""What `deployer service install` would install, and what of this machine would keep it from working."""

import grp
import os
import pwd
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import deployer
from deployer.config import MachineConfig, control_socket, is_url, load_machine, state_directory
from deployer.config.machine import SERVICE_FILE
from deployer.config.secrets import permission_warning
from deployer.errors import UsageError
from deployer.service import USUAL_NAME, Installation, secrets_of, stream_address

HOMES = ("/home", "/root", "/run/user")
"""What ProtectHome= hides."""
PRIVATE = ("/tmp", "/var/tmp")  # noqa: S108 - named because the service sees others there
"""What PrivateTmp= hides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What would be installed, with what there is to say of it."""

    installation: Installation
    obstacles: tuple[str, ...]
    """Why it would not start, or not work."""
    notes: tuple[str, ...]


def prepare(
    *, config: Path | None, name: str | None, own_manager: bool, run_as: str | None, systemd: int
) -> Prepared:
    """Raises UsageError or ConfigError where nothing could be installed."""
    unit = unit_name(name)
    path = (config or _usual_file(name, own_manager=own_manager)).expanduser().absolute()
    machine = load_machine(path)
    installation = Installation(
        name=unit,
        command=_command(),
        config=str(path),
        listen=stream_address(machine.daemon.listen),
        control=str(_control(machine, unit, own_manager=own_manager)),
        group=None if own_manager else machine.daemon.socket_group,
        credentials=_credentials(machine),
        state=str(_state(machine, unit, own_manager=own_manager)),
        user=run_as,
        own_manager=own_manager,
        home_is_needed=any(path.is_relative_to(home) for path in _read(machine) for home in HOMES),
        systemd=systemd,
    )
    return Prepared(
        installation=installation,
        obstacles=tuple(_obstacles(installation, machine)),
        notes=tuple(_notes(installation, machine)),
    )


def unit_name(name: str | None) -> str:
    """What an instance's service is called. Raises UsageError for a name that would make a mess of it."""
    if name is None or name == USUAL_NAME:
        return USUAL_NAME
    if not all(part.isalnum() and part.isascii() for part in name.split("-")) or name.endswith("control"):
        raise UsageError(
            f"--name {name}: letters, digits and single dashes are wanted, and another end than control",
            hint=f"Its service will be called {USUAL_NAME}-NAME.service.",
        )
    return f"{USUAL_NAME}-{name}"


def _usual_file(name: str | None, *, own_manager: bool) -> Path:
    folder = SERVICE_FILE.parent
    if own_manager:
        folder = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config") / "deployer"
    return folder / f"{name or USUAL_NAME}.toml"


def _command() -> tuple[str, ...]:
    """This very installation: the script beside the interpreter, else the package."""
    script = Path(sys.executable).parent / "deployer"
    return (str(script),) if os.access(script, os.X_OK) else (sys.executable, "-m", "deployer")


def _control(machine: MachineConfig, unit: str, *, own_manager: bool) -> Path:
    if machine.daemon.socket is not None:
        return machine.locate(machine.daemon.socket).absolute()
    if own_manager:
        return control_socket(machine, {"DEPLOYER_STATE": str(_state(machine, unit, own_manager=True))}).value
    return Path("/run/deployer") / f"{unit}.sock"


def _state(machine: MachineConfig, unit: str, *, own_manager: bool) -> Path:
    if machine.daemon.state is not None:
        return machine.locate(machine.daemon.state).absolute()
    if own_manager:
        asked = {key: value for key, value in os.environ.items() if key != "STATE_DIRECTORY"}
        return state_directory(machine, asked).value.with_name(unit)
    return Path("/var/lib") / unit


def _credentials(machine: MachineConfig) -> dict[str, str]:
    folder = machine.folder / "credentials"
    names = [source.credential for _, source in secrets_of(machine.file) if source.credential is not None]
    return {name: str(folder / name) for name in names}


def _read(machine: MachineConfig) -> list[Path]:
    """What the service reads of this machine: its program, the configuration, local repositories."""
    program = (Path(sys.prefix), Path(sys.base_prefix), Path(deployer.__file__).parent)
    repositories = (
        machine.locate(Path(site.repo)) for site in machine.sites.values() if not is_url(site.repo)
    )
    return [path.resolve() for path in (*program, machine.path, *repositories)]


def _obstacles(own: Installation, machine: MachineConfig) -> Iterator[str]:
    for name, file in own.credentials.items():
        if not os.path.exists(file):  # noqa: PTH110 - Path.exists raises where we may not look
            yield f"the credential {name} is not there: install -D -m 600 /dev/stdin {file}"
    if own.own_manager:
        return
    if own.group is not None and not _is_group(own.group):
        yield f"[daemon] socket_group = {own.group}: no such group; groupadd --system {own.group}"
    if own.user is not None and not _is_user(own.user):
        yield f"--run-as {own.user}: no such user; useradd --system {own.user}"
    for path in _read(machine):
        if any(path.is_relative_to(folder) for folder in PRIVATE):
            yield f"{path} is below a temporary folder, and the service has its own: move it elsewhere"
        elif own.user is None and (closed := _closed(path, own.group)) is not None:
            yield (
                f"{path} cannot be reached by the service's user (mode of {closed}): move it elsewhere, "
                "or name a user who can with --run-as"
            )
    if own.user is None and not Path(own.state).is_relative_to("/var/lib"):
        yield f"[daemon] state = {own.state}: outside of /var/lib it needs a user that owns it, with --run-as"


def _closed(path: Path, group: str | None) -> Path | None:
    """The first folder on the way, or the path itself, that others than its owner may not enter or read.

    `group` is the one that they are in. A path that is not there yet is not closed.
    """
    number = grp.getgrnam(group).gr_gid if group is not None and _is_group(group) else None
    for place in (*reversed(path.parents), path):
        try:
            found = place.stat()
        except OSError:
            return None
        mode = found.st_mode | (found.st_mode >> 3 if found.st_gid == number else 0)
        wanted = 0o1 if place != path else 0o5 if place.is_dir() else 0o4
        if mode & wanted != wanted:
            return place
    return None


def _notes(own: Installation, machine: MachineConfig) -> Iterator[str]:
    for key, source in secrets_of(machine.file):
        if source.env is not None:
            yield f"{key}: the service has no variable {source.env}; a credential is what a service reads"
        elif source.file is not None and not own.own_manager:
            file = machine.locate(source.file)
            yield f"{key}: the service's user has to be able to read {file}; a credential is read by root"
    for name, account in machine.accounts.items():
        if account.token is None:
            yield f"account.{name}: no token is named, and the service has no API_TOKEN"
    for secret in own.credentials.values():
        if warning := permission_warning(Path(secret)):
            yield warning
    if not own.own_manager and machine.daemon.socket is None:
        yield f'so that local commands find it, add to [daemon]: socket = "{own.control}"'


def _is_group(name: str) -> bool:
    return any(group.gr_name == name for group in grp.getgrall())


def _is_user(name: str) -> bool:
    return any(user.pw_name == name for user in pwd.getpwall())
