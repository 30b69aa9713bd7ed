"""A program on a pseudo-terminal."""

import asyncio
import codecs
import contextlib
import os
import signal
import termios
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Self

from deployer.sandbox.consoles.transcript import Transcript
from deployer.sandbox.hosting import AccountCommands, RunningCommand

READ_BYTES = 65536
LAST_READS = 64  # after the end: what escaped the console's session may hold its terminal, and write for ever
KEPT = 200_000  # characters, for browsers that come later
UNREAD_BYTES = 1024 * 1024  # typed ahead of a program that does not read; a real terminal keeps far less
KIND = "xterm-256color"


class Size(NamedTuple):
    columns: int = 80
    rows: int = 24

    def possible(self) -> Self:
        """The nearest size that a terminal can have here."""
        return self._replace(columns=min(max(self.columns, 2), 500), rows=min(max(self.rows, 2), 300))


class Terminal:
    """Begun by `start`, then used by the serving thread alone, except for `end`."""

    def __init__(self, running: RunningCommand, master: int, size: Size) -> None:
        self.size = size
        self.transcript = Transcript(KEPT)
        self.ended = False
        self._running = running
        self._master = master
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._unread = bytearray()
        self._watchers: list[asyncio.Event] = []
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(master, self._read)
        running.when_ended(self._tell_end)

    @property
    def status(self) -> int | None:
        """None while the program runs; a negative number is the signal that ended it."""
        return self._running.status

    def type(self, text: str) -> None:
        """As from the keyboard. What a program leaves unread for too long is lost, as with any terminal."""
        data = text.encode("utf-8", "replace")
        if not self.ended and len(self._unread) + len(data) <= UNREAD_BYTES:
            self._unread += data
            self._write()

    def resize(self, size: Size) -> None:
        """The program is told by a signal (SIGWINCH), the watchers by their event."""
        if self.ended or size == self.size:
            return
        termios.tcsetwinsize(self._master, (size.rows, size.columns))
        self.size = size
        self._tell_watchers()

    @contextlib.contextmanager
    def watched(self) -> Iterator[asyncio.Event]:
        """An event that is set whenever there is more in the transcript, or another size, or the end."""
        watcher = asyncio.Event()
        self._watchers.append(watcher)
        try:
            yield watcher
        finally:
            self._watchers.remove(watcher)

    def is_first(self, watcher: asyncio.Event) -> bool:
        """Whether this one answers what programs ask of their terminal: one answer is enough."""
        return self._watchers[0] is watcher

    def end(self) -> None:
        """Kill the program and all of its session; from any thread but the serving one, which would wait."""
        self._running.end()
        _kill_session(self._running.pid)

    def close(self) -> None:
        """Let go of the terminal itself; does no harm twice."""
        if not self.ended:
            self.ended = True
            self._loop.remove_reader(self._master)
            self._loop.remove_writer(self._master)
            os.close(self._master)
            self._tell_watchers()

    def _read(self) -> bool:
        """Whether there was something. One read at a time, so that the others have their turn."""
        try:
            data = os.read(self._master, READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:  # EIO: no program has the terminal open any more
            self._loop.remove_reader(self._master)
            return False
        if text := self._decoder.decode(data):
            self.transcript.append(text)
            self._tell_watchers()
        return True

    def _write(self) -> None:
        try:
            del self._unread[: os.write(self._master, self._unread)]
        except BlockingIOError:
            pass
        except OSError:  # EIO: no program has the terminal open any more
            self._unread.clear()
        if self._unread:
            self._loop.add_writer(self._master, self._write)
        else:
            self._loop.remove_writer(self._master)

    def _tell_end(self, running: RunningCommand) -> None:
        """In a thread of the command's."""
        _kill_session(running.pid)
        with contextlib.suppress(RuntimeError):  # the sandbox is closed already
            self._loop.call_soon_threadsafe(self._finish)

    def _finish(self) -> None:
        if not self.ended:
            for _ in range(LAST_READS):
                if not self._read():
                    break
            self.close()

    def _tell_watchers(self) -> None:
        for watcher in self._watchers:
            watcher.set()


def start(
    commands: AccountCommands, command: Sequence[str], *, directory: str | None, size: Size
) -> tuple[RunningCommand, int]:
    """The running program and the terminal's other end, which is the caller's to close; blocks for a moment.

    Raises OSError, and IsolationError where that was insisted on.
    """
    master, slave = os.openpty()
    try:
        os.set_blocking(master, False)
        termios.tcsetwinsize(master, (size.rows, size.columns))
        running = commands.start(
            command,
            directory=directory,
            environment={"TERM": KIND},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            terminal=True,
        )
    except BaseException:
        os.close(master)
        raise
    finally:
        os.close(slave)
    return running, master


def _kill_session(leader: int) -> None:
    """Jobs of a shell have process groups of their own, and outlive it where they have to; not here."""
    for pid in filter(str.isdecimal, os.listdir("/proc")):  # noqa: PTH208 - names are wanted
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(int(pid)) == leader:
                os.kill(int(pid), signal.SIGKILL)
