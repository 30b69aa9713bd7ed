"""Any single request of a release may fail in any way: whole versions only are served, and no error lies."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from deployer.deployment import observe
from deployer.errors import DeployerError, NeedsPerson, Refused, RolledBack
from deployer.pythonanywhere import reload
from deployer.sandbox import Effect, Fault
from tests.deployment.release_scenario import (
    BROKEN,
    BY_RELEASE,
    FLAT,
    check_release,
    commit_release,
    hurried_switch,
    page,
    release_stage,
    visited,
    whole,
)
from tests.deployment.stage import Stage
from tests.deployment.test_faults import EFFECTS, IMPATIENT_S, RELOAD_PATIENCE_S
from tests.deployment.worlds import OTHER_ANSWERS

KINDS = tuple(EFFECTS.values())
PATIENT_S = 10.0


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reload, "RELOAD_TIMEOUT_S", RELOAD_PATIENCE_S)
    monkeypatch.setattr(observe, "switch_source", hurried_switch)


@dataclass(slots=True)
class Site:
    """The same site through many versions, with a fault in each story that is told of it."""

    place: Stage
    commits: dict[int, str] = field(default_factory=dict)

    @property
    def newest(self) -> int:
        return max(self.commits, default=0)

    def commit(self) -> int:
        number = self.newest + 1
        self.commits[number] = commit_release(self.place, number)
        return number

    def deploy(self) -> int:
        number = self.commit()
        self.place.sync()
        return number

    def check(self, number: int) -> None:
        check_release(self.place, number, self.commits[number])

    def failing(self, fault: Fault, run: Callable[[], object], *, most: int = 2) -> bool:
        """Run it until it has gone well, not more often than this; whether the fault came into it."""
        place = self.place
        place.sandbox.requests.wait_idle()
        place.sandbox.requests.reset()
        place.sandbox.faults.add(fault)
        place.read_timeout_s = IMPATIENT_S if fault.effect.kind == "stall" else PATIENT_S
        for left in reversed(range(most)):
            try:
                run()
                break
            except (RolledBack, Refused):
                raise
            except DeployerError:
                if not left:
                    raise
        ((_, fired),) = place.sandbox.faults.list()
        place.sandbox.faults.clear()
        return fired > 0


def change(site: Site, fault: Fault) -> bool:
    before, after = site.newest, site.commit()
    with visited(site.place) as seen:
        fired = site.failing(fault, site.place.sync)
    assert seen <= {whole(before), whole(after)}
    site.check(after)
    return fired


def rollback(site: Site, fault: Fault) -> bool:
    back, left = site.newest, site.deploy()
    with visited(site.place) as seen:
        fired = site.failing(fault, lambda: site.place.rollback(site.commits[back]))
    assert seen <= {whole(left), whole(back)}
    site.check(back)
    failed = site.place.manifest().failed
    assert failed is not None
    assert failed.commit == site.commits[left]
    return fired


def broken(site: Site, fault: Fault) -> bool:
    """It cannot be imported: the version before is served all the time, and stays."""
    before, place = site.deploy(), site.place
    bad = commit_release(place, before, BROKEN)
    with visited(place) as seen, pytest.raises((RolledBack, Refused)) as ended:
        site.failing(fault, place.sync)
    ((_, fired),) = place.sandbox.faults.list()
    place.sandbox.faults.clear()
    assert seen <= {whole(before)}
    if isinstance(ended.value, RolledBack):
        assert "is back and answers as it should" in ended.value.left
    failed = place.manifest().failed
    assert failed is not None
    assert failed.commit == bad
    site.check(before)
    return fired > 0


Story = Callable[[Site, Fault], bool]
STORIES = (change, rollback, broken)


def tell(site: Site, story: Story, effects: Callable[[int], Effect]) -> None:
    """Again and again, with a fault at another request each time."""
    for number in count(1):
        try:
            if not story(site, Fault(effect=effects(number), number=number)):
                assert number > 4, "there are more requests than that"
                return
        except Exception as error:
            error.add_note(f"{effects(number)} was at request {number}.")
            raise


@pytest.mark.parametrize("turn", [0, pytest.param(4, marks=pytest.mark.thorough)])
@pytest.mark.parametrize("story", STORIES)
def test_a_release_outlives_faults_at_all_of_its_requests(tmp_path: Path, story: Story, turn: int) -> None:
    """Each time another kind of fault."""
    with release_stage(tmp_path) as place:
        site = Site(place)
        site.deploy()
        tell(site, story, lambda number: KINDS[(number * 7 + turn) % len(KINDS)])


@pytest.mark.thorough
@pytest.mark.parametrize("name", EFFECTS)
def test_a_release_outlives_every_kind_of_fault_at_any_of_its_requests(tmp_path: Path, name: str) -> None:
    with release_stage(tmp_path) as place:
        site = Site(place)
        site.deploy()
        tell(site, change, lambda _: EFFECTS[name])


def test_a_release_outlives_faults_also_where_the_platform_is_another_one(tmp_path: Path) -> None:
    """With every open question answered otherwise, and as many workers as a larger account has."""
    answers = {name: answer for each in OTHER_ANSWERS for name, answer in each.items()}
    with release_stage(tmp_path, workers=4, **answers) as place:
        site = Site(place)
        site.deploy()
        tell(site, change, lambda number: KINDS[(number * 4 + 2) % len(KINDS)])


def lost_reloads(place: Stage, times: int) -> None:
    place.sandbox.faults.add(Fault(effect=Effect(kind="cut"), path="/reload/$", times=times))


def test_a_reload_that_never_happened_is_made_up_for(tmp_path: Path) -> None:
    with release_stage(tmp_path) as place:
        site = Site(place)
        site.deploy()
        lost_reloads(place, 2)

        site.check(site.deploy())


def test_nobody_claims_to_know_what_a_site_runs_that_could_not_be_reloaded(tmp_path: Path) -> None:
    with release_stage(tmp_path) as place:
        site = Site(place)
        before, _ = site.deploy(), site.commit()
        lost_reloads(place, 100)

        with pytest.raises(NeedsPerson) as failure:
            place.sync()

        assert re.search(r"Whether the site runs release \S+ is not known", failure.value.left)
        assert page(place) == whole(before)
        place.sandbox.faults.clear()
        with pytest.raises(RolledBack, match="was cut off"):
            place.sync()
        site.check(before)


@pytest.mark.parametrize("delay_s", [0.0, 0.03, 0.1, 0.2])
def test_a_site_that_is_reloaded_by_its_upload_serves_whole_versions_all_the_time(
    tmp_path: Path, delay_s: float
) -> None:
    """At any moment between the upload of the WSGI file and the record, which may be half written then."""
    answers = {"upload_write": "torn", "wsgi_upload_delay_s": delay_s}
    with release_stage(tmp_path, workers=2, **answers) as place:
        site = Site(place)
        place.change_site(**FLAT)
        site.deploy()
        place.change_site(**BY_RELEASE)
        after = site.commit()

        with visited(place) as seen:
            place.sync()

        assert seen <= {whole(1), whole(after)}
        site.check(after)
