"""Files as `git archive` writes them, for those that it may convert."""

import hashlib
import tarfile
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import IO, BinaryIO, NamedTuple

from deployer.git.process import Git
from deployer.git.temporary import fill, open_temporary

_PIECE = 1 << 16
_MOST_NAMED = 100
"""Git compares every path of the commit with every path that it is given."""


class _Place(NamedTuple):
    start: int
    size: int
    digest: str


class Archived:
    """Converted files of one commit by repository path, kept in one temporary file."""

    def __init__(self, git: Git, commit: str) -> None:
        self._git = git
        self._commit = commit
        self._places: dict[str, _Place] = {}
        self._store: BinaryIO | None = None

    def load(self, paths: Collection[str], within: str = "") -> None:
        """Fetch those that are not here yet; all of them are below the folder `within`."""
        wanted = {path for path in paths if path not in self._places}
        if not wanted:
            return
        named = sorted(wanted) if len(wanted) <= _MOST_NAMED else [within] if within else []
        with (
            self._git.reading("archive", "--format=tar", self._commit, "--", *named) as printed,
            suppress(tarfile.ReadError),  # an archive that git gave up: its exit status tells more
            tarfile.open(fileobj=printed, mode="r|", encoding="utf-8", errors="surrogateescape") as tar,
        ):
            while (member := tar.next()) is not None:
                tar.members = []  # type: ignore[attr-defined]  # or it would remember every file of the commit
                if member.name in wanted and (content := tar.extractfile(member)) is not None:
                    self._places[member.name] = self._keep(content, member.size)

    def digest(self, path: str) -> str:
        """Git's blob id of the bytes as archived."""
        return self._places[path].digest

    def size(self, path: str) -> int:
        return self._places[path].size

    def pieces(self, path: str) -> Iterator[bytes]:
        """The whole content."""
        return self._pieces(path, self._places[path].size)

    def read(self, path: str, limit: int | None = None) -> bytes:
        """The content, or the first `limit` bytes of it."""
        size = self._places[path].size
        return b"".join(self._pieces(path, size if limit is None else min(size, limit)))

    def close(self) -> None:
        if self._store is not None:
            self._store.close()

    def _opened(self) -> BinaryIO:
        if self._store is None:
            self._store = open_temporary("archived")
        return self._store

    def _pieces(self, path: str, left: int) -> Iterator[bytes]:
        store = self._opened()
        store.seek(self._places[path].start)
        while left:
            piece = store.read(min(left, _PIECE))
            left -= len(piece)
            yield piece

    def _keep(self, content: IO[bytes], size: int) -> _Place:
        hashed = hashlib.new("sha256" if len(self._commit) == 64 else "sha1")
        hashed.update(b"blob %d\0" % size)
        store = self._opened()
        start = store.seek(0, 2)
        while piece := content.read(_PIECE):
            hashed.update(piece)
            fill(store, (piece,))
        return _Place(start, size, hashed.hexdigest())
