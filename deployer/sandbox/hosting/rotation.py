"""Old logs: `.log` becomes `.log.1`, then `.log.2.gz` up to `.log.9.gz`, by the vendor's own clients.

Whoever writes goes on in the new file by itself: `logs.py` opens it for each line, `runner.py` looks whether
its file still has the name.
"""

import gzip
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from deployer.sandbox.disk import MODE, AccountDisk

LOGS = "/var/log"
KINDS = ("access", "error", "server")
OLDEST = 9


def rotate(disk: AccountDisk, *, leave_empty: bool) -> list[str]:
    """Rotate the logs of every site, of deleted ones too; the account paths of those that were there.

    `leave_empty`: whether an empty log takes the place at once, or the next line makes it.
    """
    rotated = []
    for log in _site_logs(disk):
        _make_room(disk, log)
        with suppress(FileNotFoundError):  # deleted meanwhile
            log.rename(_older(log, 1))
            rotated.append(f"{LOGS}/{log.name}")
            if leave_empty:
                os.close(os.open(log, os.O_WRONLY | os.O_CREAT, MODE))
    return rotated


def _site_logs(disk: AccountDisk) -> Iterator[Path]:
    """In order of their names; a link is nothing that the platform made, and may lead anywhere."""
    logs = (log for kind in KINDS for log in disk.real(LOGS).glob(f"*.{kind}.log"))
    return (log for log in sorted(logs) if log.is_file() and not log.is_symlink())


def _make_room(disk: AccountDisk, log: Path) -> None:
    with suppress(FileNotFoundError):
        disk.remove(_older(log, OLDEST))
    for age in range(OLDEST - 1, 1, -1):
        with suppress(FileNotFoundError):
            _older(log, age).rename(_older(log, age + 1))
    last = _older(log, 1)
    if last.is_file() and not last.is_symlink():
        _compress(disk, last, _older(log, 2))


def _compress(disk: AccountDisk, source: Path, target: Path) -> None:
    with disk.upload() as packed:
        with source.open("rb") as text, gzip.open(packed, "wb") as file:
            shutil.copyfileobj(text, file)
        packed.chmod(MODE)
        packed.replace(target)
    disk.remove(source)


def _older(log: Path, age: int) -> Path:
    return log.with_name(f"{log.name}.{age}" if age == 1 else f"{log.name}.{age}.gz")
