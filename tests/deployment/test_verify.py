"""Verification: what differs is named, what was put there is put right again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.deployment.verify import Verification, heal, verify
from deployer.errors import UsageError
from deployer.model.site import FileRules, ScheduledTask, StaticMapping, WebAppSettings
from tests.deployment.stage import WSGI, Stage, stage

STATIC = StaticMapping(url="/static/", path="/home/alice/mysite/static")
NIGHTLY = ScheduledTask(name="nightly", command="true", interval="daily", hour=4, minute=10)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Stage]:
    with stage(
        tmp_path,
        wsgi="wsgi.py",
        files=FileRules(keep=("*.db",)),
        static=(STATIC,),
        tasks=(NIGHTLY,),
        webapp=WebAppSettings(source_directory="/home/alice/mysite", force_https=True),
    ) as opened:
        opened.repo.commit({"wsgi.py": WSGI, "a": "x", "b": "x", "site.db": "first"})
        opened.sync()
        yield opened


def verified(place: Stage, *, sample: int | None = None) -> Verification:
    with place.work() as work:
        return verify(work, sample=sample)


def told(found: Verification) -> set[str]:
    return {f"{difference.fault}: {difference.subject}" for difference in found.differences}


def test_a_site_as_it_was_put_there_has_no_difference(place: Stage) -> None:
    place.put("site.db", "grown by the site")
    place.put("theirs", "x")

    found = verified(place)

    assert found.differences == ()
    assert (found.compared, found.of, found.kept) == (4, 4, 1)


def test_settings_that_somebody_changed_are_named_and_healed(place: Stage) -> None:
    with place.work() as work:
        work.api.webapps.update(place.site.domain, force_https=False)
        (mapping,) = work.api.static_files.list(place.site.domain)
        work.api.static_files.update(place.site.domain, mapping.id, path="/home/alice")
        (task,) = work.api.schedule.list()
        work.api.schedule.delete(task.id)

    found = verified(place)
    with place.work() as work:
        heal(work, found)

    assert told(found) == {
        "changed: web app: force_https",
        "changed: static mapping /static/",
        "missing: task nightly",
    }
    assert verified(place).differences == ()


def test_files_are_healed_without_asking_for_settings(place: Stage) -> None:
    place.put("a", "spoilt")
    (place.target / "b").unlink()

    found = verified(place)
    with place.work() as work:
        outcome = heal(work, found)

    assert told(found) == {"different content: a", "missing: b"}
    assert outcome.plan.counts()["reload"] == 1
    assert not [action for action in outcome.plan.actions if "webapp" in action.kind]
    assert verified(place).differences == ()


def test_a_web_app_that_is_gone_is_named_and_made_again(place: Stage) -> None:
    with place.work() as work:
        work.api.webapps.delete(place.site.domain)

    found = verified(place)
    with place.work() as work:
        heal(work, found)

    assert "missing: web app alice.pythonanywhere.com" in told(found)
    assert verified(place).differences == ()


def test_a_sample_costs_so_many_downloads(place: Stage) -> None:
    with place.counted() as requests:
        found = verified(place, sample=1)

    assert (found.compared, found.of) == (2, 4)
    assert requests["GET files/path{path}"] == 3


def test_before_anything_was_shipped_there_is_nothing_to_compare(tmp_path: Path) -> None:
    with stage(tmp_path) as empty, pytest.raises(UsageError, match="nothing is recorded"):
        verified(empty)
