"""A file that is being sent, and somebody who wants to see how far it is."""

from collections.abc import Callable
from time import monotonic
from typing import IO

TELLS_EVERY_S = 0.2
"""Often enough for a bar, and seldom enough for a page that is sent to many."""


class Watched:
    """As much of an open file as an upload uses."""

    def __init__(self, file: IO[bytes], tell: Callable[[int], None]) -> None:
        """`tell` is called with the bytes read since the beginning, a few times a second."""
        self._file = file
        self._tell = tell
        self._told = 0.0

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, offset: int) -> int:
        return self._file.seek(offset)

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size)
        if monotonic() - self._told > TELLS_EVERY_S:
            self._told = monotonic()
            self._tell(self._file.tell())
        return piece
