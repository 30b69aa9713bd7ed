"""How --since is read."""

from datetime import UTC, datetime

import pytest

from deployer.cli.moment import moment_of
from deployer.errors import UsageError

NOW = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "hour", "minute"),
    [
        ("30m", 12, 0),
        ("2h", 10, 30),
        ("2026-01-31", 0, 0),
        ("2026-01-31 08:15", 8, 15),
        ("2026-01-31T08:15:00+02:00", 6, 15),
    ],
)
def test_so_long_ago_or_a_time_which_is_utc_where_it_names_no_zone(text: str, hour: int, minute: int) -> None:
    assert moment_of(text, NOW) == datetime(2026, 1, 31, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "-2h", "2", "12:00", "2026-02-30"])
def test_anything_else_is_refused_with_what_could_be_typed(text: str) -> None:
    with pytest.raises(UsageError, match="a time is wanted") as refused:
        moment_of(text, NOW)

    assert '"10m"' in refused.value.hint
