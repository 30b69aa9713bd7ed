"""The terminals that the documents' console blocks are typed into: a real shell, and a real sandbox.

The session starts at the top of what looks like a clone, in an account of its own. Of what a command prints,
standard output comes first and then standard error, without the events: a pipe gets those as JSON, where a
person at a terminal sees a progress bar.
"""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from getpass import getuser
from pathlib import Path
from shutil import copytree, ignore_patterns, which

from tests.docs_blocks import TOP, Part, Typed, typed

LIMIT_S = 100.0
PORT = "127.0.0.1:8000"
"""Where the documents have the sandbox; here it takes a free one."""
DAEMON = "127.0.0.1:8042"
"""Where they have the daemon, likewise."""
HOME = "/home/you"
PERSON = "you@laptop"
"""How the documents call the reader's home, and the reader."""

VARYING: tuple[tuple[str, str], ...] = (
    (r"127\.0\.0\.1:\d+", "ADDRESS"),
    (r"\d{8}-\d{6}-\w+-[0-9a-f]{4}", "DEPLOYMENT"),
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(\+00:00)?", "TIME"),
    (r"\d\d:\d\d:\d\d\.\d+", "TIME"),
    (r"\d{4}-\d\d-\d\d", "DATE"),
    (r"\bin \d+ days", "in N days"),
    (r"\b[0-9a-f]{7,64}\b", "HASH"),
    (r" *\b\d+\.\d+ s\b", " DURATION"),
    (r"(\bunder a second|\b\d+ m?s)\b(?! at \d)", "DURATION"),
    (r'(\bseconds"?[=:] ?)[\d.]+', r"\1N"),
    (r"(\bgit: )/\S+", r"\1GIT"),
    (r"\b3\.1\d\b", "3.X"),
)
"""All that may differ between two runs, or two machines."""


def normal(text: str) -> str:
    """The text with everything that varies made equal."""
    for pattern, word in VARYING:
        text = re.sub(pattern, word, text)
    return "\n".join(line.rstrip() for line in text.strip("\n").split("\n"))


def agrees(written: str, found: str) -> bool:
    """Whether the answer is as written; a line of three dots stands for any lines."""
    lines = (
        "(?:.*\n)*?" if line.strip() == "..." else re.escape(f"{line}\n")
        for line in normal(written).split("\n")
    )
    return re.fullmatch("".join(lines), normal(found) + "\n") is not None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command printed, in the documents' terms, and its exit status."""

    text: str
    status: int


@dataclass(slots=True)
class Terminal:
    """One document's session."""

    folder: Path
    clone: Path
    shell: subprocess.Popen[str]
    environment: dict[str, str]
    background: list[subprocess.Popen[str]] = field(default_factory=list)
    address: str = PORT
    daemon: str = field(default_factory=lambda: f"127.0.0.1:{_free_port()}")

    def answers(self, block: Part) -> Iterator[tuple[Typed, Answer]]:
        """Type every command of a console block."""
        for each in typed(block.text):
            if block.name == "console background":
                yield each, self._start(each)
            else:
                yield each, self._run(each.command)

    @property
    def _beside(self) -> Path:
        """What the background commands say on standard error."""
        return self.folder / ".background"

    def _run(self, command: str) -> Answer:
        assert self.shell.stdin is not None
        assert self.shell.stdout is not None
        errors = self.folder / "stderr"
        command = command.replace(PORT, self.address).replace(DAEMON, self.daemon)
        self.shell.stdin.write(
            f"{{ {command}\n}} </dev/null 2>{errors}; "
            'status=$?; printf "\\n<ended %d>\\n" $status; (exit $status)\n'
        )
        self.shell.stdin.flush()
        lines: list[str] = []
        for line in self.shell.stdout:
            if ended := re.fullmatch(r"<ended (\d+)>\n", line):
                said = [each for each in errors.read_text().splitlines() if not each.startswith("{")]
                text = "".join(lines).removesuffix("\n") + "\n".join(said)
                return Answer(self._as_written(text), int(ended[1]))
            lines.append(line)
        beside = self._beside.read_text()[-2000:] if self._beside.exists() else ""
        raise AssertionError(f"the shell ended, or was ended after {LIMIT_S:.0f} s, in: {command}\n{beside}")

    def _start(self, each: Typed) -> Answer:
        command = each.command.replace(f"--port {PORT.partition(':')[2]}", "--port 0")
        with self._beside.open("ab") as errors:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {command}"],
                cwd=self.clone,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self.background.append(process)
        assert process.stdout is not None
        text = "".join(process.stdout.readline() for _ in each.answer.splitlines())
        if found := re.search(r"127\.0\.0\.1:\d+", text):
            self.address = found[0]
        return Answer(self._as_written(text), 0)

    def _as_written(self, text: str) -> str:
        here = (
            (self.address, PORT),
            (self.daemon, DAEMON),
            (str(self.folder), HOME),
            (f"{getuser()}@{socket.gethostname()}", PERSON),
        )
        for real, written in here:
            text = text.replace(real, written)
        return re.sub(r" {2,}# ", "  # ", text).strip("\n")  # these columns are as wide as our paths


@contextmanager
def terminal(folder: Path) -> Iterator[Terminal]:
    """A session in an account whose home is `folder`; whatever it started is ended with it."""
    folder = folder.resolve()
    clone = _clone(folder)
    environment = {
        "PATH": os.pathsep.join((str(_tools(folder)), str(Path(sys.executable).parent), os.environ["PATH"])),
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "COLUMNS": "100",
        "GIT_CONFIG_NOSYSTEM": "1",
        "DEPLOYER_RUNTIME_DIR": str(folder / ".run"),
    }
    shell = subprocess.Popen(
        ["timeout", "--kill-after=5", str(LIMIT_S), "bash", "--norc", "--noprofile"],
        cwd=clone,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    session = Terminal(folder, clone, shell, environment)
    try:
        yield session
    finally:
        for process in session.background:
            process.terminate()
        shell.communicate(timeout=LIMIT_S)
        for process in session.background:
            process.communicate(timeout=LIMIT_S)


def _clone(folder: Path) -> Path:
    """What the reader has after `git clone` and `make demo`, as far as the documents use it."""
    clone = folder / "deployer"
    example = Path("deployer") / "example_site"
    copytree(TOP / example, clone / example, ignore=ignore_patterns("__pycache__"))
    (clone / ".venv").symlink_to(sys.prefix)
    (folder / ".gitconfig").write_text(
        "[user]\n\tname = Ada Author\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n"
    )
    return clone


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _tools(folder: Path) -> Path:
    """A folder with a stand-in for curl, where the machine has none."""
    tools = folder / ".tools"
    tools.mkdir()
    if which("curl") is None:
        script = tools / "curl"
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{TOP / "tests" / "docs_curl.py"}" "$@"\n')
        script.chmod(0o755)
    return tools
