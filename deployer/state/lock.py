"""One deployment per site, and one daemon per state folder, among the processes of this machine."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from deployer.errors import SiteBusy, UsageError


@contextmanager
def exclusive(folder: Path, domain: str, *, doing: str) -> Iterator[None]:
    """Hold the site's lock; the kernel gives it back however the process ends.

    Raises SiteBusy, naming the holder, when another process has it.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / f"{domain}.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SiteBusy(
                f"{domain} is being deployed by another process of this machine: {_holder(lock.name)}",
                hint="Wait until it has ended; `deployer status` shows it.",
            ) from None
        _write_holder(lock, doing)
        yield


def only_daemon(folder: Path) -> TextIO:
    """Be the state folder's daemon until the returned file is closed, or the process ends.

    Raises UsageError, naming the other one, when there is one already.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = (folder / "daemon.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise UsageError(
            f"a daemon works with the state folder {folder} already: {_holder(lock.name)}",
            hint="`deployer status --via-daemon` shows what it does; another instance needs a [daemon] state "
            "of its own.",
        ) from None
    _write_holder(lock, "the daemon")
    return lock


def _write_holder(lock: TextIO, doing: str) -> None:
    lock.truncate(0)
    since = datetime.now(UTC).isoformat(timespec="seconds")
    lock.write(json.dumps({"pid": os.getpid(), "doing": doing, "since": since}))
    lock.flush()


def _holder(path: str) -> str:
    try:
        holder = json.loads(Path(path).read_text())
        return f"process {holder['pid']}, {holder['doing']}, since {holder['since']}"
    except (OSError, ValueError, KeyError):
        return "it has just begun"
