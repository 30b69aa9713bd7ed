"""The whole story on an embedded sandbox, told by the real commands: nothing here is played."""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from importlib.resources import as_file, files
from pathlib import Path
from shutil import copytree, ignore_patterns

from rich.console import Console

from deployer.errors import NeedsPerson
from deployer.sandbox import Sandbox, SandboxOptions

USER = "alice"
BOOKS_BEFORE = '{"title": "Momo", "author": "Michael Ende"}'
BOOKS_AFTER = (
    '{"title": "Momo", "author": "Michael Ende"},\n  {"title": "Kindred", "author": "Octavia E. Butler"}'
)


def run(console: Console) -> None:
    """Deploy the example site, change it, deploy again, and do nothing the third time.

    Raises NeedsPerson when any command of it ends otherwise than it should.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="deployer-demo-")))
        sandbox = stack.enter_context(Sandbox(SandboxOptions(data=folder / "platform", user=USER, port=0)))
        Demo(console, folder, sandbox).tell()


class Demo:
    """One telling: a repository, a sandbox, and a terminal to show both on."""

    def __init__(self, console: Console, folder: Path, sandbox: Sandbox) -> None:
        self.console = console
        self.sandbox = sandbox
        self.repository = folder / "bookshelf"
        self.environment = {
            **os.environ,
            "PYTHONANYWHERE_SITE": sandbox.url,
            "PYTHONANYWHERE_USERNAME": sandbox.user,
            "API_TOKEN": sandbox.token,
            "DEPLOYER_STATE": str(folder / "state"),
            "DEPLOYER_CONFIG": os.devnull,
            **git_identity(),
        }

    def tell(self) -> None:
        self.say(
            "1. A local PythonAnywhere is running, with the real limits: 40 requests a minute per endpoint."
        )
        self.console.print(
            f"   API at {self.sandbox.url}, account {USER}, its disk below {self.sandbox.disk.data}\n"
        )

        self.say(
            "2. A git repository with a small site: an application, a template, static files, a daily task."
        )
        self.make_repository()
        self.git("log", "--oneline")

        self.say("3. It goes live.")
        self.deployer("sync")
        self.visit("/")
        self.visit("/static/shelf.css")

        self.say(
            "4. A commit that changes one file and deletes another. First the plan, then the deployment."
        )
        self.change()
        self.deployer("plan")
        self.deployer("sync")
        self.visit("/")
        self.visit("/static/old-logo.txt", status=404)

        self.say("5. Once more: there is nothing to do, and that costs two requests.")
        self.sandbox.requests.wait_idle()
        before = len(self.sandbox.requests.list())
        self.deployer("sync")
        self.sandbox.requests.wait_idle()
        made = self.sandbox.requests.list()[before:]
        for request in made:
            self.console.print(f"   {request.method} {request.path} -> {request.status}", highlight=False)
        if len(made) > 2 or any(request.method != "GET" for request in made):
            raise NeedsPerson("the third run was not a look of two requests")
        self.say("Done. `deployer sandbox` keeps one running for you to try your own site on.")

    def make_repository(self) -> None:
        with as_file(files("deployer") / "example_site") as example:
            copytree(example, self.repository, ignore=ignore_patterns("__pycache__"))
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "Open the bookshelf")

    def change(self) -> None:
        books = self.repository / "books.json"
        books.write_text(
            books.read_text(encoding="utf-8").replace(BOOKS_BEFORE, BOOKS_AFTER), encoding="utf-8"
        )
        (self.repository / "static" / "old-logo.txt").unlink()
        self.git("commit", "--quiet", "--all", "--message", "Add Kindred, drop the old logo")
        self.git("show", "--stat", "--oneline", "HEAD")

    def say(self, text: str) -> None:
        self.console.print(f"\n[bold]{text}[/bold]", highlight=False)

    def git(self, *arguments: str) -> None:
        self.command(["git", *arguments], ["git", *arguments])

    def deployer(self, *arguments: str) -> None:
        self.command(["deployer", *arguments], [sys.executable, "-m", "deployer", *arguments])

    def command(self, shown: list[str], real: list[str]) -> None:
        """Run one command where everybody can see it."""
        self.console.print(f"[cyan]$ {shlex.join(shown)}[/cyan]", highlight=False)
        sys.stdout.flush()
        # In a pipe the structured events go to stderr: worth reading only when something went wrong.
        stderr = None if sys.stderr.isatty() else subprocess.PIPE
        ended = subprocess.run(
            real, cwd=self.repository, env=self.environment, stderr=stderr, text=True, check=False
        )
        if ended.returncode:
            raise NeedsPerson(f"`{shlex.join(shown)}` ended with {ended.returncode}", left=ended.stderr or "")

    def visit(self, path: str, *, status: int = 200) -> None:
        """Ask the site as a visitor would and show what it says."""
        import requests

        domain = f"{USER}.pythonanywhere.com"
        with requests.get(self.sandbox.url + path, headers={"Host": domain}, timeout=30) as answer:
            self.console.print(
                f"[cyan]GET http://{domain}{path}[/cyan] -> {answer.status_code}", highlight=False
            )
            for line in answer.text.splitlines():
                self.console.print(f"   {line}", highlight=False, markup=False)
            if answer.status_code != status:
                raise NeedsPerson(f"{path} answered {answer.status_code}, {status} was expected")


def git_identity() -> Mapping[str, str]:
    """Commits need an author; a fresh machine has none configured."""
    name, email = "Demo", "demo@example.org"
    return {
        "GIT_AUTHOR_NAME": name,
        "GIT_AUTHOR_EMAIL": email,
        "GIT_COMMITTER_NAME": name,
        "GIT_COMMITTER_EMAIL": email,
        "GIT_PAGER": "cat",
    }
