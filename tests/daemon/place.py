"""A sandbox, bare repositories that are pushed to, and a deployer.toml that names them: a daemon's world."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from deployer.sandbox import Sandbox, SandboxOptions, Switches
from deployer.sandbox.journal import Entry
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


Follow = Callable[[str, Entry], None]
"""(user name, request) -> None, in the thread that serves it, as it is answered."""


@dataclass(slots=True)
class Place:
    """One account, or several, with sites that a daemon deploys."""

    folder: Path
    sandbox: Sandbox
    """The first account's, which sites have unless they name another one."""
    others: dict[str, Sandbox] = field(default_factory=dict)
    """By user name."""
    repos: dict[str, PushedRepo] = field(default_factory=dict)
    account_of: dict[str, str] = field(default_factory=dict)
    """Site -> user name, where it is not the first account's."""
    daemon_keys: str = ""
    more: dict[str, str] = field(default_factory=dict)
    """Site -> further lines of its table."""
    listen: str = "127.0.0.1:0"

    @property
    def config(self) -> Path:
        """deployer.toml as it is now, written anew."""
        path = self.folder / "deployer.toml"
        tables = [
            f'[daemon]\nstate = "{self.folder / "state"}"\nlisten = "{self.listen}"\n{self.daemon_keys}'
        ]
        for user, sandbox in self.accounts.items():
            token = sandbox.disk.data / "token"
            tables.append(
                f'[account.{user}]\nusername = "{user}"\nhost = "{sandbox.url}"\n'
                f'token = {{ file = "{token}" }}\nrequests_per_minute = 0'
            )
        for name, repo in self.repos.items():
            account = self.account_of.get(name, self.sandbox.user)
            tables.append(
                f'[site.{name}]\naccount = "{account}"\nrepo = "{repo.bare}"\n{self.more.get(name, "")}'
            )
        path.write_text("\n\n".join([*tables, ""]))
        return path

    @property
    def accounts(self) -> dict[str, Sandbox]:
        """By user name, the first one first."""
        return {self.sandbox.user: self.sandbox, **self.others}

    def sandbox_of(self, site: str) -> Sandbox:
        return self.accounts[self.account_of.get(site, self.sandbox.user)]

    @property
    def environment(self) -> dict[str, str]:
        """For `deployer run` as a process."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "DEPLOYER_CONFIG": str(self.config),
            "DEPLOYER_RUNTIME_DIR": str(self.folder / "runtime"),
        }

    def add_site(self, name: str, *, user: str | None = None) -> PushedRepo:
        """One without a commit so far, of the first account or of that user's."""
        bare = GitRepo(self.folder / f"{name}.git", bare=True)
        repo = PushedRepo(GitRepo(self.folder / f"{name}-work"), bare.path)
        self.repos[name] = repo
        if user is not None:
            self.account_of[name] = user
        return repo

    def served(self, path: str = "mysite/wsgi.py", *, site: str = "blog") -> str | None:
        """A file in the home of the site's account as it is now; None: not there."""
        sandbox = self.sandbox_of(site)
        file = sandbox.disk.real(f"/home/{sandbox.user}/{path}")
        return file.read_text() if file.is_file() else None


@contextmanager
def place(folder: Path, *, switches: Switches | None = None) -> Iterator[Place]:
    """With one site, "blog", whose repository has one commit that works."""
    with places(folder, users=("alice",), switches=switches) as opened:
        opened.add_site("blog").push({"pythonanywhere.toml": CONFIG, "wsgi.py": WSGI})
        yield opened


@contextmanager
def places(
    folder: Path, *, users: Sequence[str], switches: Switches | None = None, follow: Follow | None = None
) -> Iterator[Place]:
    """With an account for each user, paid and with room for any web app, and no site."""
    with ExitStack() as opened:
        sandboxes = [
            opened.enter_context(
                Sandbox(
                    SandboxOptions(
                        data=folder / ("platform" if user == users[0] else f"platform-{user}"),
                        user=user,
                        switches=switches or Switches(rate_limit="off"),
                        plan="paid",
                        webapps=20,
                    ),
                    follow=partial(follow, user) if follow else None,
                )
            )
            for user in users
        ]
        others = {sandbox.user: sandbox for sandbox in sandboxes[1:]}
        yield Place(folder, sandboxes[0], others)
