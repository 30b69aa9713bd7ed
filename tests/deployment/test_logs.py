"""A site's logs and their rotated files: which are read, what of them is shown, and what that costs."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deployer.deployment.log_tail import Tail, Wanted, tail
from deployer.deployment.logs import always_on_log, newer, part_of, stamp_of, task_log
from deployer.errors import UsageError
from deployer.model.site import ScheduledTask
from tests.deployment.stage import UNLIMITED, Stage, stage

ERROR_LOG = "/var/log/alice.pythonanywhere.com.error.log"


@dataclass(frozen=True, slots=True)
class Logs:
    """The error log of a site that writes nothing itself."""

    place: Stage

    def write(self, number: int, *lines: str) -> None:
        """The log (0) or a rotated one, as the platform would keep it."""
        names = {0: ERROR_LOG, 1: f"{ERROR_LOG}.1"}
        content = "".join(f"{line}\n" for line in lines).encode()
        file = self.place.sandbox.disk.real(names.get(number, f"{ERROR_LOG}.{number}.gz"))
        file.write_bytes(gzip.compress(content, mtime=0) if number > 1 else content)

    def tail(self, wanted: Wanted) -> Tail:
        with self.place.work() as work:
            return tail(work.api, ERROR_LOG, wanted)

    def lines(self, wanted: Wanted) -> list[str]:
        return [line for part in self.tail(wanted).parts for line in part.lines]


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Logs]:
    with stage(tmp_path) as place:
        opened = Logs(place)
        opened.write(0, "2026-01-04 00:00:00,000: d", "Traceback", "2026-01-04 12:00:00,000: e")
        opened.write(1, "2026-01-03 00:00:00,000: c")
        opened.write(2, "2026-01-02 00:00:00,000: b")
        opened.write(4, "2026-01-01 00:00:00,000: a")  # the third was deleted by somebody
        yield opened


def test_the_last_lines_of_the_log_cost_one_request(logs: Logs) -> None:
    with logs.place.counted() as requests:
        lines = logs.lines(Wanted(lines=2))

    assert lines == ["Traceback", "2026-01-04 12:00:00,000: e"]
    assert requests == {"GET files/path{path}": 1}


def test_all_files_are_shown_the_oldest_first_also_beyond_a_gap(logs: Logs) -> None:
    shown = logs.tail(Wanted(lines=None, every=True))

    assert [part.path.removeprefix(ERROR_LOG) for part in shown.parts] == [".4.gz", ".2.gz", ".1", ""]
    assert [part.lines[0][-1] for part in shown.parts] == ["a", "b", "c", "d"]


def test_no_more_files_are_read_than_the_lines_need(logs: Logs) -> None:
    with logs.place.counted() as requests:
        lines = logs.lines(Wanted(lines=4, every=True))

    assert [line[-1] for line in lines] == ["c", "d", "k", "e"]
    assert requests == {"GET files/path{path}": 3}, "the log, what is there, and the one before it"


def test_a_rotated_log_is_shown_alone(logs: Logs) -> None:
    assert [line[-1] for line in logs.lines(Wanted(lines=50, number=2))] == ["b"]
    assert logs.tail(Wanted(lines=50, number=3)).parts == ()


@pytest.mark.parametrize(
    ("since", "letters", "requests"),
    [
        (datetime(2026, 1, 4, 6, tzinfo=UTC), "e", 1),
        (datetime(2026, 1, 3, tzinfo=UTC), "cdke", 4),
        (datetime(2026, 1, 2, 6, tzinfo=UTC), "cdke", 4),
        (datetime(2025, 1, 1, tzinfo=UTC), "abcdke", 5),
        (datetime(2026, 2, 1, tzinfo=UTC), "", 1),
    ],
)
def test_since_goes_back_through_the_files_as_far_as_it_has_to(
    logs: Logs, since: datetime, letters: str, requests: int
) -> None:
    with logs.place.counted() as made:
        lines = logs.lines(Wanted(lines=None, since=since))

    assert "".join(line[-1] for line in lines) == letters
    assert sum(made.values()) == requests


def test_since_goes_back_from_a_log_that_was_rotated_a_moment_ago(logs: Logs) -> None:
    logs.write(0)
    since = datetime(2026, 1, 3, tzinfo=UTC)

    assert [line[-1] for line in logs.lines(Wanted(lines=None, since=since))] == ["c"]


def test_of_a_log_without_times_everything_is_shown_and_that_is_said(logs: Logs) -> None:
    logs.write(0, "one", "two")
    shown = logs.tail(Wanted(lines=None, since=datetime(2026, 1, 3, tzinfo=UTC)))

    assert [part.lines for part in shown.parts] == [("one", "two")]
    assert shown.undated == (ERROR_LOG,)


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (gzip.compress(b"one\ntwo\nthree\n", mtime=0)[:-9], ("one", "two", "three")),
        (gzip.compress(b"one\ntwo\nthree\n", mtime=0)[:-4] + b"abcd", ("one", "two", "three")),
        (b"this is no gzip", ()),
        (gzip.compress(b"one\n", mtime=0) + b"rubbish", ("one",)),
    ],
)
def test_of_a_damaged_file_what_can_be_read_is_shown_and_the_damage_told(
    content: bytes, lines: tuple[str, ...]
) -> None:
    part = part_of("/var/log/x.log.2.gz", content)

    assert part.lines == lines
    assert part.damage.startswith("it is damaged after ")


def test_a_file_of_several_gzip_members_is_one_log() -> None:
    part = part_of("/var/log/x.log.2.gz", gzip.compress(b"one\ntw", mtime=0) + gzip.compress(b"o\nthree"))

    assert (part.lines, part.damage) == (("one", "two", "three"), "")


def test_lines_end_where_the_log_ends_them_and_nowhere_else() -> None:
    part = part_of(
        "/var/log/x.log", "one\x0bstill one\r\ntwo\u2028still two\n\n\xff".encode("latin-1", "replace")
    )

    assert part.lines == ("one\x0bstill one", "two?still two", "", "\ufffd")


@pytest.mark.parametrize(
    ("line", "hour"),
    [
        ("2026-01-03 12:00:00,123: an error", 12),
        ("2026-01-03 12:00:00 -- Completed task, took 3.00 seconds, return code was 0.", 12),
        ('127.0.0.1 - - [03/Jan/2026:12:00:00 +0000] "GET / HTTP/1.1" 200 19 "-" "-"', 12),
        ('127.0.0.1 - - [03/Jan/2026:12:00:00 +0200] "GET / HTTP/1.1" 200 19 "-" "-"', 10),
        ("127.0.0.1 - - [03/Foo/2026:12:00:00 +0000]", None),
        ("2026-13-03 12:00:00 no such month", None),
        ('  File "/home/alice/x.py", line 1, in <module>', None),
    ],
)
def test_the_time_of_a_line_is_read_in_the_forms_of_the_three_logs(line: str, hour: int | None) -> None:
    assert stamp_of(line) == (None if hour is None else datetime(2026, 1, 3, hour, tzinfo=UTC))


def test_what_stands_before_the_first_time_belongs_to_the_file_before() -> None:
    lines = ("the rest of a traceback", "2026-01-03 00:00:00: c")

    assert newer(lines, datetime(2026, 1, 1, tzinfo=UTC)).lines == lines


def test_the_log_of_a_task_is_found_by_the_tasks_name_and_other_names_are_told(tmp_path: Path) -> None:
    nightly = ScheduledTask(name="nightly", command="true", interval="daily", hour=4, minute=10)
    with stage(tmp_path, plan="paid", switches=UNLIMITED, tasks=(nightly,)) as place:
        place.repo.commit({"a": "x"})
        place.sync()
        with place.work() as work:
            path = task_log(work.api, place.site, "nightly")
            with pytest.raises(UsageError, match=r"has no task daily[^$]*It has nightly\."):
                task_log(work.api, place.site, "daily")
            worker = work.api.always_on.create(
                command="sleep 100", description=place.site.task_label("worker")
            )
            always_on = always_on_log(work.api, place.site, "worker")
            with pytest.raises(UsageError, match=r"has no always-on task nightly[^$]*It has worker\."):
                always_on_log(work.api, place.site, "nightly")

    assert path.startswith("/var/log/tasklog-")
    assert always_on == f"/var/log/alwayson-log-{worker.id}.log"
