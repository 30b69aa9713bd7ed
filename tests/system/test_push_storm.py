"""Two hundred pushes to five sites of two accounts, and a daemon that is killed all the while."""

import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
import requests

from deployer.model.deployment import Deployment, Status
from deployer.sandbox import Effect, Fault
from deployer.state import Orders, State
from tests.builders.waiting import until
from tests.daemon.place import Place, place
from tests.daemon.running import Running, running
from tests.system.storm import PUSHES, SITES, Storm, domain_of, greeting, storm

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

KILLS = 12
MOST_REQUESTS = 120
"""Of all sites together, between the start of a daemon and its end."""
LONGEST_LIFE_S = 4.0
"""Of a daemon that has nothing more to ask."""


def test_every_site_ends_at_its_newest_commit_however_often_the_daemon_is_killed(tmp_path: Path) -> None:
    with storm(tmp_path) as given:
        with given.blowing() as over:
            for _ in range(KILLS):
                live_and_die(given)
            with running(given.place) as daemon:
                assert until(over.is_set, timeout_s=60)
                assert until(lambda: all_live(daemon, given), timeout_s=60), told(daemon)
                check_pages(given)
                daemon.signal(signal.SIGTERM)
                assert daemon.process.wait(20) == 0
        check_history(given)
        for site in SITES:
            assert given.platforms.overlapping(site) == []
            assert given.place.served(f"{site}/page.txt", site=site) == f"number {PUSHES // len(SITES) - 1}\n"
        assert until(lambda: strays(given.place) == [], timeout_s=5), strays(given.place)


def test_what_was_recorded_in_the_moment_of_a_kill_is_shown_as_live(tmp_path: Path) -> None:
    """The server has the record, and our history has not: only the next run finds that out."""
    with place(tmp_path) as given:
        with running(given) as daemon:
            assert until(lambda: daemon.site()["live"] is not None)
            given.sandbox.faults.add(
                Fault(
                    effect=Effect(kind="stall", when="after"), method="POST", path="manifest.json$", after=1
                )
            )
            commit = given.repos["blog"].push({"wsgi.py": greeting("blog", 1)})
            assert until(lambda: any(fired for _, fired in given.sandbox.faults.list()))
            daemon.signal(signal.SIGKILL)
        given.sandbox.faults.clear()

        with running(given) as daemon:
            assert until(lambda: daemon.is_live(commit)), told(daemon)
            assert daemon.site()["live"]["subject"] == "A change"


def live_and_die(given: Storm) -> None:
    """One daemon, killed at a random moment of its life: also before it has asked for anything."""
    with running(given.place, waits=False) as daemon:
        if given.chance.random() < 0.15:
            given.wait_for_requests(1_000, timeout_s=given.chance.uniform(0.0, 1.0))
        else:
            given.wait_for_requests(given.chance.randint(1, MOST_REQUESTS), timeout_s=LONGEST_LIFE_S)
        daemon.signal(signal.SIGKILL)


def all_live(daemon: Running, given: Storm) -> bool:
    sites = daemon.get("/api/sites")["sites"]
    live = {site["name"]: site["live"] and site["live"]["commit"] for site in sites}
    busy = [site["name"] for site in sites if site["running"] or site["waiting"]]
    return not busy and live == {site: commits[-1] for site, commits in given.commits.items()}


def check_pages(given: Storm) -> None:
    for site, commits in given.commits.items():
        url = given.place.sandbox_of(site).url
        page = requests.get(url, headers={"Host": domain_of(site)}, timeout=30).text
        assert page == f"{site} {len(commits) - 1}"


def check_history(given: Storm) -> None:
    """What the daemons remember: forwards only, one after the other, and nothing left to do."""
    folder = given.place.folder / "state"
    with State(folder) as state:
        for site, commits in given.commits.items():
            history = state.deployments(domain_of(site), most=1_000)[::-1]
            places = [commits.index(deployment.commit) for deployment in history]
            assert places == sorted(places), f"{site} went back: {places}"
            live = [deployment.commit for deployment in history if deployment.status is Status.LIVE]
            assert len(live) == len(set(live)), f"{site} deployed a commit twice: {live}"
            assert {deployment.status for deployment in history} <= {
                Status.LIVE,
                Status.UNCHANGED,
                Status.INTERRUPTED,
            }
            check_one_after_another(state, history)
    orders = Orders(folder)
    assert list(orders.waiting()) == []
    orders.close()


def check_one_after_another(state: State, history: Sequence[Deployment]) -> None:
    """A deployment that was killed has no end; its last confirmed step is what is known of it."""
    for before, after in pairwise(history):
        steps = [step.ended for step in state.steps(before.id)]
        assert max([before.ended or before.started, *steps]) <= after.started, (before, after)


def strays(place: Place) -> list[str]:
    """Processes that a daemon of this place started, or that is one."""
    mark = f"DEPLOYER_RUNTIME_DIR={place.folder / 'runtime'}".encode()
    found = []
    for process in Path("/proc").iterdir():
        with suppress(OSError):  # it has ended meanwhile
            others = process.name.isdecimal() and int(process.name) != os.getpid()
            if others and mark in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


def told(daemon: Running) -> str:
    return f"{daemon.get('/api/sites')}\n{daemon.log.read_text()[-4_000:]}"
