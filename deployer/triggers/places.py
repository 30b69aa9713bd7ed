"""Where the refs of a repository live, and what has to be watched to hear of them.

Only files are read: this is looked at every few seconds, and a git process would cost more than that.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_OF_A_GIT_FOLDER = frozenset(("HEAD", "packed-refs", "refs", "reftable", "objects", "commondir"))
"""What makes a folder a repository, and where it keeps refs. What else comes and goes beside them (the
index, FETCH_HEAD, gc.pid) moves no ref."""
_TREES = ("refs", "reftable")
_LINKS = 40
"""How many symbolic links the kernel follows for one path."""


class Place(NamedTuple):
    """A folder that exists."""

    folder: Path
    """Symbolic links resolved: one that is watched itself gives no event at all."""
    names: frozenset[str] | None
    """Which of its names matter; None: everything in it, at any depth."""


class GitFolders(NamedTuple):
    """The two may be one."""

    own: Path
    """Has HEAD; of a linked work tree it is a folder below the common one."""
    common: Path
    """Has the branches."""


def git_folders(path: Path) -> GitFolders | None:
    """Of the repository that is at `path` or above it; None where there is none, or only half of one."""
    if not path.is_dir():
        return None
    for folder in (path, *path.parents):
        for candidate in (_dot_git(folder), folder):
            if candidate is not None and (found := _as_git_folders(candidate)):
                return found
    return None


def places(path: Path) -> tuple[Place, ...]:
    """What to watch for the repository at `path`, whole trees first.

    Beside its refs that is every folder whose change can put another repository there, or one where there
    was none: the nearest that exists of those above it, of those above its git folders, and of those above
    what symbolic links point at.
    """
    wanted = _Wanted()
    with suppress(OSError, RuntimeError):  # gone while it was looked at, or links in a circle
        wanted.look_at(Path(os.path.abspath(path)))  # noqa: PTH100 - links are looked at one by one
    return wanted.places()


class _Wanted:
    def __init__(self) -> None:
        self._trees: dict[Path, None] = {}
        self._named: dict[Path, set[str]] = {}

    def places(self) -> tuple[Place, ...]:
        trees = (Place(folder, None) for folder in self._trees)
        return (*trees, *(Place(folder, frozenset(names)) for folder, names in self._named.items()))

    def look_at(self, path: Path) -> None:
        self._entry(path)
        here = path.resolve()
        if here.is_dir():
            self._names(here, (".git", *_OF_A_GIT_FOLDER))
            half = _dot_git(here)
            if half is not None and half.is_dir():
                self._names(half, _OF_A_GIT_FOLDER)
        for folder in git_folders(here) or ():
            self._git_folder(folder)

    def _git_folder(self, folder: Path) -> None:
        self._entry(folder)
        self._names(folder, _OF_A_GIT_FOLDER)
        for name in ("packed-refs", *_TREES):
            if (folder / name).is_symlink():
                self._entry(folder / name)
        for name in _TREES:
            if (folder / name).is_dir():
                self._trees[(folder / name).resolve()] = None

    def _entry(self, entry: Path) -> None:
        for folder, name in _on_the_way(entry):
            self._names(folder, (name,))

    def _names(self, folder: Path, names: Iterable[str]) -> None:
        self._named.setdefault(folder, set()).update(names)


def _on_the_way(entry: Path) -> Iterator[tuple[Path, str]]:
    """Folders that exist, each with the name in it that decides what `entry` is."""
    for _ in range(_LINKS):
        folder, name = entry.parent.resolve(), entry.name
        while not folder.is_dir() and folder != folder.parent:
            folder, name = folder.parent, folder.name
        if not name:
            return
        yield folder, name
        link = folder / name
        if not link.is_symlink():
            return
        entry = Path(os.path.normpath(folder / link.readlink()))


def _dot_git(folder: Path) -> Path | None:
    """What `.git` in a folder stands for: itself, or what it names if it is a file (gitrepository-layout)."""
    dot_git = folder / ".git"
    if dot_git.is_dir():
        return dot_git.resolve()
    named = _first_line(dot_git)
    return (folder / named.removeprefix("gitdir:").strip()).resolve() if named.startswith("gitdir:") else None


def _as_git_folders(folder: Path) -> GitFolders | None:
    if not os.path.lexists(folder / "HEAD"):
        return None
    shared = _first_line(folder / "commondir")
    common = (folder / shared).resolve() if shared else folder
    if not ((common / "objects").is_dir() and (common / "refs").exists()):
        return None
    return GitFolders(folder, common)


def _first_line(path: Path) -> str:
    """Empty when there is no such file."""
    try:
        with path.open(encoding="utf-8", errors="surrogateescape") as file:
            return file.readline(8192).rstrip("\n")
    except OSError:
        return ""
