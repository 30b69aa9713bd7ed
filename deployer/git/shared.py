"""Lets a group of users push to one bare repository."""

import grp
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from deployer.errors import UsageError

_OWNERS_ONLY = ("hooks", "config")
"""What runs at everybody's push is written by the owner alone."""
_FOLDER = stat.S_ISGID | stat.S_IRWXG
"""What is made in it belongs to the group, too."""


def share(repository: Path, group: str) -> Iterator[str]:
    """Give the repository to `group`, a name or number; says so when something was changed.

    With core.sharedRepository=group git keeps it so. Raises UsageError for a group that is not there or
    that this user may not give anything to.
    """
    number = _number(group)
    changed = 0
    for path in (repository, *sorted(repository.rglob("*"))):
        if not path.is_symlink():
            changed += _give(path, number, writable=path.relative_to(repository).parts[:1] not in _OWNED)
    if changed:
        yield f"gave {changed} files and folders to the group {group}"


_OWNED = {(name,) for name in _OWNERS_ONLY}


def _give(path: Path, group: int, *, writable: bool) -> bool:
    now = path.lstat()
    if stat.S_ISDIR(now.st_mode):
        wanted = now.st_mode | (_FOLDER if writable else stat.S_IRGRP | stat.S_IXGRP)
    else:
        wanted = now.st_mode | stat.S_IRGRP
        if writable and now.st_mode & stat.S_IWUSR:  # objects are written once, by nobody again
            wanted |= stat.S_IWGRP
    if now.st_gid == group and now.st_mode == wanted:
        return False
    if now.st_gid != group:
        try:
            os.chown(path, -1, group)
        except PermissionError as error:
            raise UsageError(
                f"this user may not give {path} to the group {group}: not its owner, or not in that group",
                hint="Run it as root, or as the owner once that is a member (`id` shows the groups).",
            ) from error
    path.chmod(stat.S_IMODE(wanted))  # after chown, which takes the set-group-id bit away
    return True


def _number(group: str) -> int:
    if group.isdigit():
        return int(group)
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise UsageError(f"this machine has no group {group}", hint=f"`groupadd {group}` makes it.") from None
