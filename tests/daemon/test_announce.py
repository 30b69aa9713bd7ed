"""Announcements: changes of state only, once each, to real targets, with nothing kept waiting."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from deployer.daemon.announce import Announcement, Announcer, Kind, Notice, SiteState, Standing, announcement
from deployer.daemon.announcement import EVIDENCE_BYTES, bounded, remembered
from deployer.daemon.apprise_target import AppriseMissing
from deployer.daemon.outbox import Undelivered
from deployer.secret import Secret
from tests.builders.waiting import until
from tests.daemon.recording_server import recording

LIVE = SiteState(
    site="blog",
    domain="alice.pythonanywhere.com",
    standing=Standing.LIVE,
    commit="1a2b3c4d5e6f7a8b",
    subject="Greet people",
    author="Ada",
    deployment="20260101-120000-1a2b3c4-0001",
    seconds=12.4,
    link="https://deploy.example.org/deployments/1",
)
FAILED = replace(
    LIVE,
    standing=Standing.FAILED,
    commit="9f8e7d6c5b4a3f2e",
    subject="Break it",
    evidence="answered 500\n  NameError: name 'greet' is not defined",
)
NEW = SiteState(site="blog", domain="alice.pythonanywhere.com", standing=Standing.NEW)
NOTICE = Notice(what="web app", on=date(2026, 1, 8), stage=7, text="the web app ends on 2026-01-08")
A = Secret("json://user:hunter2@127.0.0.1:1/first")
B = Secret("json://user:hunter3@127.0.0.1:1/second")
SOON = (0.01, 0.01)


def kind(before: SiteState | None, after: SiteState) -> Kind | None:
    told = announcement(before, after)
    return told.kind if told else None


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (None, LIVE, Kind.FIRST_LIVE),
        (NEW, LIVE, Kind.FIRST_LIVE),
        (LIVE, replace(LIVE, commit="b" * 40, deployment="later"), None),
        (LIVE, FAILED, Kind.FAILURE),
        (FAILED, replace(FAILED, deployment="again", evidence="other words"), None),
        (FAILED, replace(FAILED, commit="c" * 40), Kind.FAILURE),
        (FAILED, replace(FAILED, standing=Standing.DOWN), Kind.FAILURE),
        (FAILED, LIVE, Kind.RECOVERY),
        (replace(FAILED, standing=Standing.DOWN), LIVE, Kind.RECOVERY),
        (LIVE, replace(LIVE, drift=("a: missing",)), Kind.DRIFT),
        (replace(LIVE, drift=("a: missing",)), replace(LIVE, drift=("a: missing",)), None),
        (replace(LIVE, drift=("a: missing",)), replace(LIVE, drift=("a: missing", "b: missing")), Kind.DRIFT),
        (replace(LIVE, drift=("a: missing", "b: missing")), replace(LIVE, drift=("b: missing",)), None),
        (replace(LIVE, drift=("a: missing",)), LIVE, Kind.DRIFT_GONE),
        (LIVE, replace(LIVE, notices=(NOTICE,)), Kind.EXPIRY),
        (replace(LIVE, notices=(NOTICE,)), replace(LIVE, notices=(replace(NOTICE, stage=3),)), Kind.EXPIRY),
        (replace(LIVE, notices=(replace(NOTICE, stage=3),)), replace(LIVE, notices=(NOTICE,)), None),
        (
            replace(LIVE, notices=(NOTICE,)),
            replace(LIVE, notices=(replace(NOTICE, on=date(2026, 4, 8)),)),
            Kind.EXPIRY,
        ),
        (None, NEW, None),
    ],
)
def test_people_are_told_of_changes_and_of_nothing_else(
    before: SiteState | None, after: SiteState, told: Kind | None
) -> None:
    assert kind(before, after) is told


def test_a_failure_says_where_what_whose_and_why() -> None:
    told = announcement(LIVE, FAILED)

    assert told is not None
    assert told.title == "blog: deployment failed"
    for part in (
        "alice.pythonanywhere.com",
        "9f8e7d6c5b",
        "Break it",
        "Ada",
        "12 s",
        FAILED.link,
        "NameError",
    ):
        assert part in told.body


def test_several_changes_make_one_message_that_begins_with_the_worst() -> None:
    told = announcement(LIVE, replace(FAILED, drift=("a: missing",), notices=(NOTICE,)))

    assert told is not None
    assert told.kind is Kind.FAILURE
    assert "a: missing" in told.body
    assert "the web app ends" in told.body


def test_a_notice_is_not_new_because_a_look_failed_in_between() -> None:
    seen = remembered(None, replace(LIVE, notices=(NOTICE,)))
    after_a_failed_look = remembered(seen, LIVE)

    assert kind(after_a_failed_look, replace(LIVE, notices=(NOTICE,))) is None


@given(st.text(alphabet="aß…😀\n", max_size=4000), st.integers(min_value=200, max_value=5000))
def test_evidence_is_bounded_in_bytes_and_stays_text(text: str, most: int) -> None:
    assert len(bounded(text, most).encode(errors="replace")) <= most


def test_long_evidence_keeps_its_beginning_and_its_end() -> None:
    text = bounded("first line\n" + "x" * 50_000 + "\nlast line")

    assert len(text.encode()) <= EVIDENCE_BYTES
    assert text.startswith("first line")
    assert text.endswith("last line")


class Chat:
    """A service that people read: what came, by target; refuses and hangs as it is asked to."""

    def __init__(self) -> None:
        self.came: list[tuple[Secret, Announcement]] = []
        self.refuses: set[Secret] = set()
        self.attempts = 0
        self.hangs: set[Secret] = set()
        self.freed = threading.Event()

    def __call__(self, target: Secret, message: Announcement) -> None:
        self.attempts += 1
        if target in self.hangs:
            self.freed.wait(30)
        if target in self.refuses:
            raise Undelivered("it did not take the message")
        self.came.append((target, message))

    def kinds(self, target: Secret = A) -> list[Kind]:
        return [message.kind for at, message in self.came if at == target]


@pytest.fixture
def chat() -> Iterator[Chat]:
    opened = Chat()
    yield opened
    opened.freed.set()


@contextmanager
def announcer(folder: Path, chat: Chat, *targets: Secret) -> Iterator[Announcer]:
    """As one process would have it."""
    opened = Announcer(targets or (A,), site="blog", folder=folder, send=chat, pauses_s=SOON)
    try:
        yield opened
    finally:
        opened.close(timeout_s=5)


def test_a_restart_repeats_nothing(tmp_path: Path, chat: Chat) -> None:
    with announcer(tmp_path, chat) as first:
        first.tell(FAILED)
        assert until(lambda: len(chat.came) == 1)
    with announcer(tmp_path, chat) as second:
        second.tell(replace(FAILED, deployment="tried again"))
        second.tell(LIVE)
        assert until(lambda: len(chat.came) == 2)

    assert chat.kinds() == [Kind.FAILURE, Kind.RECOVERY]


def test_a_restart_loses_no_failure_that_was_not_sent_yet(tmp_path: Path, chat: Chat) -> None:
    chat.hangs = {A}
    with announcer(tmp_path, chat) as first:
        first.tell(FAILED)
        assert until(lambda: chat.attempts == 1)
        kept = json.loads((tmp_path / "announced" / "blog.json").read_text())
        assert kept["waiting"]
        first.close()
        chat.refuses = {A}
        chat.freed.set()
    chat.hangs, chat.refuses = set(), set()
    with announcer(tmp_path, chat):
        assert until(lambda: chat.kinds() == [Kind.FAILURE])

        def nothing_waits() -> bool:
            return not json.loads((tmp_path / "announced" / "blog.json").read_text())["waiting"]

        assert until(nothing_waits)


def test_a_target_that_hangs_delays_neither_us_nor_the_others(tmp_path: Path, chat: Chat) -> None:
    chat.hangs = {A}
    with announcer(tmp_path, chat, A, B) as opened:
        opened.tell(FAILED)
        opened.tell(LIVE)

        assert until(lambda: chat.kinds(B) == [Kind.FAILURE, Kind.RECOVERY])
        assert chat.kinds(A) == []
        chat.freed.set()
        assert until(lambda: chat.kinds(A) == [Kind.FAILURE, Kind.RECOVERY])


def test_a_target_that_is_down_is_tried_a_few_times_then_dropped_with_an_event(
    tmp_path: Path, chat: Chat
) -> None:
    chat.refuses = {A}
    with capture_logs() as events, announcer(tmp_path, chat) as opened:
        opened.tell(FAILED)
        assert until(lambda: any(event["event"] == "message_dropped" for event in events))

    assert chat.attempts == 3
    assert json.loads((tmp_path / "announced" / "blog.json").read_text())["waiting"] == {}
    assert "hunter2" not in str(events)


def test_a_full_disk_keeps_nobody_from_being_told(tmp_path: Path, chat: Chat) -> None:
    (tmp_path / "announced").write_text("a file where the folder should be")
    with capture_logs() as events, announcer(tmp_path, chat) as opened:
        opened.tell(FAILED)
        assert until(lambda: chat.kinds() == [Kind.FAILURE])

    assert "not_kept" in [event["event"] for event in events]


def test_a_site_that_was_live_before_the_daemon_came_is_no_news(tmp_path: Path, chat: Chat) -> None:
    with announcer(tmp_path, chat) as opened:
        opened.settle(LIVE)
        assert opened.tell(replace(LIVE, deployment="next")) is None
        opened.settle(NEW)
        assert opened.tell(replace(LIVE, deployment="one more")) is None


def test_no_secret_stands_in_a_message_or_in_the_state_folder(tmp_path: Path, chat: Chat) -> None:
    token = Secret("0123456789abcdef0123456789abcdef01234567")
    opened = Announcer((A,), site="blog", folder=tmp_path, secrets=(token,), send=chat, pauses_s=SOON)
    opened.tell(replace(FAILED, evidence=f"the page shows {token.reveal()} and {A.reveal()}"))
    assert until(lambda: len(chat.came) == 1)
    opened.close(timeout_s=5)

    kept = (tmp_path / "announced" / "blog.json").read_text()
    for text in (chat.came[0][1].body, kept):
        assert token.reveal() not in text
        assert "hunter2" not in text
    assert (tmp_path / "announced" / "blog.json").stat().st_mode & 0o077 == 0


def test_without_apprise_one_warning_names_what_to_install(tmp_path: Path) -> None:
    attempts = []

    def missing(_: Secret, message: Announcement) -> None:
        attempts.append(message)
        raise AppriseMissing("apprise is not installed", final=True, quiet=True)

    opened = Announcer((A, B), site="blog", folder=tmp_path, send=missing, pauses_s=SOON)
    with capture_logs() as events:
        opened.tell(FAILED)
        opened.tell(LIVE)
        assert until(lambda: len(attempts) == 4)
        opened.close(timeout_s=5)

    warnings = [event for event in events if event["log_level"] == "warning"]
    assert [event["event"] for event in warnings] == ["announcing_impossible"]
    assert warnings[0]["hint"] == "pip install 'pythonanywhere-deployer[announce]'"


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # apprise's own import
def test_apprise_itself_carries_the_message(tmp_path: Path) -> None:
    with recording() as server:
        target = Secret(server.url.replace("http://", "json://user:hunter2@") + "/hook")
        opened = Announcer((target,), site="blog", folder=tmp_path, pauses_s=SOON)
        opened.tell(FAILED)
        assert until(lambda: len(server.told) == 1)
        opened.close(timeout_s=10)

    assert server.told[0].body["title"] == "blog: deployment failed"
    assert "NameError: name 'greet' is not defined" in server.told[0].body["message"]
    assert server.told[0].body["type"] == "failure"


def test_apprise_never_says_an_address_not_even_of_a_target_that_is_down_or_not_one() -> None:
    program = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
logging.getLogger("urllib3").setLevel(logging.WARNING)
from deployer.daemon.announcement import Announcement, Kind
from deployer.daemon.apprise_target import send
from deployer.daemon.outbox import Undelivered
from deployer.secret import Secret
for address in ("json://user:hunter2@127.0.0.1:1/hook", "nothing://hunter2", "hunter2"):
    try:
        send(Secret(address), Announcement(kind=Kind.FAILURE, title="t", body="b"))
    except Undelivered as error:
        print("undelivered:", error.reason, error.final)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert "hunter2" not in done.stdout + done.stderr
    assert done.stdout.splitlines() == [
        "undelivered: it did not take the message False",
        "undelivered: apprise does not understand its address True",
        "undelivered: apprise does not understand its address True",
    ]
