"""Bytes as `git archive` writes them, for the files that it may change on the way."""

import tarfile
from collections.abc import Iterator, Sequence
from typing import IO

from git import Repo

LONGEST_COMMAND = 100_000
"""Bytes of paths on one command line; beyond, the whole archive is read instead."""


def archived(repo: Repo, commit: str, paths: Sequence[str]) -> Iterator[tuple[str, IO[bytes]]]:
    """Each wanted path with an open stream of its bytes; to be read before the next is asked for."""
    wanted = set(paths)
    if not wanted:
        return
    named = [f":(literal,top){path}" for path in sorted(wanted)]
    chosen = named if sum(len(name.encode()) for name in named) < LONGEST_COMMAND else []
    process = repo.git.archive("--format=tar", commit, "--", *chosen, as_process=True)
    popen = process.proc
    try:
        with tarfile.open(fileobj=popen.stdout, mode="r|") as tar:
            for member in tar:
                if member.name in wanted and member.isfile() and (stream := tar.extractfile(member)):
                    yield member.name, stream
    finally:
        for pipe in (popen.stdin, popen.stdout, popen.stderr):
            if pipe is not None:
                pipe.close()
        popen.wait()
