"""One worker: a process that runs a web app and answers one request after the other.

See `runner.py` for the other side of the sockets.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from deployer.sandbox.hosting.enclosure import Enclosure

RUNNER = Path(__file__).with_name("runner.py")
REAP_LIMIT_S = 10.0  # after SIGKILL a process ends at once; longer means that the machine is in trouble


class WorkerEndedError(Exception):
    """The process ended before it had answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """Everything a worker is started with; paths as the worker sees them, logs as the machine does."""

    interpreter: str
    keep: tuple[str, ...]  # machine paths that the interpreter needs
    wsgi_file: str
    directory: str
    environment: Mapping[str, str]
    server_log: Path
    error_log: Path
    shown_server_log: str
    shown_error_log: str


@dataclass(frozen=True, slots=True)
class Answer:
    failure: str  # "": none; "broken": no application; "exception": it raised
    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Worker:
    """Thread-safe, but meant for one request at a time: others wait in the socket while their limit runs."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        control: socket.socket,
        lifeline: int,
        on_end: Callable[[int, int], None],
    ) -> None:
        self._process = process
        self._control = control
        self._lifeline = lifeline
        self._on_end = on_end
        self._reaping = threading.Lock()
        self._ended = threading.Event()
        self._reaper = threading.Thread(target=self._reap, name=f"reaper-{process.pid}", daemon=True)
        self._reaper.start()

    @classmethod
    def start(cls, launch: Launch, enclosure: Enclosure, on_end: Callable[[int, int], None]) -> Self:
        """Start the process; it imports the application while this returns. Raises OSError.

        `on_end` is called with pid and exit status (negative: the signal) from a thread of its own.
        """
        with contextlib.ExitStack() as theirs:
            control, their_control = socket.socketpair()
            theirs.enter_context(their_control)
            their_lifeline, lifeline = os.pipe()
            theirs.callback(os.close, their_lifeline)
            script = theirs.enter_context(RUNNER.open("rb")).fileno()
            given = {"control": their_control.fileno(), "lifeline": their_lifeline, "script": script}
            try:
                process = _spawn(launch, enclosure, given)
            except BaseException:
                control.close()
                os.close(lifeline)
                raise
        return cls(process, control, lifeline, on_end)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return not self._ended.is_set()

    def ask(self, environ: Mapping[str, str], scheme: str, body: bytes, *, limit_s: float) -> Answer:
        """One request. Raises WorkerEndedError, and TimeoutError after the limit (the worker works on)."""
        ours, theirs = socket.socketpair()
        with ours:
            ours.settimeout(limit_s)
            try:
                with theirs:
                    socket.send_fds(self._control, [b"."], [theirs.fileno()])
                head = json.dumps({"environ": environ, "scheme": scheme, "size": len(body)}).encode()
                ours.sendall(head + b"\n" + body)
                with ours.makefile("rb") as stream:
                    return _read_answer(stream.readline(), stream.read)
            except TimeoutError:
                raise
            except OSError as error:
                raise WorkerEndedError(str(error)) from error

    def finish(self, mercy_s: float) -> None:
        """Let the running request end and the process leave; kill it when that takes longer than this."""
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        if not self._ended.wait(mercy_s):
            self.kill()
        self._reaper.join()

    def kill(self) -> None:
        with self._reaping:
            if self.alive:
                os.killpg(self._process.pid, signal.SIGKILL)
        self._ended.wait(REAP_LIMIT_S)

    def _reap(self) -> None:
        """Wait for the end, then end what the application itself started in its process group."""
        os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)  # its number stays taken meanwhile
        with self._reaping:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            status = self._process.wait()
            self._control.close()
            os.close(self._lifeline)
            self._ended.set()
        self._on_end(self._process.pid, status)


def _spawn(launch: Launch, enclosure: Enclosure, given: Mapping[str, int]) -> subprocess.Popen[bytes]:
    logs = {"server_log": launch.shown_server_log, "error_log": launch.shown_error_log}
    settings = json.dumps({**given, **logs, "wsgi_file": launch.wsgi_file})
    run = [launch.interpreter, f"/dev/fd/{given['script']}", settings]
    with launch.server_log.open("ab") as stdout, launch.error_log.open("ab") as stderr:
        return subprocess.Popen(
            enclosure.command(run, directory=launch.directory, keep=launch.keep),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env=dict(launch.environment),
            cwd=None if enclosure.support.enclosed else launch.directory,
            pass_fds=tuple(given.values()),
            start_new_session=True,  # a Ctrl-C at the sandbox's terminal is the sandbox's to answer
        )


def _read_answer(line: bytes, read: Callable[[int], bytes]) -> Answer:
    if not line.endswith(b"\n"):
        raise WorkerEndedError("no answer")
    head: dict[str, Any] = json.loads(line)
    body = read(head["size"])
    if len(body) != head["size"]:
        raise WorkerEndedError("half an answer")
    headers = tuple((name, value) for name, value in head.get("headers", ()))
    return Answer(head.get("failure", ""), head.get("status", ""), headers, body)
