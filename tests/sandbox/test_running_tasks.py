"""Scheduled tasks run at their minute by the account's clock, which can be put forward."""

import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from deployer.sandbox import Switches
from tests.builders.waiting import until
from tests.sandbox.client import Client
from tests.sandbox.conftest import Start

HOUR_S = 3600
DAY_S = 24 * HOUR_S
STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
END = re.compile(rf"\n{STAMP} -- Completed task, took \d+\.\d\d seconds, return code was (-?\d+)\.\n")
NO_LIMIT = Switches(rate_limit="off")


def add(api: Client, command: str, *, ahead_s: int = 2 * HOUR_S, **fields: Any) -> dict[str, Any]:
    """A daily task some hours ahead by the account's clock."""
    due = api.sandbox.clock.now() + timedelta(seconds=ahead_s)
    body = {"command": command, "interval": "daily", "hour": due.hour, "minute": due.minute, **fields}
    response = api.post("schedule/", json=body)
    assert response.status_code == 201, response.text
    task: dict[str, Any] = response.json()
    return task


def add_hourly(api: Client, command: str) -> dict[str, Any]:
    return add(api, command, interval="hourly", hour=None)


def advance(api: Client, seconds: float) -> None:
    assert api.control("POST", "clock", json={"advance_s": seconds}).status_code == 200


def log_of(api: Client, task: dict[str, Any]) -> str:
    path = task["logfile"].removeprefix("/user/alice/files")
    response = api.get(f"files/path{path}")
    assert response.status_code in {200, 404}, response.text
    return response.text if response.status_code == 200 else ""


def runs_of(api: Client, task: dict[str, Any]) -> list[int]:
    """The exit status of each run so far."""
    return [int(code) for code in END.findall(log_of(api, task))]


def wait_for_runs(api: Client, task: dict[str, Any], count: int) -> None:
    assert until(lambda: len(runs_of(api, task)) >= count), log_of(api, task)
    assert len(runs_of(api, task)) == count


def wait_for_file(api: Client, name: str, text: str) -> None:
    file = api.sandbox.disk.real(f"/home/alice/{name}")
    assert until(lambda: file.exists() and file.read_text() == text)


def gone(pid: int) -> bool:
    """A killed process may stay in the table until its new parent has looked."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.fixture
def paid(start: Start) -> Client:
    return start(plan="paid", switches=NO_LIMIT)


def test_a_task_runs_once_a_day_and_its_log_has_output_and_exit_status(start: Start) -> None:
    api = start(switches=NO_LIMIT)
    task = add(api, "echo out; echo err >&2; exit 3")
    advance(api, 2 * HOUR_S)
    wait_for_runs(api, task, 1)
    assert re.fullmatch(f"out\nerr\n{END.pattern}", log_of(api, task))
    assert runs_of(api, task) == [3]
    advance(api, DAY_S)
    wait_for_runs(api, task, 2)


def test_an_hourly_task_runs_every_hour_and_hours_that_are_skipped_are_one(paid: Client) -> None:
    task = add_hourly(paid, "true")
    for count, step in enumerate([HOUR_S, HOUR_S, 5 * HOUR_S, HOUR_S], start=1):
        advance(paid, step)
        wait_for_runs(paid, task, count)


@pytest.mark.parametrize("isolation", ["auto", "none"])
def test_a_task_is_the_accounts_own(start: Start, isolation: str) -> None:
    paid = start(plan="paid", isolation=isolation, switches=NO_LIMIT)
    script = "import os; print(os.environ['API_TOKEN'] == open('token').read(), 6 * 7)"
    paid.upload("/home/alice/token", paid.sandbox.token.encode())
    task = add(paid, f'echo $USER; basename "$HOME"; basename "$PWD"; python -c "{script}"')
    advance(paid, 2 * HOUR_S)
    wait_for_runs(paid, task, 1)
    assert log_of(paid, task).startswith("alice\nalice\nalice\nTrue 42\n")


def test_changes_take_effect_at_once(paid: Client) -> None:
    disabled = add(paid, "true", enabled=False)
    deleted, later, sooner = add(paid, "true"), add(paid, "true"), add(paid, "true", ahead_s=5 * HOUR_S)
    reworded, enabled = add(paid, "false"), add(paid, "true", enabled=False)
    due = paid.sandbox.clock.now() + timedelta(seconds=2 * HOUR_S)
    paid.delete(f"schedule/{deleted['id']}/")
    later = paid.patch(f"schedule/{later['id']}/", json={"hour": (due.hour + 3) % 24}).json()
    sooner = paid.patch(f"schedule/{sooner['id']}/", json={"hour": due.hour, "minute": due.minute}).json()
    reworded = paid.patch(f"schedule/{reworded['id']}/", json={"command": "exit 5"}).json()
    paid.patch(f"schedule/{enabled['id']}/", json={"enabled": True})
    witness = add(paid, "true")
    advance(paid, 2 * HOUR_S)
    for task in (sooner, reworded, enabled, witness):
        wait_for_runs(paid, task, 1)
    assert runs_of(paid, reworded) == [5]
    assert [log_of(paid, task) for task in (disabled, deleted, later)] == ["", "", ""]


@pytest.mark.parametrize(("answer", "runs"), [("starts", "1\n1\n"), ("skipped", "1\n")])
def test_switch_task_overlap(paid: Client, answer: str, runs: str) -> None:
    paid.sandbox.switch(task_overlap=answer)
    add_hourly(paid, "echo 1 >> runs; exec sleep 600")
    witness = add_hourly(paid, "true")
    for count, written in enumerate(["1\n", runs], start=1):
        advance(paid, HOUR_S)
        wait_for_runs(paid, witness, count)
        wait_for_file(paid, "runs", written)


@pytest.mark.parametrize(("plan", "hours"), [("free-2025", 2), ("paid", 12)])
def test_a_run_is_ended_at_the_limit_of_the_plan(start: Start, plan: str, hours: int) -> None:
    api = start(plan=plan, switches=NO_LIMIT)
    task = add(api, "echo begun; exec sleep 600")
    advance(api, 2 * HOUR_S)
    assert until(lambda: log_of(api, task) == "begun\n")
    advance(api, hours * HOUR_S - 60)
    assert runs_of(api, task) == []
    advance(api, 60)
    wait_for_runs(api, task, 1)
    assert runs_of(api, task) == [-signal.SIGKILL]
    assert f"tasks may run for {hours} hours" in log_of(api, task)


@pytest.mark.parametrize("answer", ["goes-on", "killed"])
def test_switch_deleted_task(paid: Client, answer: str) -> None:
    paid.sandbox.switch(deleted_task=answer)
    task = add(paid, "echo begun; while [ ! -e stop ]; do sleep 0.01; done; exit 4")
    advance(paid, 2 * HOUR_S)
    assert until(lambda: log_of(paid, task) == "begun\n")
    paid.delete(f"schedule/{task['id']}/")
    if answer == "goes-on":
        paid.upload("/home/alice/stop")
    wait_for_runs(paid, task, 1)
    assert runs_of(paid, task) == [4 if answer == "goes-on" else -signal.SIGKILL]


@pytest.mark.parametrize("logged_in", [False, True])
def test_an_expired_task_does_not_run_until_its_page_extends_it(start: Start, logged_in: bool) -> None:
    api = start(plan="paid", switches=Switches(rate_limit="off", task_expiry="always"))
    task = add(api, "echo '<b>'")
    api.sandbox.switch(task_expiry="never")
    witness = add(api, "true")
    advance(api, 2 * HOUR_S + 29 * DAY_S)
    wait_for_runs(api, witness, 1)
    assert log_of(api, task) == ""

    page = api.sandbox.url + task["extend_url"]
    shown = requests.get(page, timeout=10)
    assert f"until {task['expiry']}" in shown.text
    assert "&lt;b&gt;" in shown.text
    assert requests.post(page, data={"token": "guess"}, timeout=10).status_code == 403
    assert api.get(f"schedule/{task['id']}/").json()["expiry"] == task["expiry"]
    with requests.Session() as browser:
        if logged_in:
            browser.post(api.sandbox.url + "/login/", data={"token": api.sandbox.token}, timeout=10)
            assert "token" not in browser.get(page, timeout=10).text
            extended = browser.post(page, timeout=10)
        else:
            extended = browser.post(page, data={"token": api.sandbox.token}, timeout=10)
    expiry = (api.sandbox.clock.today() + timedelta(weeks=4)).isoformat()
    assert f"until {expiry}" in extended.text
    assert api.get(f"schedule/{task['id']}/").json()["expiry"] == expiry
    advance(api, DAY_S)
    wait_for_runs(api, task, 1)


def test_the_page_of_a_task_that_does_not_expire_or_is_not_there(paid: Client) -> None:
    task = add(paid, "true")
    page = paid.sandbox.url + task["extend_url"]
    answer = requests.post(page, data={"token": paid.sandbox.token}, timeout=10)
    assert "does not expire" in answer.text
    assert paid.get(f"schedule/{task['id']}/").json()["expiry"] is None
    assert requests.get(page.replace("alice", "bob"), timeout=10).status_code == 404
    assert requests.delete(page, timeout=10).status_code == 405


def test_tasks_outlive_the_sandbox_and_what_was_missed_is_not_made_up_for(start: Start) -> None:
    first = start(plan="paid", switches=NO_LIMIT)
    task = add(first, "true")
    advance(first, 2 * HOUR_S)
    wait_for_runs(first, task, 1)
    first.sandbox.close()
    second = start(plan="paid", switches=NO_LIMIT)
    assert runs_of(second, task) == [0]
    advance(second, 2 * HOUR_S)
    wait_for_runs(second, task, 2)


def test_a_log_that_was_deleted_begins_anew_and_one_that_cannot_be_is_no_obstacle(paid: Client) -> None:
    task, hindered = add(paid, "true"), add(paid, "touch hindered")
    place = paid.sandbox.disk.real(hindered["logfile"].removeprefix("/user/alice/files"))
    place.mkdir()
    for step in (2 * HOUR_S, DAY_S):
        advance(paid, step)
        wait_for_runs(paid, task, 1)
        paid.delete("files/path" + task["logfile"].removeprefix("/user/alice/files"))
    assert not paid.sandbox.disk.real("/home/alice/hindered").exists()


def test_the_clock_goes_forward_only_and_dates_the_answers(api: Client) -> None:
    before = datetime.now(UTC)
    advance(api, 0)
    shown = api.control("POST", "clock", json={"advance_s": 3 * DAY_S}).json()["now"]
    now = datetime.fromisoformat(shown)
    assert timedelta(days=3, seconds=-1) <= now - before < timedelta(days=3, minutes=1)
    for nonsense in ({"advance_s": -1}, {"advance_s": 1e300}, {"advance_s": True}, {"advance": 1}, [1], {}):
        assert api.control("POST", "clock", json=nonsense).status_code == 400, nonsense
    dated = parsedate_to_datetime(api.get("cpu/").headers["Date"])
    assert timedelta() <= dated - now < timedelta(minutes=1)
    assert datetime.fromisoformat(api.control("GET", "clock").json()["now"]) >= now


def test_a_busy_task_costs_cpu_seconds_until_the_next_midnight(start: Start) -> None:
    api = start(plan="paid", cpu_used_s=7.5, switches=NO_LIMIT)
    assert api.get("cpu/").json()["daily_cpu_total_usage_seconds"] == 7.5
    advance_to_midnight(api)
    assert api.get("cpu/").json()["daily_cpu_total_usage_seconds"] == 0
    busy = add(api, "python -c 'import time\nwhile time.process_time() < 0.3: pass'")
    advance(api, 2 * HOUR_S)
    wait_for_runs(api, busy, 1)
    shown = api.get("cpu/").json()
    assert 0.3 <= shown["daily_cpu_total_usage_seconds"] < 5
    midnight = advance_to_midnight(api)
    after = api.get("cpu/").json()
    assert after["daily_cpu_total_usage_seconds"] == 0
    assert after["next_reset_time"] == (midnight + timedelta(days=1)).replace(tzinfo=None).isoformat()


def advance_to_midnight(api: Client) -> datetime:
    """The next reset of the CPU seconds, which is just over then."""
    reset = api.get("cpu/").json()["next_reset_time"]
    midnight = datetime.fromisoformat(reset).replace(tzinfo=UTC)
    advance(api, (midnight - api.sandbox.clock.now()).total_seconds() + 1)
    return midnight


SERVER = """
from pathlib import Path
from deployer.sandbox import SandboxOptions, serve
serve(SandboxOptions(data=Path({data!r}), plan="paid", token="t"))
"""


def test_what_runs_ends_with_a_sandbox_that_is_killed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    script = SERVER.format(data=str(data))
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout is not None
        url = next(line.split()[1] for line in server.stdout if line.startswith("  address"))
        due = datetime.now(UTC) + timedelta(hours=2)
        program = "echo $$ >> pids; sleep 600 & echo $! >> pids; wait"
        task = {"command": program, "interval": "daily", "hour": due.hour, "minute": due.minute}
        for place, body in (("schedule", task), ("always_on", {"command": program})):
            answer = requests.post(
                f"{url}/api/v0/user/alice/{place}/",
                json=body,
                headers={"Authorization": "Token t"},
                timeout=10,
            )
            assert answer.status_code == 201
        requests.post(f"{url}/_sandbox/clock", json={"advance_s": 2 * HOUR_S}, timeout=10)
        pids = data / "home/alice/pids"
        assert until(lambda: pids.exists() and pids.read_text().count("\n") == 4)
        os.kill(server.pid, signal.SIGKILL)
    assert until(lambda: all(gone(int(pid)) for pid in pids.read_text().split()))


@pytest.mark.slow
def test_a_task_runs_at_its_minute_of_the_real_clock(api: Client) -> None:
    due = (datetime.now(UTC) + timedelta(minutes=1)).replace(second=0, microsecond=0)
    task = add(api, "date -u +%H:%M", hour=due.hour, minute=due.minute)
    file = api.sandbox.disk.real(task["logfile"].removeprefix("/user/alice/files"))
    assert until(lambda: file.exists() and END.search(file.read_text()) is not None, timeout_s=65)
    assert datetime.now(UTC) >= due
    assert file.read_text().startswith(f"{due:%H:%M}\n")
