"""Git commands that keep a mirror."""

import os
import shlex
from pathlib import Path

from deployer.git.bounded import Bounds, Ended, run_bounded, unattended
from deployer.git.folder_lock import FolderLock

_SETTINGS = (
    "protocol.ext.allow=never",
    "core.hooksPath=/dev/null",
    "core.logAllRefUpdates=true",  # what a force push leaves behind can still be rolled back to
    "gc.reflogExpireUnreachable=90.days",
    "gc.autoDetach=false",  # or it would go on unseen, while we take its lock files for stale ones
)


class RemoteGit:
    """For one visit to the remote at `url`, within its bounds and under the folder's lock."""

    def __init__(self, url: str, home: Path, bounds: Bounds, lock: FolderLock) -> None:
        """`home`: where commands run that need no repository."""
        self._url = url
        self._home = home
        self._bounds = bounds
        self._lock = lock

    def fetch(self, mirror: Path, branch: str) -> Ended:
        """Without the tags, which nobody asked for, and without tidying up, which has a time of its own."""
        options = ("--quiet", "--no-tags", "--no-auto-gc", "--no-recurse-submodules", "--no-write-fetch-head")
        return self._there(
            "fetch", *options, refspec=f"+refs/heads/{branch}:refs/heads/{branch}", mirror=mirror
        )

    def branches(self) -> Ended:
        return self._there("ls-remote", "--heads")

    def run(self, mirror: Path | None, *command: str, bounds: Bounds | None = None) -> Ended:
        """A command that stays on this machine."""
        return self._run(mirror, unattended(mirror), *command, bounds=bounds)

    def _there(self, *command: str, refspec: str = "", mirror: Path | None = None) -> Ended:
        environment = unattended(mirror)
        if not self._has_own_ssh(environment):
            environment["GIT_SSH_COMMAND"] = "ssh -o BatchMode=yes"
        last = (refspec,) if refspec else ()
        return self._run(mirror, environment, *command, *self._upload_pack(), "--", self._url, *last)

    def _run(
        self,
        mirror: Path | None,
        environment: dict[str, str],
        *command: str,
        bounds: Bounds | None = None,
    ) -> Ended:
        settings = [part for setting in _SETTINGS for part in ("-c", setting)]
        return run_bounded(
            [*settings, *command],
            bounds or self._bounds,
            environment=environment,
            folder=mirror or self._home,
            started=self._lock.note,
            keep_open=(self._lock.file,),
        )

    def _has_own_ssh(self, environment: dict[str, str]) -> bool:
        """Our variable would win over the user's configuration."""
        if {"GIT_SSH_COMMAND", "GIT_SSH"} & environment.keys():
            return True
        return self._run(None, environment, "config", "--get", "core.sshCommand").status == 0

    def _upload_pack(self) -> tuple[str, ...]:
        """A repository of this machine that belongs to another user is read all the same.

        Whoever named it in the configuration trusts it; git's own check hears of that only here, for the
        environment does not reach the other side.
        """
        path = self._url.removeprefix("file://")
        if not path.startswith("/"):
            return ()
        folders = {path, os.path.realpath(path)}
        safe = " ".join(f"-c safe.directory={shlex.quote(folder)}" for folder in sorted(folders))
        return (f"--upload-pack=git {safe} upload-pack",)
