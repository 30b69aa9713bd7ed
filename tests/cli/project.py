"""A repository, a sandbox and a clean environment, with the real command run as a process."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deployer.sandbox import Sandbox, SandboxOptions, Switches
from tests.builders.git import GitRepo

CONFIG = """
[app]
target = "~/mysite"
wsgi = "wsgi.py"

[health]
timeout = "5s"
"""
WSGI = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello from the site"]
"""


@dataclass(frozen=True, slots=True)
class Ended:
    status: int
    out: str
    err: str


@dataclass(slots=True)
class Project:
    folder: Path
    sandbox: Sandbox
    repo: GitRepo
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kept = {key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ}
        self.environment = {
            **kept,
            "HOME": str(self.folder / "home"),
            "PYTHONANYWHERE_SITE": self.sandbox.url,
            "PYTHONANYWHERE_USERNAME": self.sandbox.user,
            "API_TOKEN": self.sandbox.token,
            "DEPLOYER_STATE": str(self.folder / "state"),
            "DEPLOYER_RUNTIME_DIR": str(self.folder / "runtime"),
        }
        (self.folder / "home").mkdir()

    def commit(self, files: Mapping[str, bytes | str | None], message: str = "A change") -> str:
        return self.repo.commit(files, message)

    def run(self, *arguments: str, **environment: str | None) -> Ended:
        """One command in the repository; `environment` overrides, None takes away."""
        merged = {**self.environment, **environment}
        ended = subprocess.run(
            [sys.executable, "-m", "deployer", *arguments],
            cwd=self.repo.path,
            env={key: value for key, value in merged.items() if value is not None},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def written(self) -> list[str]:
        """Every request so far that could have changed something."""
        self.sandbox.requests.wait_idle()
        return [
            f"{entry.method} {entry.path}" for entry in self.sandbox.requests.list() if entry.method != "GET"
        ]


@contextmanager
def project(
    folder: Path, *, switches: Switches | None = None, reload_limit_s: float = 20.0
) -> Iterator[Project]:
    options = SandboxOptions(
        data=folder / "platform",
        user="alice",
        port=0,
        switches=switches or Switches(),
        reload_limit_s=reload_limit_s,
    )
    with Sandbox(options) as sandbox:
        yield Project(folder, sandbox, GitRepo(folder / "repo"))
