"""When a task runs next, whatever the time is now."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.deployment.next_run import next_run
from deployer.pythonanywhere import Task

NOW = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
HOUR, MINUTE = st.integers(0, 23), st.integers(0, 59)


def task(**fields: Any) -> Task:
    return Task.from_json({"id": 1, "interval": "daily", "hour": 4, "minute": 10, "enabled": True, **fields})


@given(NOW, HOUR, MINUTE)
def test_a_daily_task_runs_at_its_time_within_a_day(now: datetime, hour: int, minute: int) -> None:
    due = next_run(task(hour=hour, minute=minute), now)

    assert due is not None
    assert timedelta(0) < due - now <= timedelta(days=1)
    assert (due.hour, due.minute, due.second, due.microsecond) == (hour, minute, 0, 0)


@given(NOW, MINUTE)
def test_an_hourly_task_runs_at_its_minute_within_an_hour(now: datetime, minute: int) -> None:
    due = next_run(task(interval="hourly", hour=None, minute=minute), now)

    assert due is not None
    assert timedelta(0) < due - now <= timedelta(hours=1)
    assert (due.minute, due.second, due.microsecond) == (minute, 0, 0)


@pytest.mark.parametrize("fields", [{"enabled": False}, {"hour": None}, {"minute": None}, {"hour": 24}])
def test_where_the_platform_does_not_say_nothing_is_claimed(fields: dict[str, Any]) -> None:
    assert next_run(task(**fields), datetime(2026, 1, 1, tzinfo=UTC)) is None
