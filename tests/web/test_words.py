"""Wording, where it could be wrong."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.model.deployment import Deployment, Status
from deployer.web.words import ago, due, duration, event_words, outcomes, size

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.04, "0.0 s"),
        (7, "7 s"),
        (7.25, "7.2 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (80, "1 min 20 s"),
        (3599.9, "1 h"),
        (5400, "1 h 30 min"),
        (86400 * 9, "9 days"),
    ],
)
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (3, "just now"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (90000, "25 h ago"),
        (172800, "2 days ago"),
        (-90, "in 1 min"),
    ],
)
def test_times_ago(seconds: float, said: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), NOW) == said


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (-1, "expired on 24 Nov 2026"),
        (0, "today, 25 Nov 2026"),
        (1, "tomorrow, 26 Nov 2026"),
        (9, "in 9 days, 4 Dec 2026"),
    ],
)
def test_ends_in_sight(days: int, said: str) -> None:
    assert due(NOW.date() + timedelta(days=days), date(2026, 11, 25)) == said


@given(st.integers(min_value=0, max_value=10**15))
def test_sizes_are_short(count: int) -> None:
    assert size(count).split()[1] in {"B", "kB", "MB", "GB"}


@given(
    st.dictionaries(st.text(), st.recursive(st.none() | st.booleans() | st.text() | st.floats(), st.lists))
)
def test_any_event_has_words(event: dict[str, object]) -> None:
    assert set(event_words(event)) == {"time", "level", "title", "text"}


def test_commits_of_a_log_line_are_short() -> None:
    assert event_words({"event": "live", "commit": "a" * 40})["text"] == "commit aaaaaaaaaa"


def test_a_history_tells_what_was_left_and_what_came_back() -> None:
    """Newest last here: one went live, two failed, one was put back, then nothing was to do, then three."""
    rows = [
        ("one", Status.LIVE, None),
        ("two", Status.FAILED, "one"),
        ("one", Status.LIVE, "two"),
        ("one", Status.UNCHANGED, "one"),
        ("three", Status.LIVE, "one"),
        ("four", Status.FAILED, "three"),
        ("five", Status.REFUSED, "three"),
    ]
    history = [
        Deployment(
            id=str(number),
            domain="example.org",
            commit=commit,
            subject="",
            author="",
            base=base,
            started=NOW + timedelta(minutes=number),
            status=status,
        )
        for number, (commit, status, base) in enumerate(rows)
    ][::-1]

    assert [badge.word for badge in outcomes(history, history).values()][::-1] == [
        "deployed",
        "failed, rolled back",
        "put back",
        "nothing to do",
        "live",
        "failed",
        "refused",
    ]
