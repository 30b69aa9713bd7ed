"""Commands that run as the account: consoles, tasks, always-on programs, the servers of websites."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import IO, TypeAlias

from deployer.sandbox.disk import AccountDisk, OutsideAccountError
from deployer.sandbox.hosting.enclosure import Enclosure
from deployer.sandbox.hosting.environment import account_environment
from deployer.sandbox.hosting.interpreters import Interpreters

SCRIPT = Path(__file__).with_name("attend.py")
DEFAULT_PYTHON = (3, 13)  # what plain `python` is in the platform's newest system image
TICKS = os.sysconf("SC_CLK_TCK")

Stream: TypeAlias = int | IO[bytes] | None


class RunningCommand:
    """A command that was started. Thread-safe."""

    def __init__(
        self, attendant: subprocess.Popen[bytes], lifeline: int, report: IO[bytes], *, counted: bool
    ) -> None:
        self.counted = counted
        self._attendant = attendant
        self._lifeline = lifeline
        self._closing = threading.Lock()
        self._ended = threading.Event()
        self._cpu_s = 0.0
        self._status: int | None = None
        self.pid = _pid(report)
        """Of the command itself, which leads a session and a process group of its own."""
        self._on_end: list[Callable[[RunningCommand], None]] = []
        self._reader = threading.Thread(
            target=self._read_end, args=(report,), name=f"command-{self.pid}", daemon=True
        )
        self._reader.start()

    @property
    def status(self) -> int | None:
        """None while it runs; else its exit status, or the signal that ended it as a negative number."""
        return self._status

    @property
    def cpu_s(self) -> float:
        """CPU seconds so far, of the command and of those of its children that have ended."""
        if self._ended.is_set():
            return self._cpu_s
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except (OSError, ValueError):
            return self._cpu_s
        return sum(map(int, fields[11:15])) / TICKS  # utime, stime and those of waited-for children

    def wait(self, timeout_s: float | None = None) -> int | None:
        """The status once it has ended; None when the time is over before."""
        self._ended.wait(timeout_s)
        return self._status

    def signal(self, number: signal.Signals) -> None:
        """Send it to the command's whole process group; nothing happens after the end."""
        if not self._ended.is_set():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def end(self) -> None:
        """Kill it and what it started; returns when that is done."""
        self._let_go()
        self._ended.wait()

    def when_ended(self, do: Callable[["RunningCommand"], None]) -> None:
        """Call it once, in a thread of the command's own; at once where the end was before."""
        with self._closing:
            if not self._ended.is_set():
                self._on_end.append(do)
                return
        do(self)

    def _let_go(self) -> None:
        with self._closing:
            if self._lifeline >= 0:
                os.close(self._lifeline)
                self._lifeline = -1

    def _read_end(self, report: IO[bytes]) -> None:
        with report:
            said = json.loads(report.readline() or b'{"status": -9, "cpu_s": 0.0}')
        self._attendant.wait()
        self._status, self._cpu_s = said["status"], said["cpu_s"]
        with self._closing:
            self._ended.set()
            waiting = list(self._on_end)
        self._let_go()
        for do in waiting:
            do(self)


def _pid(report: IO[bytes]) -> int:
    line = report.readline()
    if not line:
        raise OSError("the process that attends to the command ended before it began")
    pid: int = json.loads(line)["pid"]
    return pid


class AccountCommands:
    """Starts commands in the account's own view of the machine, and counts their CPU seconds of the day.

    Thread-safe. `environment` is what each command has beside HOME, USER, PATH and the like.
    """

    def __init__(
        self,
        disk: AccountDisk,
        enclosure: Enclosure,
        interpreters: Interpreters,
        environment: Mapping[str, str],
        *,
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        self.disk = disk
        self.enclosure = enclosure
        self.interpreters = interpreters
        self._environment = dict(environment)
        self._today = today
        self._lock = threading.Lock()
        self._running: dict[int, RunningCommand] = {}
        self._used_s: dict[date, float] = {}
        self._closed = False

    def start(
        self,
        command: Sequence[str],
        *,
        directory: str | None = None,
        environment: Mapping[str, str] | None = None,
        stdin: Stream = subprocess.DEVNULL,
        stdout: Stream = subprocess.DEVNULL,
        stderr: Stream = subprocess.STDOUT,
        terminal: bool = False,
        keep: Sequence[str] = (),
        counted: bool = True,
    ) -> RunningCommand:
        """`command` names its program by absolute path, as the account sees it.

        `directory` is an account path, the home where there is none; `environment` comes on top of
        the account's own. `terminal` makes `stdin` the controlling terminal. `keep` are machine paths that it
        must find at their own place. Not `counted` are the CPU seconds of what serves a site (help page
        WhatAreCPUSeconds). Raises OSError, and IsolationError where that was insisted on.
        """
        shown = self._shown_directory(directory)
        run = self.enclosure.command(list(command), directory=shown, keep=[*self._kept, *map(str, keep)])
        with contextlib.ExitStack() as theirs:
            their_lifeline, lifeline = os.pipe()
            theirs.callback(os.close, their_lifeline)
            report, their_report = os.pipe()
            theirs.callback(os.close, their_report)
            order = {
                "command": run,
                "lifeline": their_lifeline,
                "report": their_report,
                "terminal": terminal,
            }
            try:
                attendant = subprocess.Popen(
                    [sys.executable, "-I", "-S", str(SCRIPT), json.dumps(order)],
                    stdin=stdin,
                    stdout=stdout,
                    stderr=stderr,
                    env=account_environment(
                        self.disk,
                        self.enclosure,
                        self._environment | {"SHELL": "/bin/bash"} | dict(environment or {}),
                        tools=str(self._tools),
                    ),
                    cwd=None if self.enclosure.support.enclosed else shown,
                    pass_fds=(their_lifeline, their_report),
                    start_new_session=True,  # a Ctrl-C at the sandbox's terminal is the sandbox's to answer
                )
            except BaseException:
                os.close(lifeline)
                os.close(report)
                raise
        running = RunningCommand(attendant, lifeline, os.fdopen(report, "rb"), counted=counted)
        with self._lock:
            closed = self._closed
            self._running[running.pid] = running
        running.when_ended(self._count)
        if closed:
            running.end()
        return running

    @property
    def used_s(self) -> float:
        """CPU seconds of today (UTC). What began yesterday and still runs is counted whole."""
        with self._lock:
            running = sum(each.cpu_s for each in self._running.values() if each.counted)
            return self._used_s.get(self._today(), 0.0) + running

    def close(self) -> None:
        """End everything that runs."""
        with self._lock:
            self._closed = True
            running = list(self._running.values())
        for each in running:
            each.end()

    def _count(self, ended: RunningCommand) -> None:
        with self._lock:
            self._running.pop(ended.pid, None)
            today = self._today()
            self._used_s = {today: self._used_s.get(today, 0.0) + (ended.cpu_s if ended.counted else 0.0)}

    def _shown_directory(self, directory: str | None) -> str:
        """Where it starts: the home where the wanted directory is not there, as a login shell would."""
        wanted = directory or self.disk.home
        try:
            if self.disk.real(wanted).is_dir():
                return self.enclosure.shown(wanted)
        except (OutsideAccountError, OSError):  # OSError: a name that no disk could hold
            pass
        return self.enclosure.shown(self.disk.home)

    @cached_property
    def _kept(self) -> list[str]:
        prefixes = {prefix for found in self.interpreters.all() for prefix in found.prefixes}
        return [str(self._tools), *sorted(prefixes)]

    @cached_property
    def _tools(self) -> Path:
        """A directory with `python`, `python3` and each `python3.N` of this machine, as on the platform."""
        tools = self.disk.data / "bin"
        tools.mkdir(exist_ok=True)
        names = {f"python{each.minor[0]}.{each.minor[1]}": each for each in self.interpreters.all()}
        if usual := self.interpreters.nearest(DEFAULT_PYTHON):
            names |= {"python": usual, "python3": usual}
        for name, interpreter in names.items():
            link = tools / name
            if not link.is_symlink() or str(link.readlink()) != interpreter.executable:
                link.unlink(missing_ok=True)
                link.symlink_to(interpreter.executable)
        return tools
