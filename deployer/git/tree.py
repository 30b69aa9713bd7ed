"""Reads what `git ls-tree` and `git diff-tree` print."""

import re
from collections.abc import Iterator
from typing import NamedTuple

FOLDER = "040000"
LINK = "120000"
SUBMODULE = "160000"


class TreeEntry(NamedTuple):
    """One name of a tree."""

    mode: str
    id: str
    size: int
    """Bytes of the blob; 0 for a submodule."""


class FolderEntry(NamedTuple):
    """One name of a single folder, which may itself be a folder."""

    mode: str
    id: str


class TreeChange(NamedTuple):
    """One path that two trees hold differently."""

    path: str
    old_mode: str
    new_mode: str
    old_id: str
    new_id: str
    status: str
    """"A", "D", "M" or "T"."""

    @property
    def is_there(self) -> bool:
        """In the newer of the two trees."""
        return self.status != "D"

    @property
    def before(self) -> str | None:
        """The blob id in the older of the two trees; None when it had no such path."""
        return None if self.status == "A" else self.old_id


def parse_tree(printed: bytes) -> dict[str, TreeEntry]:
    """From `ls-tree -z -l`. Bytes of a path that are not UTF-8 become lone surrogates."""
    entries = {}
    for record in _records(printed):
        head, _, path = record.partition("\t")
        mode, _, id_, size = head.split()
        entries[path] = TreeEntry(mode, id_, 0 if size == "-" else int(size))
    return entries


def parse_folder(content: bytes, *, digits: int) -> dict[str, FolderEntry]:
    """From a tree object, by name; an id has so many hexadecimal digits."""
    entries = re.finditer(rb"(\d+) ([^\0]+)\0(.{%d})" % (digits // 2), content, re.DOTALL)
    return {
        name.decode("utf-8", "surrogateescape"): FolderEntry(mode.decode().zfill(6), id_.hex())
        for mode, name, id_ in (entry.groups() for entry in entries)
    }


def parse_changes(printed: bytes) -> Iterator[TreeChange]:
    """From `diff-tree -z --raw --no-renames`."""
    records = iter(_records(printed))
    for head, path in zip(records, records, strict=True):
        old_mode, new_mode, old_id, new_id, status = head[1:].split()
        yield TreeChange(path, old_mode, new_mode, old_id, new_id, status)


def file_mode(mode: str) -> str:
    return "100755" if int(mode, 8) & 0o100 else "100644"


def folders(path: str) -> Iterator[str]:
    """The folders above a path, from the top, each with a final slash."""
    end = path.find("/")
    while end != -1:
        yield path[: end + 1]
        end = path.find("/", end + 1)


def _records(printed: bytes) -> list[str]:
    return printed.decode("utf-8", "surrogateescape").split("\0")[:-1]
