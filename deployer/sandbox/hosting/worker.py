"""One worker: a process that runs a web app, and what it is started with.

See `runner.py` for what it does and `workers.py` for how requests come to it.
"""

import contextlib
import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from deployer.sandbox.hosting.enclosure import Enclosure

RUNNER = Path(__file__).with_name("runner.py")
REAP_LIMIT_S = 10.0  # after SIGKILL a process ends at once; longer means that the machine is in trouble


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Which of a site's workers this is, and where it takes requests from."""

    worker: int
    workers: int
    control: int  # descriptor of their end of the socket


class Worker:
    """Thread-safe."""

    def __init__(
        self, process: subprocess.Popen[bytes], lifeline: int, on_end: Callable[[int, int], None]
    ) -> None:
        self._process = process
        self._lifeline = lifeline
        self._on_end = on_end
        self._reaping = threading.Lock()
        self._ended = threading.Event()
        self._reaper = threading.Thread(target=self._reap, name=f"reaper-{process.pid}", daemon=True)
        self._reaper.start()

    @classmethod
    def start(
        cls, launch: Launch, post: Post, enclosure: Enclosure, on_end: Callable[[int, int], None]
    ) -> Self:
        """Start the process; it imports the application while this returns. Raises OSError.

        `on_end` is called with pid and exit status (negative: the signal) from a thread of its own.
        """
        with contextlib.ExitStack() as theirs:
            their_lifeline, lifeline = os.pipe()
            theirs.callback(os.close, their_lifeline)
            script = theirs.enter_context(RUNNER.open("rb")).fileno()
            given = {"control": post.control, "lifeline": their_lifeline, "script": script}
            try:
                process = _spawn(launch, post, enclosure, given)
            except BaseException:
                os.close(lifeline)
                raise
        return cls(process, lifeline, on_end)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return not self._ended.is_set()

    def wait(self, limit_s: float) -> None:
        """Until it has left by itself and that is dealt with; it is killed when that takes longer."""
        if not self._ended.wait(limit_s):
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
            os.close(self._lifeline)
            self._ended.set()
        self._on_end(self._process.pid, status)


def _spawn(
    launch: Launch, post: Post, enclosure: Enclosure, given: Mapping[str, int]
) -> subprocess.Popen[bytes]:
    logs = {"server_log": launch.shown_server_log, "error_log": launch.shown_error_log}
    place = {"worker": post.worker, "workers": post.workers}
    settings = json.dumps({**given, **logs, **place, "wsgi_file": launch.wsgi_file})
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
