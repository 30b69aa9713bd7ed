"""A bare repository that checks what is pushed to it and shows the deployment: made, converted, and what
its hooks know.

Everything the hooks need stands in the repository's own configuration, below `deployer.`, so that whoever
pushes needs no right to read the machine's deployer.toml.
"""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.errors import UsageError
from deployer.git.process import Git
from deployer.git.shared import share

if TYPE_CHECKING:
    from git import Repo

HOOKS = ("pre-receive", "post-receive")
_MARK = "# Made by `deployer push-target`"
_SECTION = "deployer."
_HOOKS_PATH = "core.hooksPath"
_HOOKS_FOLDER = "hooks"
"""Relative to the repository, where git runs hooks. Said in the repository, because a pusher's own global
core.hooksPath would otherwise pass the check by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSettings:
    """What the hooks of one target know of the site and of the daemon."""

    site: str
    """The name of the [site.<name>] table."""
    socket: str
    """The daemon's control socket."""
    branch: str
    """The branch that is deployed, without refs/heads/."""
    manifest: str
    """Where a commit says what the site is."""
    username: str
    host: str
    gate: str = ""
    """"deploy": a push is accepted once it is live; empty: once it was checked."""
    config: str = ""
    """The deployer.toml, for messages; empty: where it is looked for anyway."""
    app: str = ""
    """What stands in deployer.toml in place of the repository's [app], as JSON; empty: nothing."""

    @property
    def ref(self) -> str:
        return f"refs/heads/{self.branch}"

    def written(self) -> dict[str, str]:
        """Keys and values for git's configuration; an empty value means that the key is not there."""
        return {f"{_SECTION}{name}": getattr(self, name) for name in self.__slots__}

    @classmethod
    def read(cls, repository: Path) -> "TargetSettings":
        """Raises UsageError when `repository` is no target, or not a whole one."""
        git = Git(_open(repository))
        found = {key.removeprefix(_SECTION): value for key, value in _configuration(git, _SECTION).items()}
        known = {name: found[name] for name in cls.__slots__ if name in found}
        missing = {"site", "socket", "branch", "manifest", "username", "host"} - known.keys()
        if missing:
            raise UsageError(
                f"{repository} does not say which site it is for: {', '.join(sorted(missing))} missing",
                hint=f"`deployer push-target {shlex.quote(str(repository))}` writes that again.",
            )
        return cls(**known)


def make_target(
    path: Path,
    settings: TargetSettings,
    command: tuple[str, ...],
    *,
    group: str | None = None,
    force: bool = False,
) -> tuple[str, ...]:
    """Make `path` a push target, or bring one up to date; says what was done, nothing when it was one.

    `command` runs this installation's `deployer`. Raises UsageError for a repository with a work tree, for
    somebody's own hook without `force`, and where this user may not write.
    """
    try:
        made = _is_new(path)
        repo = _init(path, settings.branch) if made else _open(path)
        git = Git(repo)
        _check_bare(repo, path)
        if not force:
            _check_hooks(path, git)
        done = [f"made the bare repository {path}"] if made else []
        done += _configure(git, {**settings.written(), _HOOKS_PATH: _HOOKS_FOLDER})
        done += _write_hooks(path, command)
        if group is not None:
            done += _configure(git, {"core.sharedRepository": "group"})
            done += share(path, group)
    except OSError as error:
        raise UsageError(
            f"{error.filename or path}: {error.strerror or error}",
            left="What was written before that stays; the same command goes on from there.",
            hint=f"Run it as the user that {path} belongs to, or as root.",
        ) from error
    return tuple(done)


def _is_new(path: Path) -> bool:
    if not path.exists():
        return True
    if not path.is_dir():
        raise UsageError(f"{path} is a file", hint="Name a folder that is not there yet: /srv/git/blog.git")
    return not any(path.iterdir())


def _init(path: Path, branch: str) -> "Repo":
    from git import Repo
    from git.exc import CommandError

    try:
        return Repo.init(path, mkdir=True, expand_vars=False, bare=True, initial_branch=branch)
    except CommandError as error:
        raise UsageError(f"git init failed for {path}: {str(error.stderr).strip()}") from error


def _open(path: Path) -> "Repo":
    """Just here: a bare folder in somebody's work tree must not turn that into a target."""
    from git import Repo
    from git.exc import InvalidGitRepositoryError, NoSuchPathError

    try:
        return Repo(path, expand_vars=False)
    except NoSuchPathError:
        raise UsageError(f"{path} does not exist") from None
    except InvalidGitRepositoryError:
        raise UsageError(
            f"{path} has files in it and is no git repository",
            left="Nothing was changed.",
            hint="Name a folder that is empty or not there yet.",
        ) from None


def _check_bare(repo: "Repo", path: Path) -> None:
    if repo.bare:
        return
    bare = path.with_name(f"{path.parent.name if path.name == '.git' else path.name}.git")
    if bare == path:
        bare = path.with_name(f"{path.stem}-target.git")
    old, new = shlex.quote(str(path)), shlex.quote(str(bare))
    raise UsageError(
        f"{path} has a work tree: a push would move its branch below the files that are checked out there",
        left="Nothing was changed.",
        hint=f"Make a bare one of it: git clone --bare {old} {new} && deployer push-target {new}",
    )


def _check_hooks(path: Path, git: Git) -> None:
    elsewhere = _configuration(git, _HOOKS_PATH).get(_HOOKS_PATH.lower(), _HOOKS_FOLDER)
    if elsewhere != _HOOKS_FOLDER:
        raise UsageError(
            f"{path} keeps its hooks in {elsewhere} ({_HOOKS_PATH})",
            left="Nothing was changed.",
            hint=f"--force lets it use {path / _HOOKS_FOLDER} instead; what is there now stays as it is.",
        )
    theirs = [str(hook) for hook in _hooks(path) if hook.exists() and not _is_ours(hook)]
    if theirs:
        raise UsageError(
            f"{' and '.join(theirs)}: somebody's own hook is in the way",
            left="Nothing was changed.",
            hint="--force puts ours there and keeps the old one beside it, as <name>.before-deployer.",
        )


def _hooks(path: Path) -> list[Path]:
    return [path / _HOOKS_FOLDER / name for name in HOOKS]


def _is_ours(hook: Path) -> bool:
    return _MARK in hook.read_text(encoding="utf-8", errors="replace")


def _write_hooks(path: Path, command: tuple[str, ...]) -> Iterator[str]:
    (path / _HOOKS_FOLDER).mkdir(exist_ok=True)
    for hook in _hooks(path):
        text = _hook_text(hook.name, command)
        if hook.exists():
            if hook.read_text(encoding="utf-8", errors="replace") == text:
                continue
            if not _is_ours(hook):
                kept = hook.with_name(f"{hook.name}.before-deployer")
                hook.rename(kept)
                yield f"kept the hook that was there as {kept}"
        new = hook.with_name(f"{hook.name}.new")
        new.write_text(text, encoding="utf-8")
        new.chmod(0o755)  # whoever pushes runs it
        new.replace(hook)
        yield f"wrote {hook}"


def _hook_text(name: str, command: tuple[str, ...]) -> str:
    """The first word is looked for: a virtual environment that was moved shall not be a riddle."""
    program = shlex.quote(command[0])
    called = " ".join(shlex.quote(word) for word in (*command, "hook", name))
    return f"""#!/bin/sh
{_MARK}, which writes it again; do not edit.
if [ ! -x {program} ]; then
    echo "deployer: {name}: "{program}" is not there, or not for this user to run." >&2
    echo "Repeat \\`deployer push-target\\` on this repository with the deployer that is installed now." >&2
    exit 1
fi
exec {called}
"""


def _configure(git: Git, wanted: Mapping[str, str]) -> Iterator[str]:
    there = _configuration(git, "")
    for key, value in wanted.items():
        now = there.get(key.lower(), "")
        if now == value:
            continue
        if value:
            git.run("config", "--local", "--replace-all", key, value)
            yield f"set {key} = {value}"
        else:
            git.run("config", "--local", "--unset-all", key)
            yield f"took {key} away"


def _configuration(git: Git, beginning: str) -> dict[str, str]:
    """The repository's own; git writes the section and the last part of a key in lower case."""
    printed = git.run("config", "--local", "--null", "--list").decode("utf-8", "surrogateescape")
    found = {}
    for entry in printed.split("\0"):
        key, _, value = entry.partition("\n")
        if key.startswith(beginning.lower()):
            with suppress(ValueError):
                found[key] = value
    return found
