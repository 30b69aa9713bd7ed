"""A deployment that is cut off, the one after it too, and then somebody wants something else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from deployer.deployment.lists import read_mappings, read_tasks
from deployer.errors import DeployerError
from deployer.model.site import ScheduledTask, StaticMapping
from deployer.sandbox import Effect, Fault
from tests.deployment.stage import WSGI, Stage, stage

ONE = StaticMapping(url="/static/", path="/home/alice/mysite/one")
TWO = StaticMapping(url="/static/", path="/home/alice/mysite/two")
NIGHTLY = ScheduledTask(name="nightly", command="true", interval="daily", hour=4, minute=10)
CHANGED = ScheduledTask(name="nightly", command="false", interval="daily", hour=4, minute=10)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path, wsgi="wsgi.py", plan="paid") as opened:
        opened.repo.commit({"wsgi.py": WSGI, "a": "one", ".hidden": "one"})
        yield opened


def cut_off(place: Stage, method: str, path: str, *, when: Literal["before", "after"] = "after") -> None:
    """A run that ends at this request, without knowing what became of it."""
    effect = Effect(kind="status", status=400, json={"detail": "cut off"}, when=when)
    place.sandbox.faults.add(Fault(effect=effect, method=method, path=path))
    with pytest.raises(DeployerError, match="cut off"):
        place.sync()
    place.sandbox.faults.clear()


def test_a_setting_that_was_changed_before_two_cuts_is_changed_back(place: Stage) -> None:
    place.change_site(tasks=(NIGHTLY,))
    place.sync()
    place.repo.commit({"a": "two"})
    place.change_site(tasks=(CHANGED,))
    cut_off(place, "PATCH", "/schedule/")
    cut_off(place, "POST", "/reload/$")
    place.repo.commit({"a": "three"})
    place.change_site(tasks=(NIGHTLY,))

    place.sync()

    with place.work() as work:
        assert [item.thing for item in read_tasks(work.api, place.site)] == [NIGHTLY]


def test_a_mapping_that_was_created_before_two_cuts_is_still_ours(place: Stage) -> None:
    place.change_site(static=(ONE,))
    cut_off(place, "POST", "/static_files/$")
    cut_off(place, "POST", "/reload/$")
    place.change_site(static=(TWO,))
    place.repo.commit({"a": "two"})

    place.sync()

    with place.work() as work:
        assert [item.thing for item in read_mappings(work.api, place.site)] == [TWO]


def test_a_file_that_was_deleted_before_two_cuts_comes_back_when_it_is_wanted_again(place: Stage) -> None:
    """No tree shows a dot-file, so nothing but the record tells that it is gone."""
    place.sync()
    place.repo.commit({".hidden": None})
    cut_off(place, "DELETE", r"/\.hidden$")
    cut_off(place, "POST", "/reload/$")
    place.repo.commit({".hidden": "one"})

    place.sync()

    assert place.on_disk()[".hidden"] == b"one"
