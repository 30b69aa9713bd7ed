"""Always-on tasks: programs that are kept running, whatever happens to them."""

import os
import re
import signal
from typing import Any

import pytest

from tests.builders.waiting import until
from tests.sandbox.client import Client
from tests.sandbox.conftest import Start
from tests.sandbox.test_running_tasks import NO_LIMIT, gone

STAYS = "echo $$ > pid; exec sleep 600"
PAUSE = re.compile(r"-- Program ended, return code was (-?\d+)\. It is started again in ([\d.]+) seconds\.")


@pytest.fixture
def paid(start: Start) -> Client:
    return start(plan="paid", switches=NO_LIMIT)


def add(api: Client, command: str = STAYS, **fields: Any) -> dict[str, Any]:
    response = api.post("always_on/", json={"command": command, **fields})
    assert response.status_code == 201, response.text
    task: dict[str, Any] = response.json()
    return task


def place(task: dict[str, Any]) -> str:
    return f"always_on/{task['id']}/"


def home(api: Client, name: str) -> str:
    file = api.sandbox.disk.real(f"/home/alice/{name}")
    return file.read_text() if file.exists() else ""


def pid_after(api: Client, before: int = 0, *, name: str = "pid") -> int:
    """The process that runs now, once it is another one."""
    assert until(lambda: home(api, name).endswith("\n") and int(home(api, name)) != before)
    return int(home(api, name))


def log_of(api: Client, task: dict[str, Any]) -> str:
    file = api.sandbox.disk.real(f"/var/log/alwayson-log-{task['id']}.log")
    return file.read_text() if file.exists() else ""


def pauses(api: Client, task: dict[str, Any]) -> list[float]:
    return [float(pause) for _, pause in PAUSE.findall(log_of(api, task))]


def test_a_program_starts_when_it_is_created_and_its_output_is_logged(paid: Client) -> None:
    task = add(paid, "echo out; echo err >&2; exec sleep 600", description="a bot")
    number = task["id"]
    assert task == {
        "id": number,
        "url": f"/api/v0/user/alice/always_on/{number}/",
        "user": "alice",
        "command": "echo out; echo err >&2; exec sleep 600",
        "description": "a bot",
        "enabled": True,
    }
    assert paid.get("always_on/").json() == [task]
    assert paid.get(place(task)).json() == task
    assert until(lambda: log_of(paid, task) == "out\nerr\n")


def test_it_is_for_paid_accounts_and_has_a_limit(start: Start) -> None:
    free = start()
    refused = free.post("always_on/", json={"command": "true"})
    limit = {"detail": "You have reached your maximum number of always-on tasks"}
    assert (refused.status_code, refused.json()) == (403, limit)
    free.sandbox.switch(always_on_refusal=400)
    assert free.post("always_on/", json={"command": "true"}).status_code == 400
    free.sandbox.close()
    paid = start(plan="paid")
    add(paid)
    assert paid.post("always_on/", json={"command": "true"}).status_code == 403
    paid.sandbox.close()
    more = start(plan="paid", always_on=2)
    add(more, enabled=False)
    assert more.post("always_on/", json={"command": "true"}).status_code == 403


def test_wrong_fields_and_missing_tasks_are_refused(paid: Client) -> None:
    required = {"command": ["This field is required."]}
    assert paid.post("always_on/", json={}).json() == required
    task = add(paid)
    assert paid("PUT", place(task), json={"description": "x"}).json() == required
    assert paid.patch(place(task), json={"enabled": "maybe"}).status_code == 400
    for method, where in (("GET", "always_on/99/"), ("POST", "always_on/99/restart/")):
        missing = paid(method, where)
        assert (missing.status_code, missing.json()) == (404, {"detail": "Not found."})


def test_a_program_that_is_killed_is_started_again(paid: Client) -> None:
    add(paid)
    first = pid_after(paid)
    os.kill(first, signal.SIGKILL)
    second = pid_after(paid, first)
    assert not gone(second)


def test_the_pause_grows_and_a_restart_begins_anew(paid: Client) -> None:
    task = add(paid, "exit 3")
    assert until(lambda: len(pauses(paid, task)) >= 3)
    assert pauses(paid, task)[:3] == [0.25, 0.5, 1.0]
    assert PAUSE.findall(log_of(paid, task))[0][0] == "3"
    assert paid.post(place(task) + "restart/").json() == {"status": "OK"}
    assert until(lambda: pauses(paid, task).count(0.25) == 2)


def test_another_command_replaces_the_running_one_and_a_description_does_not(paid: Client) -> None:
    task = add(paid)
    first = pid_after(paid)
    paid.patch(place(task), json={"description": "new"})
    changed = paid.patch(place(task), json={"command": "echo $$ > other; exec sleep 600"}).json()
    assert (changed["description"], changed["command"]) == ("new", "echo $$ > other; exec sleep 600")
    pid_after(paid, name="other")
    assert gone(first)
    assert int(home(paid, "pid")) == first
    put = paid("PUT", place(task), json={"command": STAYS, "description": "last", "enabled": True})
    assert put.json()["description"] == "last"
    assert pid_after(paid, first) != first


def test_switch_always_on_change(paid: Client) -> None:
    paid.sandbox.switch(always_on_change="waits")
    task = add(paid)
    first = pid_after(paid)
    paid.patch(place(task), json={"command": "echo $$ > other; exec sleep 600"})
    assert not gone(first)
    paid.post(place(task) + "restart/")
    pid_after(paid, name="other")
    assert gone(first)


def test_restart_replaces_the_process(paid: Client) -> None:
    task = add(paid)
    first = pid_after(paid)
    paid.post(place(task) + "restart/")
    pid_after(paid, first)
    assert gone(first)


def test_a_program_that_is_disabled_or_deleted_stops(paid: Client) -> None:
    task = add(paid)
    first = pid_after(paid)
    assert paid.patch(place(task), json={"enabled": False}).json()["enabled"] is False
    assert until(lambda: gone(first))
    assert paid.post(place(task) + "restart/").status_code == 200
    paid.patch(place(task), json={"enabled": True})
    second = pid_after(paid, first)
    assert paid.delete(place(task)).status_code == 204
    assert until(lambda: gone(second))
    assert paid.delete(place(task)).status_code == 404
    assert paid.get("always_on/").json() == []


def test_programs_end_with_the_sandbox_and_start_with_the_next(start: Start) -> None:
    first = start(plan="paid")
    add(first)
    before = pid_after(first)
    first.sandbox.close()
    assert gone(before)
    second = start(plan="paid")
    assert pid_after(second, before) != before


def test_a_busy_program_costs_cpu_seconds_while_it_runs(paid: Client) -> None:
    add(paid, "while :; do :; done")
    assert until(lambda: paid.get("cpu/").json()["daily_cpu_total_usage_seconds"] > 0.1)
