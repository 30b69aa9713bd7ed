"""`schedule/`: tasks that run daily or hourly, in UTC; `scheduling` runs them.

Texts and shapes are those of the API's help page and of the fixtures of pythonanywhere-core.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from starlette.responses import Response

from deployer.sandbox.account import Account
from deployer.sandbox.endpoint import Call, Endpoint
from deployer.sandbox.fields import Body, Boolean, Choice, Kind, Number, Text
from deployer.sandbox.replies import NOT_FOUND, RefusalError, detail, refusal, reply
from deployer.sandbox.scheduling import TASK, log_path
from deployer.sandbox.shapes import FLAG, NUMBER, TEXT, TEXT_OR_NULL, listing, thing
from deployer.sandbox.store import Record

FIELDS: Mapping[str, Kind] = {
    "interval": Choice(choices=("daily", "hourly")),
    "command": Text(blank=False),
    "hour": Number(most=23, null=True),
    "minute": Number(most=59),
    "enabled": Boolean(),
    "description": Text(),
}
REQUIRED = ("interval", "command", "minute")
NEW = {"enabled": True, "description": "", "hour": None}
LIMIT_REACHED = "You have reached your maximum number of scheduled tasks"
LIFETIME = timedelta(weeks=4)  # until a task has to be extended (the platform's blog, no. 129)


async def show_all(call: Call) -> Response:
    return reply([_shown(call, each) for each in call.account.store.all(TASK)])


async def create(call: Call) -> Response:
    values = _settled(call, NEW, await call.fields(FIELDS, required=REQUIRED))
    _check_plan(call, values, count=len(call.account.store.all(TASK)) + 1)
    if _expires(call):
        values["expiry"] = expiry_from_now(call.account)
    task = call.account.store.add(TASK, values)
    call.account.timetable.put(task)
    return reply(_shown(call, task), 201)


async def show(call: Call) -> Response:
    return reply(_shown(call, _task_of(call)))


async def replace(call: Call) -> Response:
    return await _update(call, required=REQUIRED)


async def change(call: Call) -> Response:
    return await _update(call, required=())


async def delete(call: Call) -> Response:
    """Whether the platform then kills what runs of the task is not public: a switch."""
    task = _task_of(call)
    call.account.store.remove(task)
    call.account.timetable.drop(task.id)
    return Response(status_code=204)


def expiry_from_now(account: Account) -> str:
    return (account.clock.today() + LIFETIME).isoformat()


async def _update(call: Call, *, required: tuple[str, ...]) -> Response:
    task = _task_of(call)
    values = _settled(call, task.body, await call.fields(FIELDS, required=required))
    _check_plan(call, values, count=0)
    changed = call.account.store.change(task, values)
    call.account.timetable.put(changed)
    return reply(_shown(call, changed))


def _task_of(call: Call) -> Record:
    task = call.account.store.get(TASK, call.params["id"])
    if task is None:
        raise detail(404, NOT_FOUND)
    return task


def _settled(call: Call, before: Mapping[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """The task after a change. Raises RefusalError where interval and hour do not go together."""
    after = {**before, **values}
    if after["interval"] == "hourly":
        if values.get("hour") is not None:
            raise refusal(400, {"non_field_errors": ["Hourly tasks must not have an hour."]})
        after["hour"] = None
    elif after["hour"] is None:
        if call.switches.daily_without_hour == "refused":
            raise refusal(400, {"non_field_errors": ["Daily tasks must have an hour."]})
        after["hour"] = 0
    return after


def _check_plan(call: Call, values: Mapping[str, Any], *, count: int) -> None:
    limits = call.account.options.limits
    if limits.tasks == 0 or (values["interval"] == "hourly" and not limits.hourly_tasks):
        raise _limit_reached(call.switches.task_refusal)
    if count > limits.tasks:
        raise _limit_reached(403)


def _limit_reached(status: int) -> RefusalError:
    return detail(status, LIMIT_REACHED)


def _expires(call: Call) -> bool:
    rule = call.switches.task_expiry
    return rule == "always" or (rule == "free" and call.account.options.limits.expires)


def _shown(call: Call, task: Record) -> dict[str, Any]:
    user, body = call.account.user, task.body
    return {
        "id": task.id,
        "url": f"/api/v0/user/{user}/schedule/{task.id}/",
        "user": user,
        "command": body["command"],
        "description": body["description"],
        "expiry": body.get("expiry"),
        "enabled": body["enabled"],
        "logfile": f"/user/{user}/files{log_path(task)}",
        "extend_url": f"/user/{user}/schedule/task/{task.id}/extend",
        "interval": body["interval"],
        "hour": body["hour"],
        "minute": body["minute"],
        "printable_time": _printable_time(body),
        "can_enable": call.switches.task_can_enable,
    }


def _printable_time(body: Mapping[str, Any]) -> str:
    if body["interval"] == "hourly":
        return f"{body['minute']:02} minutes past"
    return f"{body['hour']:02}:{body['minute']:02}"


SHAPE = thing(
    {
        "id": NUMBER,
        "url": TEXT,
        "user": TEXT,
        "command": TEXT,
        "description": TEXT,
        "expiry": TEXT_OR_NULL,
        "enabled": FLAG,
        "logfile": TEXT,
        "extend_url": TEXT,
        "interval": FIELDS["interval"].shape,
        "hour": FIELDS["hour"].shape,
        "minute": FIELDS["minute"].shape,
        "printable_time": TEXT,
        "can_enable": FLAG,
    }
)
ENDPOINTS = (
    Endpoint(
        name="schedule/",
        handlers={"GET": show_all, "POST": create},
        takes={"POST": Body(fields=FIELDS, required=REQUIRED)},
        gives={"GET": {200: listing(SHAPE)}, "POST": {201: SHAPE}},
    ),
    Endpoint(
        name="schedule/{id}/",
        handlers={"GET": show, "PUT": replace, "PATCH": change, "DELETE": delete},
        takes={"PUT": Body(fields=FIELDS, required=REQUIRED), "PATCH": Body(fields=FIELDS)},
        gives={"GET": {200: SHAPE}, "PUT": {200: SHAPE}, "PATCH": {200: SHAPE}, "DELETE": {204: None}},
    ),
)
