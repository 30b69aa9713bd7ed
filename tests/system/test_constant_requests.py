"""A site that is asked every ten milliseconds shows whole versions only, through releases and ways back.

How many deployments: DEPLOYMENTS in the environment, by default as many as the suite has time for.
`make bench` makes 50, and prints what was seen, of strategy `files` as well.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest
import requests

from deployer.sandbox import Switches
from tests.builders.waiting import until
from tests.deployment.stage import UNLIMITED
from tests.system.visitors import STATIC, Seen, Visitor, switches, version
from tests.system.watched import ANSWERS, Story, site, watched

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

DEPLOYMENTS = int(os.environ.get("DEPLOYMENTS", "20"))
SERVED = UNLIMITED.changed({"static_while_reloading": "served"})
"""The other reading of the help page: only what the application answers is redirected."""


@pytest.mark.parametrize(
    ("workers", "answers"), [(1, UNLIMITED), (4, SERVED)], ids=["one-worker", "four-workers"]
)
def test_with_releases_every_answer_is_of_one_whole_version(
    tmp_path: Path, workers: int, answers: Switches
) -> None:
    seen = watched(tmp_path, DEPLOYMENTS, releases=True, workers=workers, switches=answers)

    for visitor in seen.visitors:
        assert visitor.torn == []
        assert visitor.strays == []
        assert switches(visitor.seen) >= DEPLOYMENTS // 2
    assert not seen.sight.versions & seen.story.unseen
    assert set(seen.sight.statuses) <= {200, 302, 500, 502}, seen.sight


def test_without_releases_the_same_visitor_sees_mixtures(tmp_path: Path) -> None:
    """Or would be blind. How many is printed by `make bench`."""
    seen = watched(tmp_path, DEPLOYMENTS // 2, releases=False)

    assert seen.sight.mixtures > 0, seen.sight


def test_a_request_that_was_begun_before_the_switch_ends_with_the_version_that_it_began_with(
    tmp_path: Path,
) -> None:
    """The old workers finish what they do, whatever is there by then; only then the new ones begin."""
    with site(tmp_path, releases=True, workers=2, switches=SERVED) as place:
        Story(place).begin()
        home = place.sandbox.disk.real("/home/alice")
        place.repo.commit(version("v1"))
        visitor = Visitor(place.sandbox.url, place.site.domain)
        with requests.Session() as session, ThreadPoolExecutor() as pool:
            slow = pool.submit(visitor.ask, requests.Session(), "/slow")
            try:
                assert until((home / "begun").exists)
                deployment = pool.submit(place.sync)
                assert until(lambda: visitor.ask(session, "/").status == 302)
                assert visitor.ask(session, STATIC).parts == ("v0",)
            finally:
                (home / "go-on").touch()
            assert slow.result().parts == ("v0", "v0", "v0")
            deployment.result()
            assert visitor.ask(session, "/").parts == ("v1", "v1", "v1")
            assert visitor.ask(session, STATIC).parts == ("v1",)


@contextmanager
def workers_ending(visitor: Visitor) -> Iterator[list[Seen]]:
    """Again and again one of them ends in the middle of a request, and the platform starts another."""
    over, ended = Event(), list[Seen]()

    def end_them() -> None:
        with requests.Session() as session:
            while not over.wait(0.15):
                ended.append(visitor.ask(session, "/die"))

    thread = Thread(target=end_them, name="ending-workers")
    thread.start()
    try:
        yield ended
    finally:
        over.set()
        thread.join()


def test_workers_that_are_replaced_at_any_moment_serve_a_whole_version_each(tmp_path: Path) -> None:
    """One that starts between claim and reload is early: its pages are of the new version, and whole, while
    the others' are of the old one.
    """
    with site(tmp_path, releases=True, workers=4) as place:
        story = Story(place)
        story.begin()
        visitor = Visitor(place.sandbox.url, place.site.domain)
        with workers_ending(Visitor(visitor.url, visitor.domain)) as ended, visitor.asking():
            for _ in range(DEPLOYMENTS // 3):
                story.go_on()
                visitor.see(ANSWERS)

    assert {each.status for each in ended} <= {302, 502}
    assert visitor.torn == []
    assert not visitor.versions & story.unseen
