"""Where a website's command listens: `${DOMAIN_SOCKET}`, by the names of the two who use it."""

import os
from pathlib import Path

from deployer.sandbox.disk import AccountDisk
from deployer.sandbox.hosting.enclosure import Enclosure

LONGEST = 107  # bytes in a socket's path: <sys/un.h> has room for 108, the last is NUL
PLACE = "/tmp"  # noqa: S108 - the account's /tmp, not ours; one of its few places that nobody can delete


class DomainSockets:
    """Short paths to sockets in the account's /tmp, however long the path of the data folder is."""

    def __init__(self, disk: AccountDisk, enclosure: Enclosure) -> None:
        self._enclosure = enclosure
        self._directory = disk.real(PLACE)
        self._held = os.open(self._directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def real(self, number: int) -> Path:
        return self._directory / self._name(number)

    def shown(self, number: int) -> str:
        """As the command finds it, in whatever view of the machine it has."""
        if self._enclosure.support.enclosed:
            return f"{PLACE}/{self._name(number)}"
        return self.reached(number)

    def reached(self, number: int) -> str:
        """As this process finds it, and every other process of the same user on this machine."""
        real = str(self.real(number))
        if len(os.fsencode(real)) <= LONGEST:
            return real
        return f"/proc/{os.getpid()}/fd/{self._held}/{self._name(number)}"

    def close(self) -> None:
        os.close(self._held)

    def _name(self, number: int) -> str:
        return f".domain-{number}.sock"
