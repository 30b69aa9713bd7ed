"""A sandbox, bare repositories that are pushed to, and a deployer.toml that names them: a daemon's world."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deployer.sandbox import Sandbox, SandboxOptions, Switches
from tests.builders.git import GitRepo
from tests.cli.project import WSGI

CONFIG = """
[app]
target = "~/mysite"
wsgi = "wsgi.py"

[health]
timeout = "5s"
"""


@dataclass(slots=True)
class PushedRepo:
    """A work tree whose commits are pushed to a bare repository, which the daemon deploys."""

    work: GitRepo
    bare: Path

    def push(self, files: Mapping[str, bytes | str | None], message: str = "A change") -> str:
        """Commit and push; returns the commit's id."""
        commit = self.work.commit(files, message)
        self.work.git("push", "--quiet", "--force", str(self.bare), "main")
        return commit


@dataclass(slots=True)
class Place:
    """One account with sites that a daemon deploys."""

    folder: Path
    sandbox: Sandbox
    repos: dict[str, PushedRepo] = field(default_factory=dict)
    daemon_keys: str = ""
    more: dict[str, str] = field(default_factory=dict)
    """Site -> further lines of its table."""
    listen: str = "127.0.0.1:0"

    @property
    def config(self) -> Path:
        """deployer.toml as it is now, written anew."""
        path = self.folder / "deployer.toml"
        sites = "".join(
            f'\n[site.{name}]\naccount = "alice"\nrepo = "{repo.bare}"\n{self.more.get(name, "")}\n'
            for name, repo in self.repos.items()
        )
        path.write_text(
            f'[daemon]\nstate = "{self.folder / "state"}"\nlisten = "{self.listen}"\n{self.daemon_keys}\n'
            f'[account.alice]\nusername = "{self.sandbox.user}"\nhost = "{self.sandbox.url}"\n'
            f'token = {{ file = "{self.folder / "token"}" }}\nrequests_per_minute = 0\n{sites}'
        )
        return path

    @property
    def environment(self) -> dict[str, str]:
        """For `deployer run` as a process."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "DEPLOYER_CONFIG": str(self.config),
            "DEPLOYER_RUNTIME_DIR": str(self.folder / "runtime"),
        }

    def add_site(self, name: str) -> PushedRepo:
        bare = GitRepo(self.folder / f"{name}.git", bare=True)
        repo = PushedRepo(GitRepo(self.folder / f"{name}-work"), bare.path)
        self.repos[name] = repo
        return repo

    def served(self, path: str = "mysite/wsgi.py") -> str | None:
        """A file of the account as it is now; None: not there."""
        file = self.sandbox.disk.real(f"/home/{self.sandbox.user}/{path}")
        return file.read_text() if file.is_file() else None


@contextmanager
def place(folder: Path, *, switches: Switches | None = None) -> Iterator[Place]:
    """With one site, "blog", whose repository has one commit that works."""
    options = SandboxOptions(
        data=folder / "platform", user="alice", switches=switches or Switches(rate_limit="off"), plan="paid"
    )
    with Sandbox(options) as sandbox:
        token = folder / "token"
        token.write_text(sandbox.token)
        token.chmod(0o600)
        opened = Place(folder, sandbox)
        opened.add_site("blog").push({"pythonanywhere.toml": CONFIG, "wsgi.py": WSGI})
        yield opened
