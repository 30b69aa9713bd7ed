"""A deployment that is cut off at any moment is finished by the next run, which sends nothing twice."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.sandbox import Effect, Fault
from tests.builders.waiting import until
from tests.cli.project import WSGI, Project
from tests.deployment.archive import archived
from tests.system.account import account, running, uploads

CONFIG = """
[app]
target = "~/mysite"
wsgi = "wsgi.py"

[[static]]
url = "/static/"
path = "static"

[[task]]
name = "nightly"
command = "true"
interval = "daily"
at = "04:10"

[health]
contains = "hello from the site"
timeout = "5s"
"""
FILES = {
    "pythonanywhere.toml": CONFIG,
    "wsgi.py": WSGI,
    **{f"static/{number}.css": f"{number}" for number in range(6)},
}
UPLOAD = r"mysite/static/3\.css$"
BEFORE, AFTER = Effect(kind="stall", when="before"), Effect(kind="stall", when="after")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Project]:
    with account(tmp_path) as opened:
        opened.commit(FILES)
        yield opened


def fired(place: Project) -> bool:
    return any(count for _, count in place.sandbox.faults.list())


def api(place: Project, path: str) -> list[object]:
    """What the account holds, asked past the command under test."""
    import requests

    answer = requests.get(
        f"{place.sandbox.url}/api/v0/user/alice/{path}",
        headers={"Authorization": f"Token {place.sandbox.token}"},
        timeout=10,
    )
    answer.raise_for_status()
    listed: list[object] = answer.json()
    return listed


def check_that_the_next_run_finishes(place: Project) -> None:
    """Everything is there once, at most one file was sent twice, and then there is nothing left to do."""
    place.sandbox.faults.clear()

    resumed = place.run("sync")
    written = place.written()
    idle = place.run("sync")

    assert (resumed.status, idle.status) == (0, 0), resumed.err + idle.err
    assert place.written() == written
    real = place.sandbox.disk.real("/home/alice/mysite")
    on_disk = {
        file.relative_to(real).as_posix(): file.read_bytes() for file in real.rglob("*") if file.is_file()
    }
    assert on_disk == archived(place.repo, "main", "", ())
    sent = uploads(place, "/home/alice/mysite")
    assert set(sent) == {*FILES}
    assert len(sent) <= len(FILES) + 1
    assert len(api(place, "webapps/")) == 1
    assert len(api(place, "webapps/alice.pythonanywhere.com/static_files/")) == 1
    assert len(api(place, "schedule/")) == 1


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(Fault(effect=BEFORE, method="POST", path=UPLOAD), id="before a file arrived"),
        pytest.param(Fault(effect=AFTER, method="POST", path=UPLOAD), id="after a file arrived"),
        pytest.param(Fault(effect=AFTER, method="POST", path="/webapps/$"), id="web app created"),
        pytest.param(Fault(effect=AFTER, method="POST", path="/static_files/$"), id="mapping created"),
        pytest.param(Fault(effect=AFTER, method="POST", path="/schedule/$"), id="task created"),
        pytest.param(Fault(effect=AFTER, method="POST", path="/reload/$"), id="reloaded"),
        pytest.param(Fault(effect=AFTER, method="POST", path=r"manifest\.json$", after=1), id="recorded"),
    ],
)
def test_a_deployment_that_was_killed_is_finished_by_the_next_run(place: Project, moment: Fault) -> None:
    place.sandbox.faults.add(moment)

    with running(place, "sync") as sync:
        assert until(lambda: fired(place))
        sync.signal(signal.SIGKILL)
        assert sync.ended().status == -signal.SIGKILL

    check_that_the_next_run_finishes(place)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_file_in_flight_arrive_and_the_next_run_sends_none_again(
    place: Project, number: signal.Signals
) -> None:
    slow = Effect(kind="slow", seconds=0.3)
    place.sandbox.faults.add(Fault(effect=slow, method="POST", path=UPLOAD))

    with running(place, "sync") as sync:
        assert until(lambda: fired(place))
        sync.signal(number)
        ended = sync.ended()
    sent = uploads(place, "/home/alice/mysite")

    assert ended.status == 8, ended.err
    assert f"stopped by {number.name}" in ended.err
    assert "steps were carried out, the site was not reloaded" in ended.err
    assert "Run it again" in ended.err
    assert sent[-1] == "static/3.css"
    assert not [path for path in place.written() if path.endswith("/reload/")]
    check_that_the_next_run_finishes(place)
    assert sorted(uploads(place, "/home/alice/mysite")) == sorted(FILES)


def test_a_second_signal_does_not_wait_for_the_request_in_flight(place: Project) -> None:
    place.sandbox.faults.add(Fault(effect=BEFORE, method="POST", path=UPLOAD))

    with running(place, "sync") as sync:
        assert until(lambda: fired(place))
        sync.signal(signal.SIGINT)
        assert until(sync.has_taken_its_signals)
        sync.signal(signal.SIGINT)
        ended = sync.ended()

    assert ended.status == 8, ended.err
    assert "interrupted" in ended.err
    assert "Run it again" in ended.err
    check_that_the_next_run_finishes(place)
