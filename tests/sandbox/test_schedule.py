"""Scheduled tasks: texts, limits by plan, and every open question about them."""

from datetime import UTC, date, datetime

import pytest

from deployer.sandbox.switches import Switches
from tests.sandbox.client import Client
from tests.sandbox.conftest import Start

DAILY = {"command": "echo foo", "interval": "daily", "hour": 16, "minute": 0}
HOURLY = {"command": "echo foo", "interval": "hourly", "minute": 5}
LIMIT = {"detail": "You have reached your maximum number of scheduled tasks"}


def test_a_task_is_shown_with_everything_the_platform_derives(api: Client) -> None:
    response = api.post("schedule/", json={**DAILY, "enabled": False, "description": "nightly"})
    assert response.status_code == 201
    task = response.json()
    number = task["id"]
    assert date.fromisoformat(task.pop("expiry")) > datetime.now(UTC).date()
    assert task == {
        **DAILY,
        "id": number,
        "url": f"/api/v0/user/alice/schedule/{number}/",
        "user": "alice",
        "description": "nightly",
        "enabled": False,
        "logfile": f"/user/alice/files/var/log/tasklog-{number}-daily-at-1600-echo_foo.log",
        "extend_url": f"/user/alice/schedule/task/{number}/extend",
        "printable_time": "16:00",
        "can_enable": False,
    }
    assert api.get("schedule/").json() == [api.get(f"schedule/{number}/").json()]


def test_missing_fields_are_listed(api: Client) -> None:
    response = api.post("schedule/", json={})
    assert response.status_code == 400
    required = ["This field is required."]
    assert response.json() == {"interval": required, "command": required, "minute": required}


@pytest.mark.parametrize(
    ("change", "body"),
    [
        ({"minute": 60}, {"minute": ["Ensure this value is less than or equal to 59."]}),
        ({"hour": -1}, {"hour": ["Ensure this value is greater than or equal to 0."]}),
        ({"minute": "x"}, {"minute": ["A valid integer is required."]}),
        ({"minute": "1_0"}, {"minute": ["A valid integer is required."]}),
        ({"minute": 5.5}, {"minute": ["A valid integer is required."]}),
        ({"minute": True}, {"minute": ["A valid integer is required."]}),
        ({"minute": "1" * 5000}, {"minute": ["A valid integer is required."]}),
        ({"command": "a\0b"}, {"command": ["Null characters are not allowed."]}),
        ({"command": "\ud800"}, {"command": ["Surrogate characters are not allowed: U+D800."]}),
        ({"interval": "\ud800"}, {"interval": ['"\ufffd" is not a valid choice.']}),
        ({"interval": "weekly"}, {"interval": ['"weekly" is not a valid choice.']}),
        ({"command": ""}, {"command": ["This field may not be blank."]}),
        ({"enabled": "maybe"}, {"enabled": ["Must be a valid boolean."]}),
        ({"interval": "hourly"}, {"non_field_errors": ["Hourly tasks must not have an hour."]}),
        ({"hour": None}, {"non_field_errors": ["Daily tasks must have an hour."]}),
    ],
)
def test_wrong_fields_are_named_with_the_reason(start: Start, change: object, body: object) -> None:
    api = start(plan="paid")
    response = api.post("schedule/", json={**DAILY, **change})  # type: ignore[dict-item]
    assert (response.status_code, response.json()) == (400, body)
    assert api.get("schedule/").json() == []


@pytest.mark.parametrize("minute", [5, 5.0, "5", "5.0", " 5 "])
def test_a_whole_number_may_be_spelt_as_a_decimal_one(api: Client, minute: object) -> None:
    assert api.post("schedule/", json={**DAILY, "minute": minute}).json()["minute"] == 5


def test_a_task_moves_between_daily_and_hourly(start: Start) -> None:
    api = start(plan="paid")
    task = api.post("schedule/", json=HOURLY).json()
    assert (task["hour"], task["printable_time"], task["expiry"]) == (None, "05 minutes past", None)
    place = f"schedule/{task['id']}/"
    assert api.patch(place, json={"interval": "daily"}).status_code == 400
    daily = api.patch(place, json={"interval": "daily", "hour": 4}).json()
    assert daily["printable_time"] == "04:05"
    assert api.patch(place, json={"interval": "hourly", "hour": 4}).status_code == 400
    assert api.patch(place, data={"interval": "hourly", "hour": ""}).json()["hour"] is None
    assert api("PUT", place, json={"command": "x"}).status_code == 400
    assert api("PUT", place, json=DAILY).json()["printable_time"] == "16:00"
    assert api.delete(place).status_code == 204
    assert api.delete(place).json() == {"detail": "Not found."}


def test_an_older_free_account_has_one_daily_task(api: Client) -> None:
    hourly = api.post("schedule/", json=HOURLY)
    assert (hourly.status_code, hourly.json()) == (403, LIMIT)
    number = api.post("schedule/", json=DAILY).json()["id"]
    second = api.post("schedule/", json=DAILY)
    assert (second.status_code, second.json()) == (403, LIMIT)
    assert api.patch(f"schedule/{number}/", json={"command": "true"}).status_code == 200


def test_a_new_free_account_has_no_task_and_a_paid_one_twenty(start: Start) -> None:
    free = start(plan="free")
    assert free.post("schedule/", json=DAILY).status_code == 403
    free.sandbox.switch(task_refusal=400)
    assert free.post("schedule/", json=DAILY).status_code == 400
    free.sandbox.close()
    paid = start(plan="paid")
    assert [paid.post("schedule/", json=HOURLY).status_code for _ in range(21)] == [201] * 20 + [403]


def test_switch_daily_without_hour(api: Client) -> None:
    api.sandbox.switch(daily_without_hour="midnight")
    assert api.post("schedule/", json={**DAILY, "hour": None}).json()["printable_time"] == "00:00"


@pytest.mark.parametrize(
    ("plan", "answer", "expires"),
    [("paid", "always", True), ("paid", "free", False), ("free-2025", "never", False)],
)
def test_switch_task_expiry(start: Start, plan: str, answer: str, expires: bool) -> None:
    api = start(plan=plan, switches=Switches().changed({"task_expiry": answer}))
    assert (api.post("schedule/", json=DAILY).json()["expiry"] is not None) == expires


def test_switch_task_can_enable(start: Start) -> None:
    api = start(switches=Switches(task_can_enable=True))
    assert api.post("schedule/", json=DAILY).json()["can_enable"] is True
