"""`pa schedule ...` and the older scripts for tasks, which both say the same."""

from datetime import UTC, datetime

import pytest

from tests.builders.waiting import until
from tests.sandbox.client import Client
from tests.vendor.clients import Pa, Said

TASK = {"command": "echo hello", "interval": "daily", "hour": 4, "minute": 10}


def create(api: Client, **fields: object) -> int:
    response = api.post("schedule/", json={**TASK, **fields})
    assert response.status_code == 201
    number: int = response.json()["id"]
    return number


def shown(api: Client, number: int) -> dict[str, object]:
    fields: dict[str, object] = api.get(f"schedule/{number}/").json()
    return fields


def test_set_a_daily_task_that_runs(api: Client, pa: Pa) -> None:
    said = pa("schedule set", "--command", "echo hello", "--hour", "4", "--minute", "10")
    _created(api, said, "will be run daily at 04:10")
    api.sandbox.clock.advance(24 * 3600)
    log = api.sandbox.disk.real("/var/log/tasklog-1-daily-at-0410-echo_hello.log")
    assert until(lambda: log.exists() and "Completed task" in log.read_text())
    assert log.read_text().startswith("hello\n")


def test_set_an_hourly_task_that_is_disabled(api: Client, pa: Pa) -> None:
    said = pa("schedule set", "-c", "echo hello", "-m", "5", "--disabled")
    _created(api, said, "may be enabled to be run hourly at 05 minutes past")


def test_pa_create_scheduled_task(api: Client, pa: Pa) -> None:
    said = pa("pa_create_scheduled_task.py", "-c", "echo hello", "--hour", "16", "--minute", "0")
    _created(api, said, "will be run daily at 16:00")


def _created(api: Client, said: Said, when: str) -> None:
    (task,) = api.get("schedule/").json()
    assert f"Task 'echo hello' successfully created with id {task['id']} and {when}" in said


def test_set_says_what_the_plan_does_not_allow(api: Client, pa: Pa) -> None:
    for _ in range(20):
        create(api)
    said = pa("schedule set", "-c", "true", "-m", "5", status=1)
    assert "POST to set new task via API failed, got <Response [403]>" in said
    assert "You have reached your maximum number of scheduled tasks" in said


def test_list_is_a_table(api: Client, pa: Pa) -> None:
    assert "No scheduled tasks" in pa("schedule list")
    _fill(api)
    assert pa("schedule list", "--format", "plain").output.splitlines()[1:] == LISTED


def test_pa_get_scheduled_tasks_list(api: Client, pa: Pa) -> None:
    _fill(api)
    assert pa("pa_get_scheduled_tasks_list.py", "--format", "plain").output.splitlines()[1:] == LISTED


LISTED = [
    "   1  daily       04:10            enabled   echo hello",
    "   2  hourly      07 minutes past  disabled  echo hello",
]


def _fill(api: Client) -> None:
    create(api)
    create(api, interval="hourly", hour=None, minute=7, enabled=False)


@pytest.mark.parametrize("command", ["schedule get", "pa_get_scheduled_task_specs.py"])
def test_get_shows_the_specs(api: Client, pa: Pa, command: str) -> None:
    number = create(api)
    log = f"/var/log/tasklog-{number}-daily-at-0410-echo_hello.log"
    said = pa(command, str(number))
    assert f"Task {number} specs:" in said
    for line in (
        "command echo hello",
        "enabled True",
        "expiry",
        "hour 4",
        "interval daily",
        f"logfile {log}",
        "minute 10",
        "printable_time 04:10",
    ):
        assert line in said
    assert pa(command, str(number), "--logfile", "--no-spec").output == f"{log}\n"
    assert "<hour>: 4" in pa(command, str(number), "--hour", "--snakesay")
    assert 'Could not get task with id 99. Got result <Response [404]>: {"detail":"Not found."}' in pa(
        command, "99", status=1
    )


@pytest.mark.parametrize("command", ["schedule update", "pa_update_scheduled_task.py"])
def test_update_changes_what_it_is_told(api: Client, pa: Pa, command: str) -> None:
    number = create(api)
    said = pa(command, str(number), "--command", "echo bye", "--hour", "5", "--disable")
    assert f"Task {number} updated: <command> from 'echo hello' to 'echo bye'" in said
    assert "<enabled> from 'True' to 'False'" in said
    assert "<hour> from '4' to '5'" in said
    assert shown(api, number)["printable_time"] == "05:10"
    assert "<interval> from 'daily' to 'hourly'" in pa(command, str(number), "--hourly", "--minute", "7")
    assert shown(api, number)["printable_time"] == "07 minutes past"
    porcelain = pa(command, str(number), "--daily", "--hour", "23", "--toggle-enabled", "--porcelain").output
    assert porcelain.splitlines()[0] == f"Task {number} updated:"
    assert "<hour> from 'None' to '23'" in porcelain
    assert shown(api, number)["enabled"] is True
    assert "Nothing to update!" in pa(command, str(number), "--enable")
    assert pa(command, str(number), "--minute", "9", "--quiet").output == ""
    assert shown(api, number)["minute"] == 9


def test_update_to_daily_without_an_hour_takes_the_present_one(api: Client, pa: Pa) -> None:
    number = create(api, interval="hourly", hour=None)
    pa("schedule update", str(number), "--daily")
    hour = shown(api, number)["hour"]
    assert isinstance(hour, int)
    assert (datetime.now(UTC).hour - hour) % 24 <= 1


def test_delete_tasks_by_id(api: Client, pa: Pa) -> None:
    first, second, kept = create(api), create(api), create(api)
    assert f"Task {first} deleted!" in (said := pa("schedule delete id", str(first), str(second)))
    assert f"Task {second} deleted!" in said
    assert [each["id"] for each in api.get("schedule/").json()] == [kept]


@pytest.mark.parametrize(("force", "stdin"), [(["--force"], ""), ([], "y\n")], ids=["forced", "confirmed"])
def test_delete_all_tasks(api: Client, pa: Pa, force: list[str], stdin: str) -> None:
    number = create(api)
    assert f"Task {number} deleted!" in pa("schedule delete all", *force, stdin=stdin)
    assert api.get("schedule/").json() == []


def test_pa_delete_scheduled_task(api: Client, pa: Pa) -> None:
    first, second = create(api), create(api)
    assert f"Task {first} deleted!" in pa("pa_delete_scheduled_task.py", "id", str(first))
    assert f"Task {second} deleted!" in pa("pa_delete_scheduled_task.py", "nuke", "--force")
    assert api.get("schedule/").json() == []
