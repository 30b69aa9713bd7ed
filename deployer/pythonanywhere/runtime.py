"""The folder for what processes of one user on one machine share while they run."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from deployer.errors import UsageError


def runtime_directory(environment: Mapping[str, str]) -> Path:
    """$DEPLOYER_RUNTIME_DIR, else $XDG_RUNTIME_DIR/deployer, else /tmp/deployer-<uid>; made when missing.

    It depends on the user alone, not on any state folder, because the platform's limit does not either.
    Raises UsageError when it cannot be made or somebody else could write in it.
    """
    directory = _chosen(environment)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = directory.lstat()
    except OSError as error:
        raise _unusable(directory, error.strerror or str(error)) from error
    if not stat.S_ISDIR(found.st_mode):
        raise _unusable(directory, "it is not a directory")
    if found.st_uid != os.geteuid():
        raise _unusable(directory, "it belongs to another user")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise _unusable(directory, "others may write in it")
    return directory


def _chosen(environment: Mapping[str, str]) -> Path:
    if named := environment.get("DEPLOYER_RUNTIME_DIR"):
        return Path(named).resolve()
    if (session := environment.get("XDG_RUNTIME_DIR")) and Path(session).is_dir():
        return Path(session) / "deployer"
    return Path("/tmp") / f"deployer-{os.geteuid()}"  # noqa: S108 - its owner and mode are checked above


def _unusable(directory: Path, why: str) -> UsageError:
    return UsageError(
        f"{directory} cannot hold the request budget: {why}",
        hint="Set DEPLOYER_RUNTIME_DIR to a directory of your own.",
    )
