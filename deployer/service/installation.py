"""One daemon on one machine: what its units are made from."""

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from deployer.config.machine_file import MachineFile, SecretTable
from deployer.errors import UsageError

USUAL_NAME = "deployer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """One daemon on one machine. Paths are absolute."""

    name: str = USUAL_NAME
    """Of the service; the sockets have it too."""
    command: tuple[str, ...] = ("/opt/deployer/bin/deployer",)
    """How `deployer` is started: the program, and what comes before `run`."""
    config: str = "/etc/deployer/deployer.toml"
    listen: str = "127.0.0.1:8042"
    control: str = "/run/deployer/deployer.sock"
    group: str | None = None
    """Whose members may use the control socket."""
    credentials: Mapping[str, str]
    """Name -> the file that holds it."""
    state: str = "/var/lib/deployer"
    user: str | None = None
    """Whom it runs as; None: a user that exists while it runs. A user's own manager knows no other user."""
    own_manager: bool = False
    """For `systemctl --user`."""
    home_is_needed: bool = False
    """Whether something that it reads lies below a home: it is seen, and not written."""
    systemd: int = 252

    @property
    def service(self) -> str:
        return f"{self.name}.service"

    @property
    def sockets(self) -> tuple[str, str]:
        """For HTTP and for local commands: two units, because a unit's sockets share name and mode."""
        return f"{self.name}.socket", f"{self.name}-control.socket"

    @property
    def units(self) -> tuple[str, ...]:
        return (self.service, *self.sockets)


def secrets_of(file: MachineFile) -> Iterator[tuple[str, SecretTable]]:
    """Every place where the file names a secret: ("account.alice.token", where it is kept)."""
    return _secrets(file, "")


def _secrets(value: object, key: str) -> Iterator[tuple[str, SecretTable]]:
    if isinstance(value, SecretTable):
        yield key, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name), f"{key}.{name}" if key else name)
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _secrets(each, f"{key}.{name}")
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _secrets(each, key)


def stream_address(listen: str) -> str:
    """`listen` of deployer.toml in the manager's spelling. Raises UsageError for a name: it looks none up."""
    host, _, port = listen.rpartition(":")
    bare = "127.0.0.1" if host == "localhost" else host.removeprefix("[").removesuffix("]")
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        address = None
    if address is None or port == "0":
        raise UsageError(
            f'[daemon] listen = "{listen}": systemd wants an address and a port, no name and not port 0',
            hint='Write it like "127.0.0.1:8042" in deployer.toml.',
        )
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
