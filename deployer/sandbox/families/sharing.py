"""`files/sharing/`: links by which anybody can have one file, as long as it is shared."""

from collections.abc import Mapping

from starlette.responses import Response

from deployer.sandbox.disk import OutsideAccountError
from deployer.sandbox.endpoint import Call, Endpoint
from deployer.sandbox.fields import Body, Kind, Text
from deployer.sandbox.replies import NOT_FOUND, RefusalError, detail, refusal, reply
from deployer.sandbox.shapes import TEXT, thing
from deployer.sandbox.store import Record

FIELDS: Mapping[str, Kind] = {"path": Text()}


async def start(call: Call) -> Response:
    """201 for a new link, 200 with the known one for a path that is shared already (help page API)."""
    path = (await call.fields(FIELDS)).get("path")
    if not path:
        raise _no_path()
    shares = call.account.shares
    known = shares.find(path)
    if known:
        return reply({"url": shares.link(known)}, 200)
    _check(call, path)
    return reply({"url": shares.link(shares.start(path))}, 201)


async def show(call: Call) -> Response:
    share = _share_of(call)
    if share is None:
        raise detail(404, NOT_FOUND)
    return reply({"url": call.account.shares.link(share)})


async def stop(call: Call) -> Response:
    share = _share_of(call)
    if share is not None:
        call.account.shares.stop(share)
    elif call.switches.unshare_unshared == 404:
        raise detail(404, NOT_FOUND)
    return Response(status_code=204)


def _share_of(call: Call) -> Record | None:
    path = call.request.query_params.get("path")
    if not path:
        raise _no_path()
    return call.account.shares.find(path)


def _check(call: Call, path: str) -> None:
    """Whether there is something to share. Raises RefusalError."""
    try:
        real = call.account.disk.real(path)
        is_directory, exists = real.is_dir(), real.exists()
    except (OutsideAccountError, OSError):
        is_directory = exists = False
    if not exists:
        raise detail(404, NOT_FOUND)
    if is_directory and call.switches.share_directories == "refused":
        raise refusal(400, {"error": f"{path} is a directory"})


def _no_path() -> RefusalError:
    """A test of pythonanywhere-core's, skipped there, imagines this text."""
    return refusal(400, {"error": "required field (path) not found"})


SHAPE = thing({"url": TEXT})
ENDPOINTS = (
    Endpoint(
        name="files/sharing/",
        handlers={"GET": show, "POST": start, "DELETE": stop},
        takes={"POST": Body(fields=FIELDS, required=tuple(FIELDS))},
        asks={"GET": tuple(FIELDS), "DELETE": tuple(FIELDS)},
        gives={"GET": {200: SHAPE}, "POST": {201: SHAPE, 200: SHAPE}, "DELETE": {204: None}},
    ),
)
