"""What a deployment costs: one story for each size of a site, told on a real sandbox.

The counts and the bytes are exact and the same on every machine; the time of our own is for
proportion, beside the time that the platform's limit imposes.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

from deployer.model.plan import Plan
from deployer.model.site import ScheduledTask, StaticMapping, WebAppSettings
from deployer.pythonanywhere import REQUESTS_PER_MINUTE, time_under_limit
from tests.bench.bars import Bar
from tests.deployment.stage import WSGI, Stage, stage

FILES_AND_RELOAD = ("files/path{path}", "files/tree/", "webapps/{domain}/reload/")
"""Requests for anything else are requests for settings."""
TARGET = "/home/alice/mysite"
MAPPING = StaticMapping(url="/static/", path=f"{TARGET}/static")
TASK = ScheduledTask(name="nightly", command="true", interval="daily", hour=4, minute=10)
WEBAPP = WebAppSettings(python_version="3.11", source_directory=TARGET)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One deployment as the platform saw it."""

    site: str
    scenario: str
    requests: Mapping[str, int]
    """Method and URL pattern -> how many."""
    bytes_sent: int
    """In the bodies of requests, the multipart wrapping and our own record included."""
    bytes_received: int
    plan: Plan
    seconds: float
    bars: tuple[Bar, ...]

    @property
    def total(self) -> int:
        return sum(self.requests.values())

    @property
    def planned_s(self) -> float:
        """What the plan said that the limit would impose: its own requests, without those that made it."""
        return self.plan.seconds_under_limit(REQUESTS_PER_MINUTE)

    @property
    def imposed_s(self) -> float:
        """What the limit imposes on all requests that were made, from an idle start."""
        by_pattern: Counter[str] = Counter()
        for name, count in self.requests.items():
            by_pattern[name.split()[1]] += count
        return max(time_under_limit(count, REQUESTS_PER_MINUTE) for count in by_pattern.values())


Judge = Callable[[Cost], Bar]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What happens before the next deployment, and what that one must not exceed."""

    name: str
    prepare: Callable[[Stage], object]
    judges: tuple[Judge, ...] = ()


def at_most(limit: int) -> Judge:
    return lambda cost: Bar(what="requests", value=cost.total, limit=limit)


def no_settings(cost: Cost) -> Bar:
    asked = sum(count for name, count in cost.requests.items() if name.split()[1] not in FILES_AND_RELOAD)
    return Bar(what="requests for settings", value=asked, limit=0)


def near_the_limit(cost: Cost) -> Bar:
    """Even if none of our own time fitted into the waits that the limit imposes anyway."""
    return Bar(
        what="own time, in % of what the limit imposes",
        value=100 * cost.seconds / cost.imposed_s,
        limit=2,
    )


def first(files: int, *judges: Judge) -> Scenario:
    """The application and so many pages, all in all `files`."""
    content = {"wsgi.py": WSGI, **{page(number): f"page {number}\n" for number in range(files - 1)}}
    return Scenario(name="first deployment", prepare=lambda place: place.repo.commit(content), judges=judges)


def changed(name: str, *numbers: int, judges: tuple[Judge, ...] = ()) -> Scenario:
    content = {page(number): f"page {number}, by way of {name}\n" for number in numbers}
    return Scenario(name=name, prepare=lambda place: place.repo.commit(content), judges=judges)


def page(number: int) -> str:
    return f"pages/{number // 50:02}/{number % 50:02}.html"


NOTHING = Scenario(name="nothing changed", prepare=lambda _: None, judges=(at_most(2), no_settings))
ONE_CHANGED = changed("1 file changed", 3, judges=(at_most(7), no_settings))
ONE_ADDED = Scenario(
    name="1 file added", prepare=lambda place: place.repo.commit({"pages/00/new.html": "new\n"})
)
ONE_DELETED = Scenario(
    name="1 file deleted", prepare=lambda place: place.repo.commit({"pages/00/new.html": None})
)

STORIES: Mapping[int, tuple[Scenario, ...]] = {
    10: (first(10), NOTHING),
    100: (
        first(100),
        NOTHING,
        ONE_CHANGED,
        ONE_ADDED,
        ONE_DELETED,
        changed("10 files changed", *range(10)),
        Scenario(
            name="a static mapping changed",
            prepare=lambda place: place.change_site(static=(replace(MAPPING, path=TARGET),)),
        ),
        Scenario(
            name="a task changed",
            prepare=lambda place: place.change_site(tasks=(replace(TASK, command="false"),)),
        ),
        Scenario(
            name="the web app changed",
            prepare=lambda place: place.change_site(webapp=replace(WEBAPP, working_directory=TARGET)),
        ),
        Scenario(
            name="our state folder lost", prepare=lambda place: setattr(place, "state", "another-machine")
        ),
        Scenario(
            name="the manifest lost",
            prepare=lambda place: place.sandbox.disk.real(place.site.manifest_path).unlink(),
        ),
    ),
    1_000: (first(1_000, near_the_limit), NOTHING, changed("100 files changed", *range(0, 900, 9))),
    1_500: (
        first(1_500),
        replace(NOTHING, name="nothing changed, listing cut"),
        replace(ONE_CHANGED, name="1 file changed, listing cut"),
        replace(ONE_ADDED, name="1 file added, listing cut"),
        replace(ONE_DELETED, name="1 file deleted, listing cut"),
    ),
}
"""By how many files the site has at first. Each scenario goes on from where the one before it ended."""


def tell(folder: Path, files: int) -> Iterator[Cost]:
    """The story of a site with so many files, one deployment after the other."""
    with stage(folder, wsgi="wsgi.py", static=(MAPPING,), tasks=(TASK,), webapp=WEBAPP) as place:
        for scenario in STORIES[files]:
            scenario.prepare(place)
            yield _deployed(place, f"{files:,} files", scenario)


def _deployed(place: Stage, site: str, scenario: Scenario) -> Cost:
    seen = len(place.sandbox.requests.list())
    began = perf_counter()
    outcome = place.sync()
    seconds = perf_counter() - began
    entries = place.sandbox.requests.list()[seen:]
    cost = Cost(
        site=site,
        scenario=scenario.name,
        requests=Counter(f"{entry.method} {entry.endpoint}" for entry in entries),
        bytes_sent=sum(entry.bytes_in for entry in entries),
        bytes_received=sum(entry.bytes_out for entry in entries),
        plan=outcome.plan,
        seconds=seconds,
        bars=(),
    )
    return replace(cost, bars=tuple(judge(cost) for judge in scenario.judges))
