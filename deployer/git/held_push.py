"""A push that is held back until its commit is live: how the commit comes to the daemon meanwhile.

Until a push is accepted git keeps its objects in a quarantine that only the pusher can read. So the
pre-receive hook packs them, and the daemon unpacks them into a repository of its own, which borrows
everything else from the target.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from deployer.errors import UsageError
from deployer.git.process import Git
from deployer.git.temporary import fill, open_temporary

_PIECE = 1 << 16


@contextmanager
def bundled(target: Path, commit: str) -> Iterator[BinaryIO]:
    """What `target` does not have yet of a commit that is being pushed to it, at the start of a file.

    A thin pack. (`git bundle create` wants the name of a ref, and in a quarantine there is none yet.)
    """
    git = _git(target)
    with open_temporary("push") as file:
        process = git.start("pack_objects", "--revs", "--thin", "--stdout", "--delta-base-offset", "-q")
        try:
            process.stdin.write(f"{commit}\n".encode() + _tips(git))
            process.stdin.close()
            fill(file, iter(lambda: process.stdout.read(_PIECE), b""))
            if process.wait():
                raise UsageError(f"git pack-objects failed in {target}: {process.said}")
        finally:
            process.end()
        file.seek(0)
        yield file


def unbundle_into(repository: Path, bundle: BinaryIO, size: int, commit: str, *, target: Path) -> None:
    """Have a held commit in `repository`, a bare one that is made when it is not there.

    It borrows the objects of `target` and gets a ref on the commit, refs/deployer/held/<commit>, so that
    nothing tidies it away. Of `bundle`, `size` bytes are read and no more. Raises UsageError where that is
    not what `bundled` made for this target, or not all of it.
    """
    _borrow(repository, target)
    git = _git(repository)
    try:
        _unpack(git, bundle, size)
        # Walks only what the target's branches do not reach: the rest git has checked already.
        wanted = f"{commit}\n".encode() + _tips(_git(target))
        git.run("rev_list", "--objects", "--quiet", "--stdin", stdin=wanted)
        git.run("update_ref", f"refs/deployer/held/{commit}", commit)
    except UsageError as error:
        raise UsageError(f"the pushed commit {commit[:10]} did not arrive whole: {error.message}") from error


def _unpack(git: Git, bundle: BinaryIO, size: int) -> None:
    process = git.start("index_pack", "--stdin", "--fix-thin")
    try:
        with suppress(BrokenPipeError):  # its exit status and its words say why
            while size > 0 and (piece := bundle.read(min(size, _PIECE))):
                process.stdin.write(piece)
                size -= len(piece)
        with suppress(BrokenPipeError):
            process.stdin.close()
        if process.wait() or size:
            raise UsageError(process.said or f"{size} bytes of it are missing")
    finally:
        process.end()


def _tips(git: Git) -> bytes:
    """What is there already, as revisions to leave out."""
    return git.run("for_each_ref", "--format=^%(objectname)")


def _borrow(repository: Path, target: Path) -> None:
    from git import Repo

    theirs = Repo(target, expand_vars=False)
    if not (repository / "HEAD").exists():
        format_ = theirs.git.rev_parse("--show-object-format")
        Repo.init(repository, mkdir=True, expand_vars=False, bare=True, object_format=format_)
    alternates = repository / "objects" / "info" / "alternates"
    alternates.parent.mkdir(exist_ok=True)
    alternates.write_text(f"{Path(theirs.common_dir).resolve() / 'objects'}\n", encoding="utf-8")


def _git(path: Path) -> Git:
    from git import Repo

    return Git(Repo(path, expand_vars=False))
