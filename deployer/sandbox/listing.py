"""What is in a directory: one level with types and URLs, or the whole tree as paths."""

import os
import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from urllib.parse import quote

from deployer.sandbox.disk import AccountDisk, OutsideAccountError
from deployer.sandbox.switches import Switches


def directory(disk: AccountDisk, real: Path, base: str, switches: Switches) -> dict[str, dict[str, str]]:
    """One level, dot-files too, by name. `base` is the URL that account paths are appended to."""
    place = disk.account_path(real)
    entries = _sorted_entries(real)
    if switches.directory_limit:
        entries = entries[: switches.directory_limit]
    return {
        entry.name: {
            "type": _type(disk, entry, switches.directory_links),
            "url": f"{base}{quote(os.fsencode(f'{place}/{entry.name}'))}",
        }
        for entry in entries
    }


def tree(disk: AccountDisk, real: Path, place: str, switches: Switches) -> list[str]:
    """The account paths of everything below, parents before children, directories with a final slash.

    Cut at the limit without a word. That dot-files and links are left out is what the vendor's `pa` says.
    """
    depth = 2 if switches.tree_depth == "two-levels" else None
    found = _below(disk, real, place.rstrip("/"), depth, everything=switches.tree_entries == "all")
    paths = list(islice(found, switches.tree_limit))
    if switches.tree_order == "shuffled":
        random.Random(place).shuffle(paths)
    return paths


def _below(
    disk: AccountDisk, real: Path, place: str, depth: int | None, *, everything: bool
) -> Iterator[str]:
    for entry in _sorted_entries(real):
        if not everything and (entry.name.startswith(".") or entry.is_symlink()):
            continue
        path = f"{place}/{entry.name}"
        if _type(disk, entry, "target") == "file":
            yield path
            continue
        yield path + "/"
        if depth != 1 and not entry.is_symlink():
            below = None if depth is None else depth - 1
            yield from _below(disk, Path(entry.path), path, below, everything=everything)


def _sorted_entries(real: Path) -> list[os.DirEntry[str]]:
    with os.scandir(real) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _type(disk: AccountDisk, entry: os.DirEntry[str], links: str) -> str:
    """`file` or `directory`; a link that leads nowhere, or out of the account, is like a file."""
    if not entry.is_symlink():
        return "directory" if entry.is_dir() else "file"
    if links == "symlink":
        return "symlink"
    try:
        return "directory" if disk.real(disk.account_path(Path(entry.path))).is_dir() else "file"
    except OutsideAccountError:
        return "file"
