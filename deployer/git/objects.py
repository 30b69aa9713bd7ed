"""Asks git about objects by name, through processes that are started once and kept."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from deployer.errors import UsageError
from deployer.git.process import Git, Process

_PIECE = 1 << 16
_ASKED_AT_ONCE = 1 << 14
"""Bytes of questions before the answers are read: both pipes hold four times as much."""


class ObjectInfo(NamedTuple):
    """What is behind a name."""

    id: str
    type: str
    """"blob", "tree", "commit" or "tag"."""
    size: int


class Objects:
    """Names are whatever git understands ("main^{commit}", "<id>:path"), on one line."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._informing: Process | None = None
        self._reading: Process | None = None

    def info(self, name: str) -> ObjectInfo | None:
        return self.infos((name,))[0]

    def infos(self, names: Sequence[str]) -> list[ObjectInfo | None]:
        """One answer for each name, None for what is not there."""
        if self._informing is None:
            self._informing = self._git.start("cat_file", "--batch-check")
        process = self._informing
        answers: list[ObjectInfo | None] = []
        try:
            for lines in _portions(names):
                process.stdin.write(b"".join(lines))
                process.stdin.flush()
                answers += [self._answer(process) for _ in lines]
        except BaseException:
            self._informing = None  # its next answer would be the answer to another question
            process.end()
            raise
        return answers

    def read(self, name: str, limit: int | None = None) -> bytes:
        """The content, or the first `limit` bytes of it."""
        content = bytearray()
        for piece in self.pieces(name):
            content += piece if limit is None else piece[: max(limit - len(content), 0)]
        return bytes(content)

    def close(self) -> None:
        """End the kept processes; they are started again when needed."""
        for process in (self._informing, self._reading):
            if process is not None:
                process.end()
        self._informing = self._reading = None

    def pieces(self, name: str) -> Iterator[bytes]:
        """The whole content. Raises UsageError when there is no such object.

        Meant to be read to the end; when it is not, the process ends with it.
        """
        if self._reading is None:
            self._reading = self._git.start("cat_file", "--batch")
        process, self._reading = self._reading, None
        whole = False
        try:
            process.stdin.write(_line(name))
            process.stdin.flush()
            info = self._answer(process)
            if info is None:
                raise UsageError(f"{name} is not in the repository {self._git.root}", hint="Try `git fsck`.")
            left = info.size
            while left:
                piece = process.stdout.read(min(left, _PIECE))
                if not piece:
                    raise self._broken(process)
                left -= len(piece)
                yield piece
            process.stdout.read(1)
            whole = True
        finally:
            if whole:
                self._reading = process
            else:
                process.end()

    def _answer(self, process: Process) -> ObjectInfo | None:
        line = process.stdout.readline()
        if not line:
            raise self._broken(process)
        if line.endswith((b" missing\n", b" ambiguous\n", b" submodule\n")):
            return None
        id_, type_, size = line.decode("ascii").split()
        return ObjectInfo(id_, type_, int(size))

    def _broken(self, process: Process) -> UsageError:
        process.end()
        return UsageError(
            f"git cannot read its objects in {self._git.root}: {process.said}", hint="Try `git fsck`."
        )


def _line(name: str) -> bytes:
    if "\n" in name:
        raise UsageError(f"{name!r} cannot be the name of anything in git: it has a line end")
    return name.encode("utf-8", "surrogateescape") + b"\n"


def _portions(names: Sequence[str]) -> Iterator[list[bytes]]:
    portion: list[bytes] = []
    size = 0
    for line in map(_line, names):
        if portion and size + len(line) > _ASKED_AT_ONCE:
            yield portion
            portion, size = [], 0
        portion.append(line)
        size += len(line)
    if portion:
        yield portion
