"""The bytes of the files that a commit ships."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import BinaryIO

from deployer.git.archived import Archived
from deployer.git.objects import Objects
from deployer.git.shipment import Shipment
from deployer.git.temporary import fill, open_temporary

_IN_MEMORY = 1 << 20
"""Bytes; a larger file is opened from a temporary one."""


class Contents:
    """Opens shipped files by their path relative to the source. A path that is not shipped is a KeyError."""

    def __init__(self, shipment: Shipment, objects: Objects, archived: Archived) -> None:
        self._shipment = shipment
        self._objects = objects
        self._archived = archived

    @contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        """The file as shipped, at its start; seekable, because an upload may have to be sent twice.

        It owes nothing to git any more, so it may be given up in the middle. Raises UsageError when there
        is no room for it.
        """
        entry = self._shipment.entry(path)
        with BytesIO() if entry.size <= _IN_MEMORY else open_temporary("content") as file:
            archived = self._shipment.archived_as(path)
            fill(file, self._archived.pieces(archived) if archived else self._objects.pieces(entry.digest))
            file.seek(0)
            yield file

    def head(self, path: str, limit: int = 65_536) -> bytes:
        """The first `limit` bytes of the file as shipped."""
        entry = self._shipment.entry(path)
        if (archived := self._shipment.archived_as(path)) is not None:
            return self._archived.read(archived, limit)
        return self._objects.read(entry.digest, limit)
