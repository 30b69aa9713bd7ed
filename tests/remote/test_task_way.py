"""Commands through a scheduled task, which is gone afterwards whatever happens."""

import os
import socket
from datetime import timedelta
from pathlib import Path

import pytest

from deployer.errors import Interrupted, NeedsPerson
from deployer.remote.tasks import LEAD
from tests.remote.place import HOME, ROOT, Place, place


@pytest.fixture
def due(there: Place) -> Place:
    """Whenever a command is told to start at some minute, that minute comes."""
    there.heard.on_note = there.minute_passes
    return there


def test_ten_megabytes_and_the_exit_status_come_through(due: Place) -> None:
    program = 'import sys; print("x"*10_000_000); sys.exit(7)'

    ended = due.run("python", "-c", program, via="task")

    assert due.heard.out == b"x" * 10_000_000 + b"\n"
    assert (ended.exit_status, ended.via) == (7, "task")
    assert due.left() == []


def test_the_minute_is_that_of_the_servers_clock(there: Place) -> None:
    there.sandbox.clock.advance(timedelta(hours=5, minutes=17).total_seconds())
    seen: list[timedelta] = []

    def look(_: str) -> None:
        (task,) = there.api.schedule.list()
        now = there.sandbox.clock.now()
        due = now.replace(hour=task.hour or 0, minute=task.minute or 0, second=0, microsecond=0)
        seen.append((due - now) % timedelta(days=1))
        there.minute_passes()

    there.heard.on_note = look
    there.run("true", via="task")

    assert LEAD - timedelta(seconds=2) < seen[0] < timedelta(minutes=1) + LEAD


def test_a_task_that_was_not_run_gets_another_minute(due: Place) -> None:
    """As when the platform's scheduler was busy, or restarted."""
    missed: list[str] = []

    def miss_the_first(note: str) -> None:
        if not missed:
            (task,) = due.api.schedule.list()
            due.api.schedule.update(task.id, enabled=False)
            due.sandbox.clock.advance(200)
            due.api.schedule.update(task.id, enabled=True)
            missed.append(note)
        else:
            due.minute_passes()

    due.heard.on_note = miss_the_first

    assert due.run("true", via="task").exit_status == 0
    assert len(due.heard.notes) == 2
    assert due.left() == []


def test_a_task_that_the_platform_never_runs_is_deleted_and_told_of(there: Place) -> None:
    def disable(_: str) -> None:
        (task,) = there.api.schedule.list()
        there.api.schedule.update(task.id, enabled=False)
        there.sandbox.clock.advance(200)

    there.heard.on_note = disable
    with pytest.raises(NeedsPerson, match="did not start task") as failure:
        there.run("touch", "ran", via="task")

    assert failure.value.left == "The command was not run."
    assert there.left() == []
    assert not there.sandbox.disk.real(f"{HOME}/ran").exists()


@pytest.mark.parametrize("deleted", ["goes-on", "killed"])
def test_it_goes_on_whatever_becomes_of_deleted_tasks(tmp_path: Path, deleted: str) -> None:
    with place(tmp_path, deleted_task=deleted) as there:
        there.heard.on_note = there.minute_passes

        ended = there.run("/bin/bash", "-c", "echo begun; sleep 1.2; echo done", via="task")

        assert (ended.exit_status, there.heard.out) == (0, b"begun\ndone\n")
        assert there.left() == []


def test_a_stop_while_it_is_waited_for_leaves_no_task_and_runs_nothing(there: Place) -> None:
    def stop(_: float) -> None:
        raise Interrupted("stopped by SIGINT")

    there.pause = stop
    with pytest.raises(Interrupted):
        there.run("touch", "ran", via="task")

    there.minute_passes()
    assert there.left() == []
    assert not there.sandbox.disk.real(f"{HOME}/ran").exists()


@pytest.mark.parametrize("refusal", [403, 400])
def test_an_account_without_tasks_is_told_so(tmp_path: Path, refusal: int) -> None:
    with place(tmp_path, plan="free", task_refusal=refusal) as there:
        with pytest.raises(NeedsPerson, match="this kind of account has no scheduled tasks") as failure:
            there.run("true", via="task")
        assert "maximum number of scheduled tasks" in failure.value.message
        assert "--via console" in failure.value.hint
        assert there.left() == []


def test_an_account_whose_one_task_is_the_sites_is_told_so(tmp_path: Path) -> None:
    with place(tmp_path, plan="free-2025") as there:
        there.api.schedule.create(
            command="true", interval="daily", hour=4, minute=10, description="nightly (alice.example)"
        )
        words = r"there are 1: 1 \(nightly \(alice.example\)\); 1 of them the site's own"
        with pytest.raises(NeedsPerson, match=words):
            there.run("true", via="task", domain="alice.example")
        assert there.left() == ["true"]


def test_by_itself_it_takes_a_task_where_no_console_runs(due: Place) -> None:
    due.console(opened=False)

    assert due.run("true").via == "task"


def test_by_itself_it_takes_a_console_where_one_runs(due: Place) -> None:
    due.console(opened=False)
    due.console()

    assert due.run("true").via == "console"


def test_by_itself_it_asks_for_a_console_where_there_are_no_tasks(tmp_path: Path) -> None:
    with place(tmp_path, plan="free") as there:
        there.heard.on_note = lambda _: there.open(there.api.consoles.list()[0].id)

        assert there.run("true", wait_s=30.0).via == "console"


def test_a_task_left_by_a_killed_run_is_deleted_by_the_next_one(there: Place) -> None:
    """Told by its end, or by the process that made it; what somebody else is running stays."""
    there.console()
    now = there.sandbox.clock.now()
    folder = f"{ROOT}/{now:%Y%m%dT%H%M%S}-0123abcd"
    before, later = now - timedelta(minutes=2), now + timedelta(minutes=2)
    us, gone = f"{socket.gethostname()}/{os.getpid()}", f"{socket.gethostname()}/4194305"
    descriptions = {
        f"deployer exec, until {before:%Y-%m-%dT%H:%MZ}, by elsewhere/1": False,
        f"deployer exec, until {later:%Y-%m-%dT%H:%MZ}, by {gone}": False,
        f"deployer exec, until {later:%Y-%m-%dT%H:%MZ}, by elsewhere/1": True,
        f"deployer exec, until {later:%Y-%m-%dT%H:%MZ}, by {us}": True,
        "": True,
    }
    for description in descriptions:
        there.api.schedule.create(
            command=f"python3 -IS {folder}/run.py",
            interval="daily",
            hour=1,
            minute=1,
            description=description,
        )
    there.api.schedule.create(command="python3 run.py", interval="daily", hour=1, minute=1)

    there.run("true")

    kept = {task.description for task in there.api.schedule.list()}
    assert kept == {description for description, stays in descriptions.items() if stays}
