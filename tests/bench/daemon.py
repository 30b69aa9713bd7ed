"""What the daemon takes: from a push to the first request that writes, and of the machine while it idles.

`deployer run` is a process of its own here, as it is under systemd; the platform is a sandbox.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from threading import Event, Lock
from time import perf_counter

from deployer.sandbox.journal import Entry
from tests.bench.bars import Bar
from tests.builders.waiting import until
from tests.cli.project import WSGI
from tests.daemon.place import Place, place
from tests.daemon.running import Running, running

PUSHES = 10
PATIENCE_S = 30.0
IDLE_S = 10.0
BAR_FIRST_MS = 300.0
BAR_CPU_PERCENT = 1.0
BAR_RSS_MB = 90.0
FILE = "mysite/page.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One thing measured, over several rounds where it has some."""

    name: str
    unit: str
    median: float
    worst: float
    rounds: int
    bar: Bar | None = None


@dataclass(slots=True)
class Arrivals:
    """When each upload reached the platform, since the last `clear`."""

    _seen: list[tuple[str, float]] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def __call__(self, entry: Entry) -> None:
        """An entry is written when its request is answered."""
        if entry.method == "POST":
            with self._lock:
                self._seen.append((entry.path, perf_counter() - entry.seconds))

    def clear(self) -> None:
        with self._lock:
            self._seen.clear()

    def arrived(self, ending: str = "") -> float | None:
        """When the first one to a path with that end came; None: none has."""
        with self._lock:
            return min((when for path, when in self._seen if path.endswith(ending)), default=None)

    def first(self, ending: str = "") -> float:
        """The same, waited for. Raises TimeoutError."""
        _wait_until(lambda: self.arrived(ending) is not None)
        return self.arrived(ending) or 0.0


def measure() -> Iterator[Figure]:
    """On one daemon with one site: first the pushes, then the rest after them."""
    arrivals = Arrivals()
    with (
        tempfile.TemporaryDirectory(prefix="deployer-bench-") as folder,
        place(Path(folder)) as opened,
    ):
        opened.sandbox.requests._follow = arrivals
        opened.repos["blog"].push({"wsgi.py": WSGI, "page.txt": "the first\n"})
        with running(opened) as daemon:
            _wait_until(lambda: daemon.site()["live"] is not None)
            yield from _pushes(daemon, opened, arrivals, PUSHES)
            yield from _idle(daemon, IDLE_S)


def _pushes(daemon: Running, opened: Place, arrivals: Arrivals, rounds: int) -> Iterator[Figure]:
    claims, files = [], []
    for number in range(rounds):
        _wait_until(lambda: daemon.site()["running"] is None)
        arrivals.clear()
        commit = opened.repos["blog"].push({"page.txt": f"number {number}\n"})
        pushed = perf_counter()
        claims.append(1000 * (arrivals.first() - pushed))
        files.append(1000 * (arrivals.first(FILE) - pushed))
        _wait_until(partial(daemon.is_live, commit))
    yield _figure("push to the first upload", "ms", claims, BAR_FIRST_MS)
    yield _figure("push to the first file, 1 s of waiting included", "ms", files)


def _idle(daemon: Running, seconds: float) -> Iterator[Figure]:
    """Nobody asks it anything meanwhile."""
    pid = daemon.process.pid
    used, began = _cpu_s(pid), perf_counter()
    Event().wait(seconds)
    share = 100 * (_cpu_s(pid) - used) / (perf_counter() - began)
    yield _figure("idle, of a core", "%", [share], BAR_CPU_PERCENT)
    yield _figure("memory (RSS)", "MB", [_rss_mb(pid)], BAR_RSS_MB)


def _wait_until(condition: Callable[[], bool]) -> None:
    if not until(condition, timeout_s=PATIENCE_S):
        raise TimeoutError(f"the daemon did not come to that in {PATIENCE_S:g} s")


def _figure(name: str, unit: str, values: Sequence[float], limit: float | None = None) -> Figure:
    middle = median(values)
    bar = None if limit is None else Bar(what=f"{name}, {unit}", value=middle, limit=limit)
    return Figure(name=name, unit=unit, median=middle, worst=max(values), rounds=len(values), bar=bar)


def _cpu_s(pid: int) -> float:
    """Of the process and of the children that it has waited for: a poll's git counts."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def _rss_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1_000_000
