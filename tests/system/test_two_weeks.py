"""Two weeks of a daemon in a minute: its own jobs, each run as often as two weeks would run it."""

import gc
import os
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from deployer.daemon import chores
from deployer.deployment import record
from deployer.state import State
from tests.builders.waiting import until
from tests.daemon.inside import Inside, inside
from tests.daemon.place import place

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

DAYS = 14
WARM = 2
"""Days that do not count: the first ones import, fill caches and reach the bound of the history."""
PUSH_EVERY = timedelta(hours=12)
TABLE = '[site.blog.drift]\nevery = "6h"\n'
FIRED = {"poll blog": 4_032, "drift blog": 56, "expiry blog": 28, "tidy": 28}
PAGES = 40
"""More than one look for drift compares."""
KEPT = 4
"""Deployments that are not forgotten: few, so that there is something to forget in two weeks."""
DOMAIN = "alice.pythonanywhere.com"
MOST_WRITE_AHEAD = 5_000_000
"""Bytes. SQLite writes such a file anew once it has 1,000 pages of 4,096 bytes."""
MOST_GROWTH = 4_000_000
"""Bytes of memory, from one week to the next."""
SPARE = 3
"""Descriptors and threads that the sandbox's server, in this process too, has more or less by chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """What this process, the sandbox in it included, holds while the daemon has nothing to do."""

    descriptors: int
    threads: int
    children: int
    temporary: int
    rss: int
    """Bytes."""
    state: int
    """Bytes below the state folder, without SQLite's write-ahead files."""
    write_ahead: int
    files: int
    """Below the state folder."""


@dataclass(slots=True)
class Fortnight:
    """The clock, turned by hand."""

    given: Inside
    temporary: Path
    fired: dict[str, int] = field(default_factory=dict)
    idle_lines: list[str] = field(default_factory=list)
    """What was logged by polls that found nothing."""

    def pass_day(self, day: int) -> None:
        """Every job as often as its interval fits into a day, each at its time."""
        jobs = self.given.jobs
        step = jobs["poll blog"].trigger.interval
        for number in range(timedelta(days=1) // step):
            now = number * step
            if not now % PUSH_EVERY:
                self.push(f"day {day}, {now}")
            for name, job in jobs.items():
                if not now % job.trigger.interval:
                    before = self.given.output.tell()
                    job.func()
                    self.given.settle()
                    self.fired[name] = self.fired.get(name, 0) + 1
                    if name == "poll blog":
                        self.idle_lines += self.given.output.getvalue()[before:].splitlines()

    def push(self, words: str) -> None:
        """The watch sees it; whoever comes first, it goes live."""
        opened, orders = self.given.place, self.given.daemon.orders
        commit = opened.repos["blog"].push({"page.txt": words})
        assert until(lambda: orders.known("blog").handled == commit)
        self.given.settle()
        assert opened.served("mysite/page.txt") == words
        opened.sandbox.requests.wait_idle()
        opened.sandbox.requests.reset()

    def footprint(self) -> Footprint:
        gc.collect()
        paths = [path for path in self.given.daemon.folder.rglob("*") if path.is_file()]
        ahead = [path for path in paths if path.name.endswith(("-wal", "-shm"))]
        kept = [path for path in paths if path not in ahead]
        return Footprint(
            descriptors=len(list(Path("/proc/self/fd").iterdir())),
            threads=threading.active_count(),
            children=_children(),
            temporary=len(list(self.temporary.rglob("*"))),
            rss=int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"),
            state=sum(path.stat().st_size for path in kept),
            write_ahead=sum(path.stat().st_size for path in ahead),
            files=len(kept),
        )


def test_two_weeks_leave_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setenv("DEPLOYER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setattr(chores, "KEPT_DEPLOYMENTS", KEPT)
    monkeypatch.setattr(record, "SETTLE_S", 0.0)  # nobody else deploys here
    with place(tmp_path) as opened:
        opened.more["blog"] = TABLE
        opened.repos["blog"].push({f"pages/{number:02}.txt": f"page {number}\n" for number in range(PAGES)})
        with inside(opened) as given:
            given.settle()
            fortnight = Fortnight(given, temporary)
            prints = []
            for day in range(DAYS):
                fortnight.pass_day(day)
                prints.append(fortnight.footprint())

            assert fortnight.fired == FIRED
            assert fortnight.idle_lines == []
            check_work(given)
            check_bounded(prints[WARM : DAYS // 2], prints[DAYS // 2 :])


def check_work(given: Inside) -> None:
    """Each job did what it is for."""
    assert len(given.events("live")) == 1 + DAYS * timedelta(days=1) / PUSH_EVERY
    looks = given.events("drift_looked")
    assert len(looks) == FIRED["drift blog"]
    assert [look for look in looks if look["differences"] or look["gave_way"]] == []
    assert [event for event in given.logged() if event["level"] != "info"] == []
    with State(given.daemon.folder) as state:
        # Those that the last tidying left, and one that ended after it.
        assert len(state.deployments(DOMAIN, most=100, unchanged=False)) <= KEPT + 1


def check_bounded(first: list[Footprint], second: list[Footprint]) -> None:
    """The second week against what was left of the first one."""
    for what, spare in {"descriptors": SPARE, "threads": SPARE, "children": 0, "files": 0}.items():
        before, after = ([getattr(one, what) for one in week] for week in (first, second))
        assert max(after) <= max(before) + spare, f"{what}: {before}, then {after}"
    assert [one.temporary for one in second] == [0] * len(second)
    before, after = ([one.state for one in week] for week in (first, second))
    assert max(after) <= 1.1 * max(before), f"bytes of state: {before}, then {after}"
    assert max(one.write_ahead for one in second) <= MOST_WRITE_AHEAD
    before, after = ([one.rss for one in week] for week in (first, second))
    assert max(after) <= max(before) + MOST_GROWTH, f"bytes of memory: {before}, then {after}"


def _children() -> int:
    """Of any thread of this process; a git that nobody has waited for is one, too."""
    found = 0
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            with suppress(OSError):  # it has ended meanwhile
                parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
                found += int(parent) == os.getpid()
    return found
