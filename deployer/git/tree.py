"""The raw tree of a commit below the shipped folder, and what of it cannot be shipped at all."""

from typing import NamedTuple

from git import Repo

from deployer.errors import UsageError
from deployer.git.objects import Objects

LARGEST_FILE = 100 * 1024 * 1024
"""Bytes; help page "Uploading and downloading files"."""
FOLDER, LINK, SUBMODULE = "040000", "120000", "160000"
LONGEST_NAME, LONGEST_PATH = 255, 4000
"""Bytes in UTF-8: what a Linux file system holds, with room for the target's own path."""


class TreeEntry(NamedTuple):
    """One leaf of a commit's tree. `path` is relative to the shipped folder."""

    path: str
    mode: str
    id: str
    size: int
    """Bytes of the blob; 0 for a submodule."""


def list_tree(repo: Repo, objects: Objects, commit: str, source: str) -> list[TreeEntry]:
    """Every leaf below `source`, in git's order. Raises UsageError when there is no such folder."""
    if source and objects.look_up([f"{commit}:{source}"]).get(f"{commit}:{source}", ("", "", 0))[1] != "tree":
        raise UsageError(
            f"app.source: there is no folder {source} in commit {commit[:10]}",
            hint="app.source in pythonanywhere.toml is relative to the top of the repository.",
        )
    answer: bytes = repo.git.ls_tree(
        "-r",
        "-z",
        "-l",
        "--full-tree",
        f"{commit}:{source}" if source else commit,
        stdout_as_string=False,
        strip_newline_in_stdout=False,
    )
    return parse_tree(answer)


def parse_tree(answer: bytes) -> list[TreeEntry]:
    """What `git ls-tree -z -l` prints."""
    return [_entry(line) for line in answer.decode("utf-8", "surrogateescape").split("\0") if line]


def _entry(line: str) -> TreeEntry:
    head, _, path = line.partition("\t")
    mode, _, id_, size = head.split()
    return TreeEntry(path, mode, id_, 0 if size == "-" else int(size))


def problem(path: str, mode: str, size: int) -> str | None:
    """Why a leaf cannot be shipped, and what to do; None when it can."""
    if mode == SUBMODULE:
        return f"{path} is a submodule, its files are not in this repository: exclude it in [files] exclude"
    if any(ord(character) < 32 or ord(character) == 127 for character in path):
        return f"{path!r} has a control character in its name: rename it"
    try:
        encoded = path.encode()
    except UnicodeEncodeError:
        return f"{path.encode('utf-8', 'surrogateescape')!r} is not a UTF-8 name: rename it"
    if len(encoded) > LONGEST_PATH or any(len(part) > LONGEST_NAME for part in encoded.split(b"/")):
        return f"{path} is longer than the platform's file system allows: shorten it"
    if size > LARGEST_FILE:
        return (
            f"{path} has {size} bytes, the platform takes at most {LARGEST_FILE}: "
            "exclude it in [files] exclude and put it there by hand"
        )
    return None
