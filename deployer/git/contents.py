"""The bytes of what a commit ships, as they will arrive on the server."""

import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from git import Repo

from deployer.errors import UsageError
from deployer.git.archive import archived
from deployer.git.objects import Objects, pieces
from deployer.git.survey import Survey

IN_MEMORY = 8 * 1024 * 1024
"""Bytes of one file that are held in memory; a larger one goes through a temporary file."""


class Contents:
    """Reads shipped files by their path relative to the target."""

    def __init__(self, repo: Repo, objects: Objects, commit: str, source: str, survey: Survey | None) -> None:
        """Without a survey every file is known to be a blob of the commit just as it is."""
        self._repo = repo
        self._objects = objects
        self._commit = commit
        self._inside = f"{source}/" if source else ""
        self._survey = survey

    @contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        """A seekable file, at its beginning; gone when the block is left."""
        with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as file:
            for piece in self._pieces(path):
                file.write(piece)
            file.seek(0)
            yield cast("BinaryIO", file)

    def head(self, path: str, limit: int) -> bytes:
        """At most the first `limit` bytes."""
        taken = b""
        reading = self._pieces(path)
        for piece in reading:
            taken += piece
            if len(taken) >= limit:
                break
        reading.close()
        return taken[:limit]

    def _pieces(self, path: str) -> Generator[bytes, None, None]:
        if self._survey is None:
            yield from self._blob(f"{self._commit}:{self._inside}{path}")
            return
        path = self._survey.copies.get(path, path)
        if (blob := self._survey.blobs.get(path)) is not None:
            yield from self._blob(blob)
            return
        for _, stream in archived(self._repo, self._commit, [self._inside + path]):
            while piece := stream.read(1 << 20):
                yield piece
            return
        raise UsageError(f"{path} is not in commit {self._commit[:10]}")

    def _blob(self, name: str) -> Generator[bytes, None, None]:
        with self._objects.stream(name) as stream:
            yield from pieces(stream)
