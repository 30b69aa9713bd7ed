"""Temporary files, for whose content there may be no room.

Not buffered: what is in a buffer would fail once more, and under another name, when the file is closed.
"""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from deployer.errors import UsageError


def open_temporary(purpose: str) -> BinaryIO:
    """A nameless file that is gone once it is closed. Raises UsageError where none can be made."""
    try:
        return tempfile.TemporaryFile(prefix=f"deployer-{purpose}-", buffering=0)
    except OSError as error:
        raise _no_room(error) from error


@contextmanager
def temporary_folder(purpose: str) -> Iterator[Path]:
    """A folder that is gone in the end. Raises UsageError where none can be made."""
    try:
        folder = tempfile.TemporaryDirectory(prefix=f"deployer-{purpose}-")
    except OSError as error:
        raise _no_room(error) from error
    with folder as name:
        yield Path(name)


def fill(file: BinaryIO, pieces: Iterable[bytes]) -> None:
    """Write all of them. Raises UsageError when the disk is full."""
    for piece in pieces:
        left = memoryview(piece)
        while left:
            try:
                written = file.write(left)
            except OSError as error:
                raise _no_room(error) from error
            left = left[written:]


def _no_room(error: OSError) -> UsageError:
    where = tempfile.tempdir or "any folder"  # known only once a usable one was found
    return UsageError(
        f"a temporary file cannot be written in {where}: {error.strerror or error}",
        hint="Make room there, or name a folder that has some: TMPDIR=/some/folder",
    )
