"""What is quoted of a site's logs: what is new since the reload, and everything where that cannot be told."""

from datetime import UTC, datetime

import pytest

from deployer.deployment.evidence import newer_lines

LOG = """\
2026-11-23 21:00:00,100: Error running WSGI application
2026-11-23 21:00:00,101: ValueError: an older one
2026-11-23 22:00:05,000: Error running WSGI application
Traceback (most recent call last):
2026-11-23 22:00:05,001: KeyError: the new one"""


@pytest.mark.parametrize(
    ("hour", "first", "count"),
    [
        (20, "2026-11-23 21:00:00,100", 5),
        (22, "2026-11-23 22:00:05,000", 3),
        (23, "2026-11-23 21:00:00,100", 5),
    ],
)
def test_only_lines_since_the_reload_are_quoted_or_all_where_none_is_newer(
    hour: int, first: str, count: int
) -> None:
    lines = newer_lines(LOG, datetime(2026, 11, 23, hour, tzinfo=UTC))

    assert lines[0].startswith(first)
    assert len(lines) == count


def test_a_log_without_times_is_quoted_whole() -> None:
    assert newer_lines("one\ntwo", datetime(2026, 1, 1, tzinfo=UTC)) == ["one", "two"]
