"""An account in a sandbox, with consoles that somebody opens, and somebody who listens to a command."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from deployer.pythonanywhere import Budget, Console, PythonAnywhere
from deployer.remote import Command, Ended, Remote, Stream, run
from deployer.sandbox import Sandbox, SandboxOptions, Switches
from deployer.secret import Secret

HOME = "/home/alice"
ROOT = f"{HOME}/.deployer/exec/run"


@dataclass(slots=True)
class Listening:
    """What came, as it came."""

    out: bytes = b""
    err: bytes = b""
    notes: list[str] = field(default_factory=list)
    on_output: Callable[[], None] = lambda: None
    on_note: Callable[[str], None] = lambda _: None

    def output(self, stream: Stream, data: bytes) -> None:
        if stream == "stdout":
            self.out += data
        else:
            self.err += data
        self.on_output()

    def note(self, text: str) -> None:
        self.notes.append(text)
        self.on_note(text)


@dataclass(slots=True)
class Place:
    sandbox: Sandbox
    api: PythonAnywhere
    heard: Listening = field(default_factory=Listening)
    pause: Callable[[float], None] = lambda seconds: time.sleep(min(seconds, 0.02))
    """Waits are short: what they wait for is on this machine."""

    def console(self, *, opened: bool = True, **fields: Any) -> Console:
        console = self.api.consoles.create(**fields)
        if opened:
            self.open(console.id)
        return console

    def open(self, console: int) -> None:
        """As a browser that loads its page."""
        asked = requests.post(
            f"{self.sandbox.url}/_sandbox/loaded-consoles", json={"id": console}, timeout=10
        )
        assert asked.status_code == 201, asked.text

    def run(self, *arguments: str, timeout_s: float = 60.0, **fields: Any) -> Ended:
        return self.carry_out(Command(arguments=arguments, directory=HOME, timeout_s=timeout_s), **fields)

    def carry_out(self, command: Command, **fields: Any) -> Ended:
        remote = Remote(api=self.api, root=ROOT, listener=self.heard, pause=self.pause, **fields)
        return run(remote, command)

    def minute_passes(self, _: object = None) -> None:
        """By the platform's clock: any task that was made has been due."""
        self.sandbox.clock.advance(81)

    def left(self) -> list[str]:
        """What is still below the folder of runs, scheduled, or among the logs."""
        root, logs = self.sandbox.disk.real(ROOT), self.sandbox.disk.real("/var/log")
        runs = [path.name for path in root.iterdir()] if root.exists() else []
        tasks = [str(task.command) for task in self.api.schedule.list()]
        return [*runs, *tasks, *(path.name for path in logs.glob("tasklog*"))]

    def asked(self) -> list[str]:
        """Each request so far: method and pattern."""
        self.sandbox.requests.wait_idle()
        return [f"{entry.method} {entry.endpoint}" for entry in self.sandbox.requests.list()]


@contextmanager
def place(folder: Path, *, plan: Any = "paid", per_minute: int = 0, **answers: Any) -> Iterator[Place]:
    """`answers` are switches of the sandbox."""
    switches = Switches(rate_limit="off").changed(answers)
    options = SandboxOptions(data=folder / "platform", user="alice", port=0, plan=plan, switches=switches)
    clock = _Hurried()
    with (
        Sandbox(options) as sandbox,
        closing(
            Budget(
                host=sandbox.url,
                username="alice",
                requests_per_minute=per_minute,
                directory=folder,
                clock=clock.now,
                sleep=clock.sleep,
            )
        ) as budget,
        PythonAnywhere(host=sandbox.url, username="alice", token=Secret(sandbox.token), budget=budget) as api,
    ):
        yield Place(sandbox, api)


@dataclass(slots=True)
class _Hurried:
    """A budget's clock on which a wait is soon over."""

    ahead_s: float = 0.0

    def now(self) -> float:
        return time.monotonic() + self.ahead_s

    def sleep(self, seconds: float) -> None:
        self.ahead_s += seconds
        time.sleep(min(seconds, 0.005))
