"""One website's server: its command, kept running, and what it prints, kept in the website's logs."""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from deployer.sandbox.disk import OutsideAccountError
from deployer.sandbox.hosting.commands import AccountCommands, RunningCommand
from deployer.sandbox.hosting.domain_socket import DomainSockets
from deployer.sandbox.hosting.logs import SiteLogs
from deployer.sandbox.hosting.model import IsolationError

FAREWELL_S = 2.0  # from SIGTERM to SIGKILL, as for the workers of web apps
FIRST_PAUSE_S = 0.25  # before a command that ended is started again; doubles each time, up to the longest
LONGEST_PAUSE_S = 10.0
SETTLED_S = 10.0  # who lived so long begins anew with the first pause
LOOK_S = 0.02  # between two looks whether somebody listens
LONGEST_LINE = 64 * 1024  # bytes; what goes on after that becomes a line of its own in the log


@dataclass(frozen=True, slots=True, kw_only=True)
class WebsiteConfig:
    """A website as its API object names it."""

    number: int  # names its socket
    domain: str
    command: str
    enabled: bool


class WebsiteServer:
    """Runs the command from the moment it is made until `end`. Thread-safe."""

    def __init__(
        self, config: WebsiteConfig, commands: AccountCommands, sockets: DomainSockets, logs: SiteLogs
    ) -> None:
        self._config = config
        self._commands = commands
        self._sockets = sockets
        self._logs = logs
        self._lock = threading.Lock()
        self._running: RunningCommand | None = None
        self._ending = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name=f"website-{config.domain}", daemon=True)
        self._keeper.start()

    def wait_listening(self, limit_s: float) -> bool:
        """Whether somebody listened on the socket before the time was over, or the website ended."""
        deadline = time.monotonic() + limit_s
        while not self._is_listening():
            if time.monotonic() > deadline or self._ending.wait(LOOK_S):
                return False
        return True

    def end(self) -> None:
        """Nothing of it runs when this returns, and its socket is gone."""
        with self._lock:
            self._ending.set()
            running = self._running
        if running is not None:
            running.signal(signal.SIGTERM)
            running.wait(FAREWELL_S)
            running.end()
        self._keeper.join()
        self._sockets.real(self._config.number).unlink(missing_ok=True)

    def _keep(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            began = time.monotonic()
            how = self._run()
            if self._ending.is_set():
                _say(self._logs.server, f"server {how}")
                return
            if time.monotonic() - began > SETTLED_S:
                pause_s = FIRST_PAUSE_S
            _say(self._logs.server, f"server {how}; it is started again in {pause_s:g} s")
            if self._ending.wait(pause_s):
                return
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _run(self) -> str:
        """Run the command to its end; how that was."""
        self._sockets.real(self._config.number).unlink(missing_ok=True)  # else bind says "in use"
        copies: list[threading.Thread] = []
        try:
            with contextlib.ExitStack() as ours:
                server_log = ours.enter_context(_into(self._logs.server, copies))
                error_log = ours.enter_context(_into(self._logs.error, copies))
                running = self._commands.start(
                    ["/bin/bash", "-c", self._config.command],
                    environment={"DOMAIN_SOCKET": self._sockets.shown(self._config.number)},
                    stdout=server_log,
                    stderr=error_log,
                    counted=False,
                )
        except (OSError, IsolationError) as error:
            _say(self._logs.error, f"the command did not start: {error}")
            return "did not start"
        _say(self._logs.server, f"server {running.pid} started: {self._config.command}")
        with self._lock:
            self._running = running
            too_late = self._ending.is_set()
        if too_late:
            running.end()
        status = running.wait()
        for copy in copies:  # so that its last words stand before its end
            copy.join(timeout=1.0)  # unless something it left behind still holds the pipe
        return _ending(running.pid, status)

    def _is_listening(self) -> bool:
        with socket.socket(socket.AF_UNIX) as attempt:
            try:
                attempt.connect(self._sockets.reached(self._config.number))
            except OSError:
                return False
        return True


@contextlib.contextmanager
def _into(write: Callable[[str], None], copies: list[threading.Thread]) -> Iterator[int]:
    """The writing end of a pipe whose lines a new thread passes on, until all its writers are gone.

    Not the log's own file: people delete logs through the API while the site runs, and lines have the time.
    """
    reading, writing = os.pipe()
    copy = threading.Thread(target=_pass_on, args=(reading, write), name="website-log", daemon=True)
    copy.start()
    copies.append(copy)
    try:
        yield writing
    finally:
        os.close(writing)


def _pass_on(reading: int, write: Callable[[str], None]) -> None:
    with os.fdopen(reading, "rb") as pipe:
        while line := pipe.readline(LONGEST_LINE):
            _say(write, line.decode("utf-8", "backslashreplace").rstrip("\r\n"))


def _say(write: Callable[[str], None], text: str) -> None:
    """Into a log, if that is possible: the command must not stand still for a full disk."""
    with contextlib.suppress(OSError, OutsideAccountError):
        write(text)


def _ending(pid: int, status: int | None) -> str:
    if status is not None and status < 0:
        return f"{pid} was ended by {signal.Signals(-status).name}"
    return f"{pid} ended with exit status {status}"
