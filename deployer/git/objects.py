"""Blobs and their sizes from processes of git that are kept: one process per question would cost
forty times as much as the question.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from subprocess import PIPE
from threading import Thread
from typing import Any, BinaryIO, Self

from git import Repo

from deployer.errors import UsageError


class Objects:
    """One `cat-file --batch` and one `cat-file --batch-check`, started on first use."""

    def __init__(self, repo: Repo) -> None:
        self._repo = repo
        self._processes: dict[str, Any] = {}

    def close(self) -> None:
        """End the kept processes; a broken one is not worth an error."""
        for process in self._processes.values():
            popen = process.proc
            for stream in (popen.stdin, popen.stdout, popen.stderr):
                if stream is not None:
                    stream.close()
            popen.wait()
        self._processes.clear()

    def sizes(self, names: Iterable[str]) -> Mapping[str, int]:
        """Object name -> bytes; names that git does not know are left out.

        A name is anything that `git rev-parse` takes on one line.
        """
        return {name: size for name, (_, _, size) in self.look_up(names).items()}

    def look_up(self, names: Iterable[str]) -> Mapping[str, tuple[str, str, int]]:
        """Name -> (object id, type, bytes), for those that are there."""
        wanted = list(names)
        if not wanted:
            return {}
        process = self._kept("--batch-check")
        feeder = Thread(target=_feed, args=(process.stdin, wanted), daemon=True)
        feeder.start()
        found = {}
        for name in wanted:
            answer = process.stdout.readline()
            # "<id> <type> <size>", or "<name> missing", or "<name> ambiguous"
            fields = answer.decode("utf-8", "surrogateescape").rstrip("\n").rsplit(" ", 2)
            if len(fields) == 3 and fields[2].isdigit() and answer != b"":
                found[name] = (fields[0], fields[1], int(fields[2]))
        feeder.join()
        return found

    def stream(self, name: str) -> "BlobStream":
        """The bytes of one object. Until it is closed no other stream can be opened."""
        process = self._kept("--batch")
        process.stdin.write(name.encode("utf-8", "surrogateescape") + b"\n")
        process.stdin.flush()
        header = process.stdout.readline().decode("utf-8", "surrogateescape").split()
        if len(header) != 3 or not header[2].isdigit():
            raise UsageError(
                f"git has no object {name}",
                hint="A shallow or partial clone leaves objects out: `git fetch --unshallow`.",
            )
        return BlobStream(process.stdout, int(header[2]))

    def read(self, name: str) -> bytes:
        with self.stream(name) as stream:
            return stream.read()

    def _kept(self, mode: str) -> Any:
        if mode not in self._processes:
            self._processes[mode] = self._repo.git.cat_file(mode, as_process=True, istream=PIPE)
        return self._processes[mode]


class BlobStream:
    """A file to read from, of known size; leaves the kept process ready whenever it is closed."""

    def __init__(self, source: BinaryIO, size: int) -> None:
        self._source = source
        self._left = size
        self.size = size

    def read(self, most: int = -1) -> bytes:
        wanted = self._left if most < 0 else min(most, self._left)
        data = self._source.read(wanted) if wanted else b""
        self._left -= len(data)
        return data

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        while self._left and self.read(1 << 20):
            pass
        self._source.read(1)  # the line feed that ends an object


def pieces(stream: BlobStream, size: int = 1 << 20) -> Iterator[bytes]:
    while piece := stream.read(size):
        yield piece


def _feed(stdin: BinaryIO, names: list[str]) -> None:
    stdin.write("".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape"))
    stdin.flush()


def git_path(repo: Repo, name: str) -> Path:
    """Where git keeps a file of its own, for linked work trees too."""
    return Path(repo.working_dir or repo.git_dir, repo.git.rev_parse("--git-path", name))
