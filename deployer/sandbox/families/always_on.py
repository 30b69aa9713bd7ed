"""`always_on/`: programs that are kept running; `scheduling` runs them. Paid accounts only.

The help page API lists the methods and their parameters, and says that creating also starts. The keys of the
object are those that public clients read.
"""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from deployer.sandbox.endpoint import Call, Endpoint
from deployer.sandbox.fields import Body, Boolean, Kind, Text
from deployer.sandbox.replies import NOT_FOUND, OK, detail, reply
from deployer.sandbox.scheduling import ALWAYS_ON
from deployer.sandbox.shapes import DONE, FLAG, NUMBER, TEXT, listing, thing
from deployer.sandbox.store import Record

FIELDS: Mapping[str, Kind] = {"command": Text(blank=False), "description": Text(), "enabled": Boolean()}
REQUIRED = ("command",)
NEW = {"description": "", "enabled": True}
LIMIT_REACHED = (
    "You have reached your maximum number of always-on tasks"  # made up: the real text is not public
)


async def show_all(call: Call) -> Response:
    return reply([_shown(call, each) for each in call.account.store.all(ALWAYS_ON)])


async def create(call: Call) -> Response:
    values = {**NEW, **await call.fields(FIELDS, required=REQUIRED)}
    store = call.account.store
    if len(store.all(ALWAYS_ON)) >= call.account.options.always_on_limit:
        raise detail(call.switches.always_on_refusal, LIMIT_REACHED)
    task = store.add(ALWAYS_ON, values)
    call.account.programs.put(task)
    return reply(_shown(call, task), 201)


async def show(call: Call) -> Response:
    return reply(_shown(call, _task_of(call)))


async def replace(call: Call) -> Response:
    return await _update(call, required=REQUIRED)


async def change(call: Call) -> Response:
    return await _update(call, required=())


async def delete(call: Call) -> Response:
    task = _task_of(call)
    call.account.store.remove(task)
    call.account.programs.drop(task.id)
    return Response(status_code=204)


async def restart(call: Call) -> Response:
    """The body of the answer is not public; this is what reloading a web app answers."""
    call.account.programs.restart(_task_of(call).id)
    return reply(OK)


async def _update(call: Call, *, required: tuple[str, ...]) -> Response:
    task = _task_of(call)
    values = await call.fields(FIELDS, required=required)
    changed = call.account.store.change(task, {**task.body, **values})
    call.account.programs.put(changed, at_once=call.switches.always_on_change == "restarts")
    return reply(_shown(call, changed))


def _task_of(call: Call) -> Record:
    task = call.account.store.get(ALWAYS_ON, call.params["id"])
    if task is None:
        raise detail(404, NOT_FOUND)
    return task


def _shown(call: Call, task: Record) -> dict[str, Any]:
    user = call.account.user
    place = f"/api/v0/user/{user}/always_on/{task.id}/"
    return {"id": task.id, "url": place, "user": user, **task.body}


SHAPE = thing(
    {"id": NUMBER, "url": TEXT, "user": TEXT, "command": TEXT, "description": TEXT, "enabled": FLAG}
)
ENDPOINTS = (
    Endpoint(
        name="always_on/",
        handlers={"GET": show_all, "POST": create},
        takes={"POST": Body(fields=FIELDS, required=REQUIRED)},
        gives={"GET": {200: listing(SHAPE)}, "POST": {201: SHAPE}},
    ),
    Endpoint(
        name="always_on/{id}/",
        handlers={"GET": show, "PUT": replace, "PATCH": change, "DELETE": delete},
        takes={"PUT": Body(fields=FIELDS, required=REQUIRED), "PATCH": Body(fields=FIELDS)},
        gives={"GET": {200: SHAPE}, "PUT": {200: SHAPE}, "PATCH": {200: SHAPE}, "DELETE": {204: None}},
    ),
    Endpoint(name="always_on/{id}/restart/", handlers={"POST": restart}, gives={"POST": {200: DONE}}),
)
