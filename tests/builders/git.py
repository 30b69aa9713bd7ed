"""Real git repositories for tests, quickly: a commit is one `git fast-import`."""

import os
import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal

BRANCH = "refs/heads/main"
FIRST_SECOND = 1_767_225_600  # 2026-01-01T00:00:00Z; every commit is one second later than the last
ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ada Author",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Cleo Committer",
    "GIT_COMMITTER_EMAIL": "cleo@example.org",
}
"""Nobody's own configuration, and an identity that makes equal histories have equal commit ids."""


class GitRepo:
    """A new repository at `path`, with a branch `main`."""

    def __init__(
        self, path: Path, *, bare: bool = False, object_format: Literal["sha1", "sha256"] = "sha1"
    ) -> None:
        self.path = path
        self.bare = bare
        self.commits = 0
        path.mkdir(parents=True, exist_ok=True)
        if (path if bare else path / ".git").joinpath("HEAD").exists():  # somebody's copy of one
            self.commits = int(self.git("rev-list", "--count", BRANCH))
            return
        kind = ["--bare"] if bare else []
        self.git("init", "--quiet", "--initial-branch=main", f"--object-format={object_format}", *kind)

    def commit(
        self,
        files: Mapping[str, bytes | str | None],
        message: str = "A change",
        *,
        executable: Collection[str] = (),
        links: Mapping[str, str] | None = None,
        submodules: Mapping[str, str] | None = None,
    ) -> str:
        """One more commit on `main`; returns its id. None deletes a path, a folder with all below it.

        `links` maps paths to what they point at, `submodules` paths to commit ids. The work tree,
        where there is one, follows.
        """
        out = self._head(message)
        for path, content in files.items():
            if content is None:
                out += b"D " + _quoted(path) + b"\n"
            else:
                out += _entry("100755" if path in executable else "100644", path, content)
        for path, target in (links or {}).items():
            out += _entry("120000", path, target)
        for path, commit in (submodules or {}).items():
            out += b"M 160000 " + commit.encode() + b" " + _quoted(path) + b"\n"
        self._run("fast-import", "--quiet", "--date-format=raw", input_=bytes(out))
        self.commits += 1
        if not self.bare:
            self.git("reset", "--quiet", "--hard")
        return self.git("rev-parse", BRANCH)

    def git(self, *arguments: str) -> str:
        """Run git here; returns what it says, without the line end."""
        return self._run(*arguments).decode("utf-8", "surrogateescape").rstrip("\n")

    def archive(self, commit: str, *paths: str) -> bytes:
        """The tar that `git archive` makes: what a deployment has to equal."""
        return self._run("archive", "--format=tar", commit, "--", *paths)

    def _head(self, message: str) -> bytearray:
        second = FIRST_SECOND + self.commits
        out = bytearray(f"commit {BRANCH}\n".encode())
        for role in ("author", "committer"):
            name = ENVIRONMENT[f"GIT_{role.upper()}_NAME"]
            out += f"{role} {name} <{ENVIRONMENT[f'GIT_{role.upper()}_EMAIL']}> {second} +0000\n".encode()
        out += _data(message)
        if self.commits:
            out += f"from {BRANCH}^0\n".encode()
        return out

    def _run(self, *arguments: str, input_: bytes | None = None) -> bytes:
        return subprocess.run(
            ["git", *arguments],
            cwd=self.path,
            env={**os.environ, **ENVIRONMENT},
            input=input_,
            stdout=subprocess.PIPE,
            check=True,
        ).stdout


def _entry(mode: str, path: str, content: bytes | str) -> bytes:
    return f"M {mode} inline ".encode() + _quoted(path) + b"\n" + _data(content)


def _data(content: bytes | str) -> bytes:
    raw = content.encode() if isinstance(content, str) else content
    return b"data %d\n" % len(raw) + raw + b"\n"


def _quoted(path: str) -> bytes:
    raw = path.encode("utf-8", "surrogateescape")
    return b'"' + raw.replace(b"\\", rb"\\").replace(b'"', rb"\"").replace(b"\n", rb"\n") + b'"'
