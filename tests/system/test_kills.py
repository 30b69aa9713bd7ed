"""A deployment that is killed before or after any of its requests is finished by the next run."""

from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from deployer.config import load_site
from deployer.deployment.deploy import unlock
from tests.deployment.killing import When, killed_at
from tests.deployment.release_scenario import check_release, commit_release, page, release_stage, whole
from tests.deployment.scenario import at_version, check_live, check_recorded, commit_version
from tests.deployment.stage import Stage
from tests.deployment.worlds import OTHER_PLATFORMS


def on_the_same_machine(place: Stage, version: int) -> int:
    place.sync()
    assert sent_again(place) <= 1
    return version


def with_the_state_lost(place: Stage, version: int) -> int:
    """Somebody knows that the other machine is gone, and says so."""
    place.state = "another machine's"
    pending = place.manifest().pending
    with place.work() as work:
        unlock(work)
    outcome = place.sync()
    if pending is not None:
        sent = {action.subject for action in outcome.plan.actions if action.kind in {"create", "update"}}
        assert sent <= set(pending.paths)
    return version


def with_a_newer_commit(place: Stage, version: int) -> int:
    commit_version(place, version + 1)
    place.sync()
    return version + 1


def sent_again(place: Stage) -> int:
    """How many uploads of files were repetitions."""
    sent = Counter(
        entry.path
        for entry in place.sandbox.requests.list()
        if entry.method == "POST" and "/files/path" in entry.path and "/.deployer/" not in entry.path
    )
    return sum(sent.values()) - len(sent)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("go_on", "version"),
    [
        pytest.param(on_the_same_machine, 1, id="first, on the same machine"),
        pytest.param(on_the_same_machine, 2, id="change, on the same machine"),
        pytest.param(with_the_state_lost, 2, id="change, with the state lost"),
        pytest.param(with_a_newer_commit, 2, id="change, with a newer commit"),
    ],
)
def test_a_run_that_is_killed_at_any_request_is_finished_by_the_next(
    tmp_path: Path,
    go_on: Callable[[Stage, int], int],
    when: When,
    version: int,
) -> None:
    for number in count(1):
        with at_version(tmp_path / str(number), version) as place:
            if (status := killed_at(place, number, when)) is not None:
                assert status == 0
                assert number > 20, "there are more requests than that"
                return
            try:
                expected = go_on(place, version)
                check_live(place, expected)
                check_recorded(place)
            except Exception as error:
                error.add_note(f"Killed {when} request {number}.")
                raise


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_run_is_finished_also_where_the_platform_is_another_one(tmp_path: Path, when: When) -> None:
    """A kill at each request again, each time with other questions of the platform answered otherwise."""
    for number in count(1):
        world = OTHER_PLATFORMS[number % len(OTHER_PLATFORMS)]
        with at_version(tmp_path / str(number), 2, more=True, **world) as place:
            if killed_at(place, number, when) is not None:
                assert number > 15, "there are more requests than that"
                return
            try:
                check_live(place, on_the_same_machine(place, 2))
                check_recorded(place)
            except Exception as error:
                error.add_note(f"Killed {when} request {number}, with {world}.")
                raise


RELEASES = """
[app]
target = "~/mysite"
wsgi = "wsgi.py"
strategy = "release"
keep_releases = 2

[health]
contains = "version"
timeout = "5s"
"""


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_release_that_is_killed_at_any_request_is_finished_by_the_next_run(
    tmp_path: Path, when: When
) -> None:
    """The same site all the time, a version further with each kill."""
    with release_stage(tmp_path) as place:
        place.site = load_site(RELEASES.encode(), "a test", username="alice", host=place.sandbox.url)
        commit_release(place, 1, {"pythonanywhere.toml": RELEASES})
        place.sync()
        for number in count(1):
            commit = commit_release(place, number + 1)
            status = killed_at(place, number, when)
            try:
                assert page(place) in {whole(number), whole(number + 1)}
                if status is None:
                    place.sync()
                check_release(place, number + 1, commit)
            except Exception as error:
                error.add_note(f"Killed {when} request {number}.")
                raise
            if status is not None:
                assert status == 0
                assert number > 5, "there are more requests than that"
                return
