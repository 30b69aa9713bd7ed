"""`webapps/{domain}/static_headers/`: headers that the web server adds. Sent after a reload."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from deployer.sandbox.account import Account
from deployer.sandbox.endpoint import Call, Endpoint
from deployer.sandbox.families.webapps import webapp_of
from deployer.sandbox.fields import Body, InvalidError, Text
from deployer.sandbox.replies import NOT_FOUND, detail, reply
from deployer.sandbox.shapes import NUMBER, TEXT, Shape, listing, thing
from deployer.sandbox.sites import HEADER, owner_of
from deployer.sandbox.store import Record

REQUIRED = ("url", "name", "value")
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
UNSENDABLE = re.compile(r"[^\t -~\xa0-\xff]")  # RFC 9110, 5.5, whose bytes HTTP servers take for Latin-1
# They say where an answer ends, or speak of the connection: no server lets them be set.
FRAMING = {"connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
SENDABLE: Shape = {**TEXT, "pattern": r"^[\t -~\u00a0-\u00ff]*$"}
OBJECT_OR_TEXT: Shape = {"anyOf": [SENDABLE, {"type": "object"}]}


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderName:
    @property
    def shape(self) -> Shape:
        return {**TEXT, "pattern": f"^{TOKEN.pattern}$"}

    def read(self, value: Any, *, is_form: bool) -> str:
        name = Text(blank=False).read(value, is_form=is_form)
        if not TOKEN.fullmatch(name):
            raise InvalidError("This is no name of a header.")
        if name.lower() in FRAMING:
            raise InvalidError("This header is the server's own.")
        return name


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderValue:
    objects: bool  # whether it may be a JSON object too; in a form that is JSON in the text

    @property
    def shape(self) -> Shape:
        return OBJECT_OR_TEXT if self.objects else SENDABLE

    def read(self, value: Any, *, is_form: bool) -> str | Mapping[str, Any]:
        given = _as_object(value) if self.objects else None
        text = json.dumps(given) if given is not None else Text().read(value, is_form=is_form)
        if UNSENDABLE.search(text):
            raise InvalidError("A header cannot hold these characters.")
        return text if given is None else given


async def show_all(call: Call) -> Response:
    owner = owner_of(webapp_of(call))
    return reply([_shown(each) for each in call.account.store.all(HEADER, owner=owner)])


async def create(call: Call) -> Response:
    """Posting the same again makes a second one."""
    webapp = webapp_of(call)
    body = await call.fields(_changes(call.account).fields, required=REQUIRED)
    return reply(_shown(call.account.store.add(HEADER, body, owner=owner_of(webapp))), 201)


async def show(call: Call) -> Response:
    return reply(_shown(_header_of(call)))


async def replace(call: Call) -> Response:
    return await _update(call, _whole(call.account))


async def change(call: Call) -> Response:
    return await _update(call, _changes(call.account))


async def delete(call: Call) -> Response:
    call.account.store.remove(_header_of(call))
    return Response(status_code=204)


async def _update(call: Call, body: Body) -> Response:
    header = _header_of(call)
    values = await call.fields(body.fields, required=body.required)
    return reply(_shown(call.account.store.change(header, {**header.body, **values})))


def _header_of(call: Call) -> Record:
    webapp = webapp_of(call)
    header = call.account.store.get(HEADER, call.params["id"])
    if header is None or header.owner != owner_of(webapp):
        raise detail(404, NOT_FOUND)
    return header


def _changes(account: Account) -> Body:
    objects = account.switches.static_header_value == "object"
    value = HeaderValue(objects=objects)
    return Body(fields={"url": Text(blank=False), "name": HeaderName(), "value": value})


def _whole(account: Account) -> Body:
    return Body(fields=_changes(account).fields, required=REQUIRED)


def _as_object(value: Any) -> Mapping[str, Any] | None:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, dict) else None


def _shown(header: Record) -> dict[str, object]:
    return {"id": header.id, **{name: header.body[name] for name in REQUIRED}}


SHAPE = thing({"id": NUMBER, "url": TEXT, "name": TEXT, "value": OBJECT_OR_TEXT})
ENDPOINTS = (
    Endpoint(
        name="webapps/{domain}/static_headers/",
        handlers={"GET": show_all, "POST": create},
        takes={"POST": _whole},
        gives={"GET": {200: listing(SHAPE)}, "POST": {201: SHAPE}},
    ),
    Endpoint(
        name="webapps/{domain}/static_headers/{id}/",
        handlers={"GET": show, "PUT": replace, "PATCH": change, "DELETE": delete},
        takes={"PUT": _whole, "PATCH": _changes},
        gives={"GET": {200: SHAPE}, "PUT": {200: SHAPE}, "PATCH": {200: SHAPE}, "DELETE": {204: None}},
    ),
)
