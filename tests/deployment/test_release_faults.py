"""Any single request of a release may fail in any way: whole versions only are served, and no error lies."""

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from deployer.deployment import observe
from deployer.errors import DeployerError, Refused, RolledBack
from deployer.pythonanywhere import reload
from deployer.sandbox import Fault
from tests.deployment.release_scenario import (
    check_release,
    commit_release,
    hurried_switch,
    release_stage,
    visited,
    whole,
)
from tests.deployment.stage import Stage
from tests.deployment.test_faults import EFFECTS, IMPATIENT_S, RELOAD_PATIENCE_S

KINDS = [effect for effects in EFFECTS.values() for effect in effects]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reload, "RELOAD_TIMEOUT_S", RELOAD_PATIENCE_S)
    monkeypatch.setattr(observe, "switch_source", hurried_switch)


class Story:
    """What is done again and again, with a fault at another request each time."""

    def __init__(self, place: Stage) -> None:
        self.place = place
        self.number = 1
        self.commits = {1: commit_release(place, 1)}
        place.sync()

    def another(self) -> str:
        self.number += 1
        commit = self.commits[self.number] = commit_release(self.place, self.number)
        return commit

    def check(self, number: int) -> None:
        check_release(self.place, number, self.commits[number])


def change(story: Story, fault: Fault) -> bool:
    before = whole(story.number)
    story.another()
    with visited(story.place) as seen:
        fired = in_two_runs(story.place, fault, story.place.sync)
    assert seen <= {before, whole(story.number)}
    story.check(story.number)
    return fired


def rollback(story: Story, fault: Fault) -> bool:
    """To the version before; then to the one that was left."""
    left, back = story.number, story.number - 1 if story.number > 1 else None
    if back is None:
        story.another()
        story.place.sync()
        left, back = story.number, story.number - 1
    with visited(story.place) as seen:
        fired = in_two_runs(story.place, fault, lambda: story.place.rollback(story.commits[back]))
    assert seen <= {whole(left), whole(back)}
    story.check(back)
    manifest = story.place.manifest()
    assert manifest.failed is not None
    assert manifest.failed.commit == story.commits[left]
    story.another()
    story.place.sync()
    return fired


def broken(story: Story, fault: Fault) -> bool:
    """A commit that cannot be imported: the old version is served all the time, and stays."""
    before = story.number
    place = story.place
    bad = commit_release(place, before, {"version.py": "import nowhere\n"})
    with visited(place) as seen:
        place.sandbox.requests.wait_idle()
        place.sandbox.requests.reset()
        place.sandbox.faults.add(fault)
        for _ in range(3):
            try:
                place.sync()
            except RolledBack as error:
                assert "is back and answers as it should" in error.left
                break
            except Refused:
                break
            except DeployerError:
                pass
            else:
                raise AssertionError("that cannot be live")
        fired = clear(place)
    assert seen == {whole(before)}
    manifest = place.manifest()
    assert manifest.failed is not None
    assert manifest.failed.commit == bad
    story.check(before)
    story.another()
    place.sync()
    return fired


def in_two_runs(place: Stage, fault: Fault, run: Callable[[], object]) -> bool:
    place.sandbox.requests.wait_idle()
    place.sandbox.requests.reset()
    place.sandbox.faults.add(fault)
    place.read_timeout_s = IMPATIENT_S if fault.effect.kind == "stall" else 10
    try:
        run()
    except DeployerError as error:
        print(type(error), error, error.left)
        run()
    return clear(place)


def clear(place: Stage) -> bool:
    ((_, fired),) = place.sandbox.faults.list()
    place.sandbox.faults.clear()
    return fired > 0


@pytest.mark.parametrize("story", [change, rollback, broken])
@pytest.mark.parametrize("name", EFFECTS)
def test_all(tmp_path: Path, story, name: str) -> None:
    with release_stage(tmp_path) as place:
        place_story = Story(place)
        for number in count(1):
            effects = EFFECTS[name]
            try:
                if not story(place_story, Fault(effect=effects[number % len(effects)], number=number)):
                    assert number > 4
                    return
            except Exception as error:
                error.add_note(f"The fault was at request {number}.")
                raise
