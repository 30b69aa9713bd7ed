"""A log that a command writes into, with what the platform itself adds to it."""

import os
from datetime import datetime
from typing import BinaryIO

import structlog

from deployer.sandbox.disk import AccountDisk, OutsideAccountError

SHELL = "/bin/bash"

log = structlog.get_logger()


def opened(disk: AccountDisk, path: str) -> BinaryIO | None:
    """The log to append to, made where it is not there; None where the account has something else there."""
    try:
        return disk.real(path).open("ab", buffering=0)
    except (OSError, OutsideAccountError) as error:
        log.warning("a log cannot be written, so its command was not started", path=path, problem=str(error))
        return None


def shell(command: str) -> list[str]:
    """Not a login shell: this machine's /etc/profile would put the account's Pythons out of PATH."""
    return [SHELL, "-c", command]


def note(file: BinaryIO, now: datetime, text: str) -> None:
    """One line under the output, in the form of `2022-11-24 02:28:22 -- Completed task, …`."""
    os.write(file.fileno(), f"\n{now:%Y-%m-%d %H:%M:%S} -- {text}\n".encode())
