"""Mirrors of remote repositories: bare clones of ours below the state folder."""

import os
import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from deployer.errors import Temporary, Unreachable, UsageError
from deployer.git.address import checked_url, without_secrets
from deployer.git.bounded import Bounds, CheckStop, Ended, OutOfTime
from deployer.git.folder_lock import locked
from deployer.git.remote import RemoteGit

_TIDYING_S = 60.0
_NO_TIDYING_FOR_S = 86_400.0
"""After one that took too long."""
_NAMED = 10
"""Branches, in a message."""
_NOT_WHOLE = re.compile(
    r"^(?!remote:).*(bad object|missing|could not read (?!from remote|Username|Password)"
    r"|unable to (read|parse)|not a valid object|corrupt|broken|not a git repository|did not send all"
    r"|is empty|cannot be accessed|does not match index|unresolved deltas|invalid"
    r"|bad (config|tree|file|index|signature|tag)"
    r"|unknown repository extension)",
    re.IGNORECASE | re.MULTILINE,
)
"""What git says when its own objects are not whole, and in other cases, too: a reason to look."""
_CREDENTIALS = re.compile(
    r"could not read (Username|Password)|Authentication failed|Permission denied|Host key|error: 40[13]"
)


class _NotWhole(Exception):
    """What is in the mirror cannot be used. `object_format`: what is needed, where git has told."""

    def __init__(self, object_format: str = "") -> None:
        super().__init__(object_format)
        self.object_format = object_format


class Mirror:
    """A bare repository at `folder` that follows branches of the one at `url`; `Repository` reads it.

    Only branches that were asked for are fetched: what is deployed is one of them, and a repository may
    have thousands that nobody deploys. The commits that a force push leaves behind stay for 90 days.
    """

    def __init__(self, url: str, folder: Path) -> None:
        """Touches nothing yet. Raises UsageError for an address that is not taken."""
        self.url = checked_url(url)
        self.folder = folder
        self._shown = without_secrets(url)
        self._clean = False
        """Nothing was left behind by a git that was cut off."""
        self._tidy_from = 0.0

    def fetch(self, branch: str, *, timeout_s: float = 60, check_stop: CheckStop = lambda: None) -> None:
        """Bring `branch` to where the remote has it, wherever it was. The first time makes the mirror.

        Waits for whoever else uses this folder. Raises UsageError when the remote has no such branch, or
        the folder cannot be used. Everything else is Temporary, refused credentials too: git tells of them
        only in words that a server chooses, they are mended elsewhere, and the next try notices. What
        `check_stop` raises ends it at once. Nothing that was there before an error is lost by it.
        """
        bounds = Bounds.of(timeout_s, check_stop)
        try:
            folder = self.folder.resolve()
            folder.parent.mkdir(parents=True, exist_ok=True)
            with locked(folder, bounds) as lock:
                git = RemoteGit(self.url, folder.parent, bounds, lock)
                _check_branch(git, branch)
                self._bring(git, folder, branch)
                self._tidy(git, folder, check_stop)
        except OutOfTime:
            raise Unreachable(
                f"{self._shown} could not be fetched within {timeout_s:g} s; git was ended",
                left=f"What was in the mirror {self.folder} is still there.",
            ) from None
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            raise UsageError(
                f"the mirror {self.folder} cannot be used: {where}{error.strerror or error}"
            ) from error

    def _bring(self, git: RemoteGit, folder: Path, branch: str) -> None:
        if not self._clean:
            _remove_leftovers(folder)
        self._clean = False
        try:
            if folder.is_dir():
                self._update(git, folder, branch)
            else:
                self._clone(git, folder, branch)
        except _NotWhole as why:
            try:
                self._clone(git, folder, branch, why.object_format)
            except _NotWhole:
                raise Temporary(
                    f"{self._shown} was fetched, but some of its objects are missing",
                    hint="`git fsck` in the repository itself tells which.",
                ) from None
        self._clean = True

    def _clone(self, git: RemoteGit, folder: Path, branch: str, object_format: str = "") -> None:
        """Beside its place, and moved there when it is whole; what was there before is thrown away."""
        if folder.exists() and not _may_be_ours(folder):
            raise UsageError(f"{folder} is no mirror: what is in it was left alone")
        new, old = _beside(folder)
        shutil.rmtree(new, ignore_errors=True)
        try:
            kind = [f"--object-format={object_format}"] if object_format else []
            made = git.run(None, "init", "--quiet", "--bare", "--template=", *kind, str(new))
            if made.status:
                self._give_up(made)
            try:
                self._update(git, new, branch)
            except _NotWhole as why:
                if object_format or not why.object_format:
                    raise
                self._clone(git, folder, branch, why.object_format)
                return
            if folder.exists():
                folder.rename(old)
            new.rename(folder)
        finally:
            for path in (new, old):
                shutil.rmtree(path, ignore_errors=True)

    def _update(self, git: RemoteGit, folder: Path, branch: str) -> None:
        """Raises _NotWhole when the repository in `folder` has to be made anew."""
        ended = git.fetch(folder, branch)
        if ended.status and _remove_in_the_way(git, folder, branch):
            ended = git.fetch(folder, branch)
        if not ended.status:
            _prove(git, folder, "--no-walk", f"refs/heads/{branch}")
            return
        if (format_ := re.search(r"mismatched algorithms: client \w+; server (\w+)", ended.said)) is not None:
            raise _NotWhole(format_[1])
        if "couldn't find remote ref" in ended.said:
            self._no_such_branch(git, branch)
        if _NOT_WHOLE.search(ended.said):
            _prove(git, folder, "--all")
        self._give_up(ended)

    def _no_such_branch(self, git: RemoteGit, branch: str) -> NoReturn:
        listed = git.branches()
        if listed.status:
            self._give_up(listed)
        lines = listed.printed.decode("utf-8", "replace").splitlines()
        names = sorted(line.partition("\trefs/heads/")[2] for line in lines)
        raise UsageError(
            f"there is no branch {branch!r} in {self._shown}, or not any more",
            hint=f"There is {_some(names)}." if names else "It has no branches at all.",
        )

    def _give_up(self, ended: Ended) -> NoReturn:
        lines = [line.strip() for line in without_secrets(ended.said).splitlines() if line.strip()]
        refused = _CREDENTIALS.search(ended.said) is not None
        raise Temporary(
            f"{self._shown} cannot be fetched: {'; '.join(lines[-6:]) or f'git ended with {ended.status}'}",
            left=f"What was in the mirror {self.folder} is still there.",
            hint="The user that this runs as needs access: a credential helper of git, or an SSH key that"
            f" asks for nothing. As that user, try: git ls-remote {self._shown}"
            if refused
            else "",
        )

    def _tidy(self, git: RemoteGit, folder: Path, check_stop: CheckStop) -> None:
        """Pack what has gathered, when git finds that it is time; in a bound of its own.

        The branch has arrived by then, so neither a slow nor a failed one is an error.
        """
        if time.monotonic() < self._tidy_from:
            return
        try:
            git.run(folder, "gc", "--auto", "--quiet", bounds=Bounds.of(_TIDYING_S, check_stop))
        except OutOfTime:
            self._tidy_from = time.monotonic() + _NO_TIDYING_FOR_S
            self._clean = False


def _check_branch(git: RemoteGit, branch: str) -> None:
    """Before it becomes part of a refspec."""
    impossible = "\0" in branch or branch.startswith("-")
    if impossible or git.run(None, "check-ref-format", f"refs/heads/{branch}").status:
        raise UsageError(f"{branch!r} cannot be the name of a branch")


def _prove(git: RemoteGit, folder: Path, *which: str) -> None:
    """Every object is there: with --no-walk what the files of that commit need, else the history, too."""
    if git.run(folder, "rev-list", "--objects", "--quiet", *which, "--").status:
        raise _NotWhole


def _remove_in_the_way(git: RemoteGit, folder: Path, branch: str) -> bool:
    """`a` and `a/b` exclude each other, and the remote may have changed from one to the other.

    Whether there was any.
    """
    listed = git.run(folder, "for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads")
    names = listed.printed.decode("utf-8", "surrogateescape").splitlines()
    rivals = [
        name for name in names if f"{name}/".startswith(f"{branch}/") or f"{branch}/".startswith(f"{name}/")
    ]
    rivals = [name for name in rivals if name != branch]
    for name in rivals:
        git.run(folder, "update-ref", "-d", f"refs/heads/{name}")
    return bool(rivals)


def _beside(folder: Path) -> tuple[Path, Path]:
    """Where a mirror is made, and where the one that it replaces goes."""
    return folder.with_name(f"{folder.name}.new"), folder.with_name(f"{folder.name}.old")


def _remove_leftovers(folder: Path) -> None:
    """Of a git or a daemon that was killed: only we write here, and we hold the lock."""
    for path in _beside(folder):
        shutil.rmtree(path, ignore_errors=True)
    for place, _, names in os.walk(folder):
        in_objects = Path(place).is_relative_to(folder / "objects")
        for name in names:
            if name.endswith(".lock") or name == "gc.pid" or (in_objects and name.startswith("tmp_")):
                (Path(place) / name).unlink(missing_ok=True)


def _may_be_ours(folder: Path) -> bool:
    """A bare repository, whole or not, or nothing at all; only that is ever thrown away."""
    names = set(os.listdir(folder)) if folder.is_dir() else {"a file"}  # noqa: PTH208 - names are all we need
    return not names or (bool(names & {"HEAD", "objects", "refs", "config"}) and ".git" not in names)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
