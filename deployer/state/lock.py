"""One deployment per site among the processes of this machine."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from deployer.errors import SiteBusy


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
        lock.truncate(0)
        since = datetime.now(UTC).isoformat(timespec="seconds")
        lock.write(json.dumps({"pid": os.getpid(), "doing": doing, "since": since}))
        lock.flush()
        yield


def _holder(path: str) -> str:
    try:
        holder = json.loads(Path(path).read_text())
        return f"process {holder['pid']}, {holder['doing']}, since {holder['since']}"
    except (OSError, ValueError, KeyError):
        return "it has just begun"
