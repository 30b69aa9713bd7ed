"""Pushing to a push target with the real daemon and a real site behind it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from deployer.sandbox import Sandbox, SandboxOptions, Switches
from tests.builders.git import ENVIRONMENT, GitRepo
from tests.builders.waiting import until

SITE = '[app]\npython = "3.11"\ntarget = "~/mysite"\nwsgi = "wsgi.py"\n[health]\ntimeout = "3s"\n'
WSGI = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"the first version"]
"""
BROKEN = "raise RuntimeError('the reason why')\n"


@dataclass(slots=True)
class Machine:
    folder: Path
    sandbox: Sandbox
    work: GitRepo

    @property
    def target(self) -> Path:
        return self.folder / "blog.git"

    @property
    def environment(self) -> dict[str, str]:
        kept = {key: os.environ[key] for key in ("PATH", "LANG", "PYTHONPATH") if key in os.environ}
        places = {"HOME": self.folder, "DEPLOYER_RUNTIME_DIR": self.folder / "runtime"}
        return {**kept, **ENVIRONMENT, **{key: str(place) for key, place in places.items()}}

    def configure(self) -> None:
        (self.folder / "token").write_text(self.sandbox.token)
        (self.folder / "token").chmod(0o600)
        (self.folder / "deployer.toml").write_text(
            f'[daemon]\nsocket = "d.sock"\nstate = "state"\nlisten = "127.0.0.1:0"\n'
            f'[account.alice]\nusername = "alice"\nhost = "{self.sandbox.url}"\n'
            'token = { file = "token" }\nrequests_per_minute = 0\n'
            '[site.blog]\naccount = "alice"\nrepo = "blog.git"\n'
        )

    def command(self, *arguments: str) -> list[str]:
        config = str(self.folder / "deployer.toml")
        return [sys.executable, "-m", "deployer", *arguments, "--config", config]

    def push(self) -> tuple[int, str]:
        ended = subprocess.run(
            ["git", "push", str(self.target), "main"],
            cwd=self.work.path,
            env=self.environment,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        return ended.returncode, ended.stderr

    def page(self) -> str:
        name = {"Host": "alice.pythonanywhere.com"}
        return requests.get(self.sandbox.url, headers=name, timeout=10).text

    @contextmanager
    def daemon(self) -> Iterator[None]:
        with (self.folder / "log").open("w") as log:
            running = subprocess.Popen(
                self.command("run"), cwd=self.folder, env=self.environment, stdout=log, stderr=log
            )
            try:
                assert until((self.folder / "d.sock").exists), (self.folder / "log").read_text()
                yield
            finally:
                running.terminate()
                running.wait(30)


@contextmanager
def machine(folder: Path, *gate: str) -> Iterator[Machine]:
    options = SandboxOptions(
        data=folder / "platform", user="alice", port=0, switches=Switches(rate_limit="off")
    )
    with Sandbox(options) as sandbox:
        made = Machine(folder, sandbox, GitRepo(folder / "work"))
        made.configure()
        subprocess.run(
            made.command("push-target", str(made.target), *gate),
            env=made.environment,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        with made.daemon():
            yield made


@pytest.mark.parametrize("gate", [(), ("--gate", "deploy")])
def test_a_push_goes_live_and_one_that_breaks_the_site_is_taken_back_before_the_pusher(
    tmp_path: Path, gate: tuple[str, ...]
) -> None:
    with machine(tmp_path, *gate) as opened:
        good = opened.work.commit({"pythonanywhere.toml": SITE, "wsgi.py": WSGI})

        status, told = opened.push()

        assert status == 0, told
        assert "the site answered 200" in told
        assert f"live: {opened.sandbox.url}" in told
        assert opened.page() == "the first version"

        bad = opened.work.commit({"wsgi.py": BROKEN})

        status, told = opened.push()

        assert (status != 0) == bool(gate), told
        assert "RuntimeError: the reason why" in told
        assert f"{good[:10]}, which was live before, is back" in told
        assert "rolled back, the version before is live again" in told
        assert opened.page() == "the first version"
        assert GitRepo.git(opened.work, "ls-remote", str(opened.target), "main").startswith(
            good if gate else bad
        )
