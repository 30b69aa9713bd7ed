"""`webapps/{domain}/static_files/`: which URLs the web server answers from files. Shown after a reload."""

from collections.abc import Mapping

from starlette.responses import Response

from deployer.sandbox.endpoint import Call, Endpoint
from deployer.sandbox.families.webapps import webapp_of
from deployer.sandbox.fields import Body, Kind, Text
from deployer.sandbox.replies import NOT_FOUND, detail, refusal, reply
from deployer.sandbox.shapes import NUMBER, TEXT, listing, thing
from deployer.sandbox.sites import MAPPING, owner_of
from deployer.sandbox.store import Record

# Neither is checked much: a public test suite once stored a URL with spaces and no slash, and a file as path.
FIELDS: Mapping[str, Kind] = {"url": Text(blank=False), "path": Text(blank=False)}
REQUIRED = ("url", "path")


async def show_all(call: Call) -> Response:
    mappings = call.account.sites.mappings(webapp_of(call))
    return reply([_shown(each) for each in mappings])


async def create(call: Call) -> Response:
    """Posting the same again makes a second mapping, which is why the vendor's deployer lists first."""
    webapp = webapp_of(call)
    body = _stored(call, await call.fields(FIELDS, required=REQUIRED))
    store = call.account.store
    if call.switches.static_duplicates == "refused":
        known = [dict(each.body) for each in store.all(MAPPING, owner=owner_of(webapp))]
        if body in known:
            raise refusal(400, {"non_field_errors": ["The fields url, path must make a unique set."]})
    return reply(_shown(store.add(MAPPING, body, owner=owner_of(webapp))), 201)


async def show(call: Call) -> Response:
    return reply(_shown(_mapping_of(call)))


async def replace(call: Call) -> Response:
    return await _update(call, required=REQUIRED)


async def change(call: Call) -> Response:
    return await _update(call, required=())


async def delete(call: Call) -> Response:
    call.account.store.remove(_mapping_of(call))
    return Response(status_code=204)


async def _update(call: Call, *, required: tuple[str, ...]) -> Response:
    mapping = _mapping_of(call)
    values = _stored(call, await call.fields(FIELDS, required=required))
    return reply(_shown(call.account.store.change(mapping, {**mapping.body, **values})))


def _mapping_of(call: Call) -> Record:
    webapp = webapp_of(call)
    mapping = call.account.store.get(MAPPING, call.params["id"])
    if mapping is None or mapping.owner != owner_of(webapp):
        raise detail(404, NOT_FOUND)
    return mapping


def _stored(call: Call, values: dict[str, str]) -> dict[str, str]:
    if call.switches.static_urls == "slash-added" and "url" in values:
        values["url"] = values["url"].rstrip("/") + "/"
    return values


def _shown(mapping: Record) -> dict[str, object]:
    return {"id": mapping.id, "url": mapping.body["url"], "path": mapping.body["path"]}


SHAPE = thing({"id": NUMBER, "url": TEXT, "path": TEXT})
ENDPOINTS = (
    Endpoint(
        name="webapps/{domain}/static_files/",
        handlers={"GET": show_all, "POST": create},
        takes={"POST": Body(fields=FIELDS, required=REQUIRED)},
        gives={"GET": {200: listing(SHAPE)}, "POST": {201: SHAPE}},
    ),
    Endpoint(
        name="webapps/{domain}/static_files/{id}/",
        handlers={"GET": show, "PUT": replace, "PATCH": change, "DELETE": delete},
        takes={"PUT": Body(fields=FIELDS, required=REQUIRED), "PATCH": Body(fields=FIELDS)},
        gives={"GET": {200: SHAPE}, "PUT": {200: SHAPE}, "PATCH": {200: SHAPE}, "DELETE": {204: None}},
    ),
)
