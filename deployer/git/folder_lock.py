"""Keeps two processes, and two objects of one process, from working on one mirror."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deployer.errors import Temporary
from deployer.git.bounded import Bounds, OutOfTime

_LOOKS_S = 0.05


class FolderLock:
    """Held by us, and by a git that we started and that outlives us, for that one still writes.

    It is given back expressly: a credential cache that git started, and that inherited it, holds nothing.
    """

    def __init__(self, file: int) -> None:
        self.file = file

    def note(self, process: int) -> None:
        """Which git works on the folder now; for a person who wonders who holds the lock."""
        os.ftruncate(self.file, 0)
        os.pwrite(self.file, str(process).encode(), 0)


@contextmanager
def locked(folder: Path, bounds: Bounds) -> Iterator[FolderLock]:
    """A file beside the folder, which stays. Raises Temporary when somebody else holds it all the time."""
    path = folder.with_name(f"{folder.name}.lock")
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _wait_for(file, path, bounds)
        try:
            yield FolderLock(file)
        finally:
            os.ftruncate(file, 0)
            fcntl.flock(file, fcntl.LOCK_UN)
    finally:
        os.close(file)


def _wait_for(file: int, path: Path, bounds: Bounds) -> None:
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            try:
                bounds.check()
            except OutOfTime:
                process = os.pread(file, 20, 0).decode("ascii", "replace")
                who = f"git, process {process}, still works" if process else "somebody else works"
                raise Temporary(
                    f"{who} on {path.with_suffix('')}",
                    left="Nothing was fetched.",
                    hint=f"If it hangs: kill -- -{process}" if process else "",
                ) from None
            time.sleep(_LOOKS_S)
        else:
            return
