"""A deployment of a release that is cut off at any request: whatever starts the site next serves a whole
version, and the next run finishes.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from shutil import copytree

import pytest

from deployer.deployment import observe
from deployer.deployment.deploy import unlock
from deployer.errors import DeployerError, Refused, RolledBack
from deployer.release import switch_source
from deployer.sandbox import Effect, Fault
from tests.deployment.killing import When
from tests.deployment.release_scenario import (
    BROKEN,
    BY_RELEASE,
    FLAT,
    check_release,
    commit_release,
    hurried_switch,
    page,
    release_stage,
    whole,
)
from tests.deployment.stage import Stage


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observe, "switch_source", hurried_switch)


def cut_off(place: Stage, number: int, when: When, run: Callable[[], object]) -> bool:
    """From the request of that number on nothing gets through, as from a process that is killed there.

    That one takes effect or does not. False where the run made fewer requests.
    """
    place.sandbox.requests.wait_idle()
    place.sandbox.requests.reset()
    place.sandbox.faults.add(Fault(effect=Effect(kind="cut", when=when), after=number - 1, times=1))
    place.sandbox.faults.add(Fault(effect=Effect(kind="cut"), after=number))
    with suppress(DeployerError):
        run()
    fired = any(times for _, times in place.sandbox.faults.list())
    place.sandbox.faults.clear()
    return fired


def check_restart(place: Stage, allowed: set[str]) -> None:
    """As it is, and after the platform has started the site again by itself."""
    assert page(place) in allowed
    with place.work() as work:
        work.api.webapps.reload(place.site.domain)
    assert page(place) in allowed


def go_on(place: Stage, number: int) -> None:
    """Every third time on another machine, whose owner knows that this one is gone."""
    if number % 3 == 0:
        place.state = f"another machine {number}"
        with place.work() as work:
            unlock(work)
    place.sync()


def numbered(turn: int, story: Callable[[int, When], bool]) -> None:
    whens: tuple[When, When] = ("before", "after")
    for number in count(1):
        when = whens[(number + turn) % 2]
        try:
            if not story(number, when):
                assert number > 4, "there are more requests than that"
                return
        except Exception as error:
            error.add_note(f"Cut off {when} request {number}.")
            raise


SLOWLY = pytest.mark.slow
TURNS = pytest.mark.parametrize("turn", [0, pytest.param(1, marks=SLOWLY)])
"""Every other request before it takes effect, the rest after that; and the other way about."""


@TURNS
def test_a_change(tmp_path: Path, turn: int) -> None:
    with release_stage(tmp_path) as place:
        versions = count(1)
        commit_release(place, next(versions))
        place.sync()

        def story(number: int, when: When) -> bool:
            version = next(versions)
            commit = commit_release(place, version)
            fired = cut_off(place, number, when, place.sync)
            check_restart(place, {whole(version - 1), whole(version)})
            if number % 3 == 1:  # there is a newer commit already
                version = next(versions)
                commit = commit_release(place, version)
            go_on(place, number)
            check_release(place, version, commit)
            return fired

        numbered(turn, story)


@TURNS
def test_a_rollback(tmp_path: Path, turn: int) -> None:
    with release_stage(tmp_path) as place:
        commits = {1: commit_release(place, 1)}
        place.sync()

        def story(number: int, when: When) -> bool:
            version = len(commits) + 1
            commits[version] = commit_release(place, version)
            place.sync()
            fired = cut_off(place, number, when, lambda: place.rollback(commits[version - 1]))
            check_restart(place, {whole(version - 1), whole(version)})
            place.rollback(commits[version - 1])
            check_release(place, version - 1, commits[version - 1])
            return fired

        numbered(turn, story)


@SLOWLY
@pytest.mark.parametrize("turn", [0, 1])
def test_a_commit_that_cannot_be_imported(tmp_path: Path, turn: int) -> None:
    with release_stage(tmp_path) as place:
        versions = count(1)
        commit_release(place, next(versions))
        place.sync()

        def story(number: int, when: When) -> bool:
            version = next(versions)
            before = place.manifest().commit or ""
            bad = commit_release(place, version, BROKEN)
            fired = cut_off(place, number, when, place.sync)
            check_restart(place, {whole(version - 1)})
            with pytest.raises((RolledBack, Refused)):
                go_on(place, number)
            failed = place.manifest().failed
            assert failed is not None
            assert failed.commit == bad
            check_release(place, version - 1, before)
            good = commit_release(place, version)
            place.sync()
            check_release(place, version, good)
            return fired

        numbered(turn, story)


@contextmanager
def copied(folder: Path, number: int, when: When) -> Iterator[Stage]:
    there = folder.parent / f"{number} {when}"
    copytree(folder, there, symlinks=True)
    with release_stage(there) as place:
        yield place


@TURNS
def test_a_first_release(tmp_path: Path, turn: int) -> None:
    with release_stage(tmp_path / "begin") as place:
        commit = commit_release(place, 1)

    def story(number: int, when: When) -> bool:
        with copied(tmp_path / "begin", number, when) as place:
            fired = cut_off(place, number, when, place.sync)
            go_on(place, number)
            check_release(place, 1, commit)
            return fired

    numbered(turn, story)


@TURNS
def test_files_become_releases(tmp_path: Path, turn: int) -> None:
    with release_stage(tmp_path / "begin") as place:
        place.change_site(**FLAT)
        one = commit_release(place, 1)
        flat = place.site
        place.sync()
        two = commit_release(place, 2)

    def story(number: int, when: When) -> bool:
        with copied(tmp_path / "begin", number, when) as place:
            place.sites[one] = flat
            fired = cut_off(place, number, when, place.sync)
            check_restart(place, {whole(1), whole(2)})
            go_on(place, number)
            check_release(place, 2, two)
            return fired

    numbered(turn, story)


@SLOWLY
@pytest.mark.parametrize("turn", [0, 1])
def test_a_first_release_that_cannot_be_imported(tmp_path: Path, turn: int) -> None:
    with release_stage(tmp_path / "begin") as place:
        place.change_site(**FLAT)
        one = commit_release(place, 1)
        flat = place.site
        place.sync()
        two = commit_release(place, 2, BROKEN)

    def story(number: int, when: When) -> bool:
        with copied(tmp_path / "begin", number, when) as place:
            place.sites[one] = flat
            fired = cut_off(place, number, when, place.sync)
            check_restart(place, {whole(1)})
            with pytest.raises((RolledBack, Refused)):
                go_on(place, number)
            check_restart(place, {whole(1)})
            failed = place.manifest().failed
            assert failed is not None
            assert failed.commit == two
            three = commit_release(place, 3)
            place.sync()
            check_release(place, 3, three)
            return fired

    numbered(turn, story)


@TURNS
def test_releases_become_files(tmp_path: Path, turn: int) -> None:
    with release_stage(tmp_path / "begin") as place:
        one = commit_release(place, 1)
        place.sync()
        two = commit_release(place, 2)
        by_release = place.site

    def story(number: int, when: When) -> bool:
        with copied(tmp_path / "begin", number, when) as place:
            place.sites[one] = by_release
            place.change_site(**FLAT)
            fired = cut_off(place, number, when, place.sync)
            check_restart(place, {whole(1), whole(2)})
            if number % 2:  # somebody has thought better of it
                place.change_site(**BY_RELEASE)
                three = commit_release(place, 3)
                go_on(place, number)
                check_release(place, 3, three)
            else:
                go_on(place, number)
                check_restart(place, {whole(2)})
                assert place.manifest().commit == two
            return fired

    numbered(turn, story)


def test_a_first_release_is_tried_again_by_a_newer_deployer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose WSGI file finds an older one in its place, and not what the site was before."""
    with release_stage(tmp_path) as place:
        place.change_site(**FLAT)
        one = commit_release(place, 1)
        place.sync()
        place.sites[one] = place.site
        place.change_site(**BY_RELEASE)
        commit_release(place, 2, BROKEN)
        cut_off(place, 8, "before", place.sync)
        assert b"PATIENCE_S = 0.3" in place.sandbox.disk.real(place.site.wsgi_path).read_bytes()
        monkeypatch.setattr(observe, "switch_source", switch_source)

        with pytest.raises(RolledBack):
            place.sync()

        check_restart(place, {whole(1)})
