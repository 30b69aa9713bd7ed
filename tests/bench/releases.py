"""Strategy `release` beside strategy `files` and the platform's own library, which sends file after file."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

from deployer.model.site import FileRules, ReleaseRules, WebAppSettings
from deployer.sandbox import Switches
from tests.bench.bars import Bar
from tests.bench.scenarios import page
from tests.deployment.stage import WSGI, Stage, stage
from tests.system.visitors import Sight
from tests.system.watched import watched
from tests.vendor.clients import Pa

FILES = 1_000
DEPLOYMENTS = 50
PER_MINUTE = 40
TREE_POST = """
import sys
from pythonanywhere_core.files import Files
try:
    Files().tree_post(sys.argv[1], sys.argv[2])
except Exception as error:
    print(str(error))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One deployment, under the limit."""

    way: str
    deployment: str
    requests: int
    bytes_sent: int
    took_s: float
    """With the waits that the limit imposes, which the bench does not wait for."""
    end: str = ""
    """How it ended, where that was not as it should."""
    bar: Bar | None = None


Deed = Callable[[Stage], object]


def changing(name: str, pages: range, *, also_wsgi: bool = False) -> Deed:
    def deed(place: Stage) -> None:
        content: dict[str, bytes | str | None] = {page(number): f"{name}, {number}\n" for number in pages}
        if also_wsgi:
            content["wsgi.py"] = f"{WSGI}# {name}\n"
        place.repo.commit(content)
        place.sync()

    return deed


def story(files: int) -> Iterator[tuple[str, Deed, int]]:
    """Each deployment with how many requests strategy `release` may make for it."""
    yield "first deployment", changing("first", range(files - 1), also_wsgi=True), 9
    yield "nothing changed", Stage.sync, 2
    yield "1 file changed", changing("one", range(1)), 9
    yield "10 files changed", changing("ten", range(10)), 9
    yield f"{files:,} files changed", changing("all", range(files - 1), also_wsgi=True), 9
    yield "rollback", Stage.rollback, 5


def runs(files: int) -> Iterator[Run]:
    for way in ("release", "files"):
        with limited(way) as place:
            for name, deed, limit in story(files):
                run = _run(place, way, name, deed)
                bar = Bar(what=f"requests of {name}", value=run.requests, limit=limit)
                yield replace(run, bar=bar if way == "release" else None)
    with limited("files") as place:
        yield _tree_post(place, files)


@contextmanager
def limited(way: str) -> Iterator[Stage]:
    """Platform and client have the same clock, which jumps ahead whenever the client waits."""
    releases = ReleaseRules() if way == "release" else None
    with (
        tempfile.TemporaryDirectory(prefix="deployer-bench-") as folder,
        stage(
            Path(folder),
            switches=Switches(),
            wsgi="wsgi.py",
            webapp=WebAppSettings(),
            files=FileRules(links="keep" if releases else "copy"),
            releases=releases,
        ) as place,
    ):
        place.per_minute, place.pause = PER_MINUTE, place.clock.sleep
        place.sandbox._account.throttle._now = place.clock.now
        yield place


def _run(place: Stage, way: str, name: str, deed: Deed) -> Run:
    place.clock.ahead_s += 60.0  # nothing is left of what the deployment before was counted for
    seen, ahead_s, began = len(place.sandbox.requests.list()), place.clock.ahead_s, perf_counter()
    deed(place)
    took_s = perf_counter() - began + place.clock.ahead_s - ahead_s
    place.sandbox.requests.wait_idle()
    entries = place.sandbox.requests.list()[seen:]
    return Run(
        way=way,
        deployment=name,
        requests=len(entries),
        bytes_sent=sum(entry.bytes_in for entry in entries),
        took_s=took_s,
    )


def _tree_post(place: Stage, files: int) -> Run:
    """The library does not wait, and stops at the first refusal."""
    local = place.folder / "local"
    for number in range(files):
        path = local / page(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"first, {number}\n")
    said: list[str] = []

    def post(place: Stage) -> None:
        command = [sys.executable, "-c", TREE_POST, str(local), place.site.target]
        environment = Pa(place.sandbox, place.folder).environment
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        said.append(ended.stdout.strip())

    run = _run(place, "tree_post", "first deployment", post)
    arrived = sum(path.is_file() for path in place.target.rglob("*"))
    return replace(run, end=f"{arrived:,} of {files:,} files arrived{', then ' * bool(said[0])}{said[0]}")


def sights(deployments: int) -> Iterator[tuple[str, Sight, Bar | None]]:
    for way, releases, workers in (
        ("releases, one worker", True, 1),
        ("releases, four workers", True, 4),
        ("files, one worker", False, 1),
    ):
        with tempfile.TemporaryDirectory(prefix="deployer-bench-") as folder:
            sight = watched(Path(folder), deployments, releases=releases, workers=workers).sight
        bar = Bar(what=f"mixtures, {way}", value=sight.mixtures, limit=0)
        yield way, sight, bar if releases else None
