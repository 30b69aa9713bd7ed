"""Commit statuses: what each forge is sent, and that none of them keeps anybody waiting."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from deployer.config.machine_file import StatusProvider
from deployer.daemon.commit_status import (
    DESCRIPTION_LENGTH,
    CommitStatus,
    CommitStatuses,
    Forge,
    Mark,
    Provider,
    shortened,
)
from deployer.errors import UsageError
from deployer.secret import Secret
from tests.builders.waiting import until
from tests.daemon.recording_server import Recorder, recording

SHA = "1a2b3c4d5e6f7a8b9c0d1a2b3c4d5e6f7a8b9c0d"
LINK = "https://deploy.example.org/deployments/1"
TOKEN = Secret("hunter2-token")
PENDING = CommitStatus(commit=SHA, mark=Mark.PENDING, description="deploying", link=LINK)
SUCCESS = CommitStatus(commit=SHA, mark=Mark.SUCCESS, description="live", link=LINK)
SOON = (0.01, 0.01)


@pytest.fixture
def server() -> Iterator[Recorder]:
    with recording() as opened:
        yield opened


@contextmanager
def statuses(
    folder: Path,
    server: Recorder,
    provider: Provider = "github",
    *,
    token: Secret = TOKEN,
    pauses_s: tuple[float, ...] = SOON,
) -> Iterator[CommitStatuses]:
    """As one process would have them."""
    forge = Forge(provider=provider, repository="alice/blog", token=token, api=server.url)
    opened = CommitStatuses(forge, site="blog", folder=folder, pauses_s=pauses_s)
    try:
        yield opened
    finally:
        opened.close(timeout_s=5)


GITEA = f"/api/v1/repos/alice/blog/statuses/{SHA}"


@pytest.mark.parametrize(
    ("provider", "path", "header", "failure"),
    [
        ("github", f"/repos/alice/blog/statuses/{SHA}", "authorization: Bearer", "failure"),
        ("gitlab", f"/api/v4/projects/alice%2Fblog/statuses/{SHA}", "private-token:", "failed"),
        ("gitea", GITEA, "authorization: token", "failure"),
        ("forgejo", GITEA, "authorization: token", "failure"),
    ],
)
def test_each_forge_is_told_in_its_own_way(
    tmp_path: Path, provider: Provider, path: str, header: str, failure: str
) -> None:
    with recording() as server, statuses(tmp_path, server, provider) as opened:
        opened.mark(CommitStatus(commit=SHA, mark=Mark.FAILURE, description="answered\n500", link=LINK))
        assert until(lambda: len(server.told) == 1)

    (told,) = server.told
    assert told.path == path
    assert f"{header} hunter2-token" in [f"{name}: {value}" for name, value in told.headers.items()]
    assert told.body == {
        "state": failure,
        "description": "answered 500",
        "context": "deployer/blog",
        "target_url": LINK,
    }


def test_every_forge_of_the_configuration_is_known() -> None:
    assert set(get_args(StatusProvider)) <= set(get_args(Provider))


@given(st.text())
def test_a_description_is_one_line_that_fits(text: str) -> None:
    line = shortened(text)

    assert len(line) <= DESCRIPTION_LENGTH
    assert "\n" not in line


def test_a_forge_that_is_down_delays_nothing_and_gets_only_the_newest_mark(
    tmp_path: Path, server: Recorder
) -> None:
    server.answers = [(503, {}, "down"), (201, {}, "{}")]
    with statuses(tmp_path, server, pauses_s=(20.0,)) as opened:
        opened.mark(PENDING)
        assert until(lambda: len(server.told) == 1)
        opened.mark(SUCCESS)
        assert until(lambda: len(server.told) == 2)

    assert [told.body["state"] for told in server.told] == ["pending", "success"]


def test_a_forge_that_hangs_keeps_nobody_waiting(tmp_path: Path, server: Recorder) -> None:
    server.hold.clear()
    with statuses(tmp_path, server) as opened:
        opened.mark(PENDING)
        assert until(lambda: len(server.told) == 1)
        for number in range(20):
            opened.mark(CommitStatus(commit=SHA, mark=Mark.PENDING, description=str(number), link=LINK))
        opened.mark(SUCCESS)
        server.hold.set()
        assert until(lambda: len(server.told) == 2)

    assert server.told[-1].body["state"] == "success"


def test_a_restart_does_not_leave_a_commit_pending(tmp_path: Path, server: Recorder) -> None:
    server.answers = [(503, {}, "down"), (201, {}, "{}")]
    with statuses(tmp_path, server, pauses_s=(60.0,)) as first:
        first.mark(SUCCESS)
        assert until(lambda: len(server.told) == 1)
    with statuses(tmp_path, server):
        assert until(lambda: len(server.told) == 2)

    assert server.told[1].body["state"] == "success"


@pytest.mark.parametrize(
    ("answer", "attempts"),
    [
        ((401, {}, "Bad credentials"), 1),
        ((404, {}, "Not Found"), 1),
        ((422, {}, "No commit found for SHA"), 1),
        ((301, {"Location": "https://elsewhere.example/"}, ""), 1),
        ((403, {"Retry-After": "1"}, "secondary rate limit"), 3),
        ((429, {}, "slow down"), 3),
        ((500, {}, "oops"), 3),
    ],
)
def test_what_will_never_succeed_is_not_tried_again(
    tmp_path: Path, server: Recorder, answer: tuple[int, dict[str, str], str], attempts: int
) -> None:
    server.answers = [answer]
    with capture_logs() as events, statuses(tmp_path, server) as opened:
        opened.mark(SUCCESS)
        assert until(lambda: any(event["event"] == "message_dropped" for event in events))

    assert len(server.told) == attempts
    (dropped,) = (event for event in events if event["event"] == "message_dropped")
    assert str(answer[0]) in dropped["problem"]


def test_gitlab_saying_that_the_mark_is_there_already_is_no_failure(tmp_path: Path, server: Recorder) -> None:
    server.answers = [(400, {}, '{"message":"Cannot transition status via :enqueue from :pending"}')]
    with capture_logs() as events, statuses(tmp_path, server, "gitlab") as opened:
        opened.mark(PENDING)
        assert until(lambda: (tmp_path / "commit-status" / "blog.json").read_text().count(SHA) == 0)

    assert events == []


def test_the_token_is_never_said(tmp_path: Path, server: Recorder) -> None:
    server.answers = [(400, {}, f"you sent {TOKEN.reveal()}")]
    with capture_logs() as events:
        with statuses(tmp_path / "a", server) as opened:
            opened.mark(SUCCESS)
            assert until(lambda: any(event["event"] == "message_dropped" for event in events))
        with statuses(tmp_path / "b", server, token=Secret("hunter2\nX-Header: a")) as broken:
            broken.mark(SUCCESS)
            assert until(lambda: len([e for e in events if e["event"] == "message_dropped"]) == 2)

    assert "hunter2" not in str(events)
    assert not [file for file in tmp_path.rglob("*.json") if "hunter2" in file.read_text()]


def test_a_forge_of_ones_own_must_be_named(tmp_path: Path) -> None:
    forge = Forge(provider="gitea", repository="alice/blog", token=TOKEN)

    with pytest.raises(UsageError, match="gitea has no public address"):
        CommitStatuses(forge, site="blog", folder=tmp_path)
