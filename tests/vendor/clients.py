"""Runs the vendor's commands as a person with a terminal would: outside the account, or inside it."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from deployer.sandbox import Sandbox

PROGRAMS = Path(sys.executable).parent
BUBBLE = re.compile(r"^[|/\\<]?\s*(.*?)\s*[|/\\>]?$")  # the snake that says it


@dataclass(frozen=True, slots=True)
class Said:
    output: str

    def __contains__(self, text: str) -> bool:
        """Whether it says so, wherever the snake's bubble wraps the line."""
        return _closely(text) in _closely(
            "".join(BUBBLE.sub(r"\1", line) for line in self.output.splitlines())
        )


class Pa:
    """`pa("path get", "/tmp")` is `pa path get /tmp`; one of the older scripts is called by its name."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self._sandbox = sandbox
        self.home = folder / "home"
        self.home.mkdir()
        self.environment = {
            "API_TOKEN": sandbox.token,
            "PYTHONANYWHERE_SITE": sandbox.https_url.removeprefix("https://"),
            "PYTHONANYWHERE_USERNAME": sandbox.user,
            "LOGNAME": sandbox.user,
            "REQUESTS_CA_BUNDLE": str(sandbox.ca_file),
            "NO_PROXY": "localhost",
            "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
            "COLUMNS": "200",
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",  # or the last words are lost where it becomes a shell
        }

    def __call__(self, command: str, *arguments: str, status: int = 0, stdin: str = "") -> Said:
        """From another machine. Fails unless it ends with this exit status."""
        run = subprocess.run(
            [*_program(command), *arguments],
            env={**self.environment, "HOME": str(self.home)},
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        assert run.returncode == status, run.stdout
        return Said(run.stdout)

    def as_account(self, command: str, *arguments: str, **environment: str) -> Said:
        """As in one of the account's consoles: what it writes lands on the account's disk."""
        printed = self.home / "printed"
        with printed.open("wb") as output:
            running = self._sandbox._account.commands.start(
                [*_program(command), *arguments],
                environment={**self.environment, **environment},
                stdout=output,
                keep=[str(PROGRAMS.parent), str(self._sandbox.ca_file)],
            )
            status = running.wait(240)
        assert status == 0, printed.read_text()
        return Said(printed.read_text())


def _program(command: str) -> list[str]:
    name, *words = command.split() if command.startswith("pa_") else ["pa", *command.split()]
    return [str(PROGRAMS / name), *words]


def _closely(text: str) -> str:
    return "".join(text.split())
