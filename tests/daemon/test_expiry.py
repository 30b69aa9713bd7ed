"""What ends soon is read from the platform, and told at its stages."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.daemon.announcement import SiteState, Standing, announcement, remembered
from deployer.daemon.expiry import due, near, read
from deployer.daemon.view import ExpiryView
from deployer.model.site import ScheduledTask
from deployer.sandbox import Switches
from tests.deployment.stage import Stage, stage

TODAY = date(2026, 1, 1)
DATES = Switches(rate_limit="off", webapp_expiry="always", task_expiry="always")
"""So that there are dates at all, on a plan that takes more than one task, and domains of one's own."""
NIGHTLY = ScheduledTask(name="nightly", command="true", interval="daily", hour=4, minute=10)


def ends(days: int, what: str = "web app") -> ExpiryView:
    return ExpiryView(what=what, on=TODAY + timedelta(days=days), what_to_do="Extend it.")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path, plan="paid", switches=DATES, tasks=(NIGHTLY,)) as opened:
        opened.repo.commit({"a": "x"})
        opened.sync()
        yield opened


def test_the_dates_of_web_app_and_tasks_are_read(place: Stage) -> None:
    with place.work() as work:
        work.api.schedule.create(command="true", interval="daily", hour=1, minute=1, description="theirs")
        found = read(work.api, work.site)

    today = datetime.now(UTC).date()
    assert [view.what for view in found] == ["web app", "task nightly"]
    assert all(today < view.on < today + timedelta(days=40) for view in found)


def test_looking_costs_two_requests_and_three_with_a_domain_of_ones_own(tmp_path: Path, place: Stage) -> None:
    with place.counted() as requests, place.work() as work:
        read(work.api, work.site)

    assert sum(requests.values()) == 2

    with stage(tmp_path / "paid", plan="paid", switches=DATES, domain="www.example.org") as paid:
        with paid.work() as work:
            work.api.webapps.create("www.example.org", "3.11")
            assert [view.what for view in read(work.api, work.site)] == ["web app"]
            work.api.ssl.letsencrypt("www.example.org")
        with paid.counted() as requests, paid.work() as work:
            (_, certificate) = read(work.api, work.site)

    assert sum(requests.values()) == 3
    assert certificate.what == "certificate"
    assert certificate.on > datetime.now(UTC).date() + timedelta(days=80)


def test_a_web_app_is_near_a_week_before_a_certificate_two_weeks() -> None:
    views = [ends(8), ends(7), ends(-3), ends(15, "certificate"), ends(14, "certificate"), ends(5, "task a")]

    assert near(views, TODAY) == (ends(-3), ends(5, "task a"), ends(7), ends(14, "certificate"))


@pytest.mark.parametrize(
    ("days", "stage"), [(7, 7), (4, 7), (3, 3), (2, 3), (1, 1), (0, 1), (-1, 0), (-30, 0), (8, None)]
)
def test_people_are_told_at_seven_three_and_one_days_and_afterwards(days: int, stage: int | None) -> None:
    told = due([ends(days)], TODAY)

    assert [notice.stage for notice in told] == ([] if stage is None else [stage])


def test_a_certificate_that_is_near_is_told_only_from_its_first_stage_on() -> None:
    assert due([ends(10, "certificate")], TODAY) == ()


@given(st.lists(st.integers(min_value=-5, max_value=12), min_size=1, max_size=40))
def test_no_stage_is_told_twice_whenever_and_however_often_somebody_looks(looks: list[int]) -> None:
    """Looks at so many days before the end, with restarts and failed looks (no dates at all) between."""
    kept: SiteState | None = None
    told = 0
    for days in sorted(looks, reverse=True):
        today = date(2026, 1, 20) - timedelta(days=days)
        view = ExpiryView(what="web app", on=date(2026, 1, 20), what_to_do="Extend it.")
        for views in ([view], [], [view]):
            state = SiteState(site="blog", domain="d", standing=Standing.LIVE, notices=due(views, today))
            if kept is not None:
                told += announcement(kept, state) is not None
            kept = remembered(kept, state)

    assert told <= 4
