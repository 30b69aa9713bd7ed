"""What systemd and a service tell each other: readiness, status, the watchdog, and sockets passed on.

The protocols are those of sd_notify(3), sd_watchdog_enabled(3) and sd_listen_fds(3). Outside systemd
everything here does nothing and returns nothing. The variables are taken out of the environment when they
are read, so that git and other children neither notify in our name nor take our sockets for theirs.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import MappingProxyType

FIRST_PASSED = 3
"""The descriptor after stderr (SD_LISTEN_FDS_START)."""
HTTP = "http"
CONTROL = "control"
NOTHING: Mapping[str, tuple[socket.socket, ...]] = MappingProxyType({})


class Notify:
    """The service manager, as seen from the service. Safe to call from any thread; never raises.

    `address` is a path, or an abstract name with @ before it; None: nobody listens.
    """

    def __init__(self, address: str | None) -> None:
        self._address = address
        self._socket: socket.socket | None = None
        if address is not None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)

    @classmethod
    def from_environment(cls, environ: MutableMapping[str, str] = os.environ) -> "Notify":
        """The one that $NOTIFY_SOCKET names; a form that we do not know (vsock:) counts as none."""
        address = environ.pop("NOTIFY_SOCKET", "")
        return cls(address if address.startswith(("/", "@")) else None)

    @property
    def heard(self) -> bool:
        """Whether anybody listens."""
        return self._socket is not None

    def ready(self, status: str = "") -> None:
        """Started, or done with reloading."""
        self._send("READY=1", *_status(status))

    def status(self, text: str) -> None:
        """What `systemctl status` shows, one line."""
        self._send(*_status(text))

    def reloading(self) -> None:
        """A reload begins; `ready` ends it. The time stamp is what Type=notify-reload asks for."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send("RELOADING=1", f"MONOTONIC_USEC={now}")

    def stopping(self, status: str = "") -> None:
        self._send("STOPPING=1", *_status(status))

    def alive(self) -> None:
        """Feed the watchdog."""
        self._send("WATCHDOG=1")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, *lines: str) -> None:
        """Lost when the manager is gone or its queue is full: the service works on all the same."""
        if self._socket is None or self._address is None:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        with suppress(OSError):
            self._socket.sendto("\n".join(lines).encode(), address)


def _status(text: str) -> tuple[str, ...]:
    """A line end would begin another assignment."""
    return (f"STATUS={' '.join(text.split())}",) if text else ()


def watchdog_interval_s(environ: MutableMapping[str, str] = os.environ) -> float | None:
    """How often at the least the manager wants to hear of us; None: it does not watch this process."""
    every, whose = environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", "")
    if not every.isdecimal() or int(every) == 0 or whose not in ("", str(os.getpid())):
        return None
    return int(every) / 1_000_000


def listen_sockets(environ: MutableMapping[str, str] = os.environ) -> Mapping[str, tuple[socket.socket, ...]]:
    """The sockets that the manager opened for us, listening already, by "http" and "control".

    One that has another name goes by its family: a local one is for control. Closing one here leaves it
    open at the manager, which goes on queueing connections.
    """
    count, whose = environ.pop("LISTEN_FDS", ""), environ.pop("LISTEN_PID", "")
    names = environ.pop("LISTEN_FDNAMES", "").split(":")
    if not count.isdecimal() or whose != str(os.getpid()):
        return NOTHING
    found: dict[str, tuple[socket.socket, ...]] = {}
    for index in range(int(count)):
        passed = _passed(FIRST_PASSED + index)
        if passed is not None:
            given = names[index] if index < len(names) else ""
            name = given if given in (HTTP, CONTROL) else _by_family(passed)
            found[name] = (*found.get(name, ()), passed)
    return MappingProxyType(found)


def _passed(number: int) -> socket.socket | None:
    """The descriptor as a blocking socket that no child inherits; None: it is none, or not there."""
    try:
        os.set_inheritable(number, False)
        found = socket.socket(fileno=number)
        # The mode is the descriptor's, shared with those who had it before us.
        found.setblocking(True)
    except OSError:
        return None
    return found


def _by_family(passed: socket.socket) -> str:
    return CONTROL if passed.family == socket.AF_UNIX else HTTP


@dataclass(slots=True)
class _Work:
    allowance_s: float
    last_sign: float


Silence = Mapping[str, float]
"""Worker -> seconds since it was last heard of."""


class Watchdog:
    """Feeds the manager's watchdog while, and only while, every busy worker makes progress.

    A worker says `working` around what it does and `beat` whenever it got on with it; one that is idle says
    nothing. One that is silent for longer than its own allowance ends the feeding; the manager then restarts
    us. `starving` is told once each time that this begins, before the manager acts.
    """

    def __init__(
        self,
        notify: Notify,
        interval_s: float | None,
        *,
        starving: Callable[[Silence], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._notify = notify
        self._interval_s = interval_s
        self._starving = starving
        self._clock = clock
        self._lock = threading.Lock()
        self._busy: dict[str, _Work] = {}
        self._ended = threading.Event()
        self._told = False
        self._thread: threading.Thread | None = None

    def beat(self, name: str) -> None:
        """Worker `name` got on; of one that is not at work this says nothing."""
        with self._lock:
            if work := self._busy.get(name):
                work.last_sign = self._clock()

    @contextmanager
    def working(self, name: str, allowance_s: float) -> Iterator[None]:
        """Inside the block `name` is busy, and may be silent for `allowance_s` at a time.

        Blocks of one name may be nested: the inner allowance counts, and leaving it is a sign of life.
        """
        with self._lock:
            outer = self._busy.get(name)
            self._busy[name] = _Work(allowance_s, self._clock())
        try:
            yield
        finally:
            with self._lock:
                if outer is None:
                    del self._busy[name]
                else:
                    self._busy[name] = _Work(outer.allowance_s, self._clock())

    def silent(self) -> Silence:
        """The busy workers that overdrew their allowance."""
        now = self._clock()
        with self._lock:
            return {
                name: now - work.last_sign
                for name, work in self._busy.items()
                if now - work.last_sign > work.allowance_s
            }

    def feed(self) -> bool:
        """Tell the manager that all is well, if it is."""
        late = self.silent()
        if not late:
            self._told = False
            self._notify.alive()
            return True
        if not self._told:
            self._told = True
            self._notify.status(
                ", ".join(f"{name} has been silent for {seconds:.0f} s" for name, seconds in late.items())
            )
            self._starving(late)
        return False

    def start(self) -> None:
        """Feed from a thread of its own; does nothing where nobody watches."""
        if self._interval_s is None or self._thread is not None:
            return
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """No more feeding."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        """Three times in each interval: one datagram may be late, and another one lost."""
        pause_s = (self._interval_s or 0) / 3
        self.feed()
        while not self._ended.wait(pause_s):
            self.feed()
