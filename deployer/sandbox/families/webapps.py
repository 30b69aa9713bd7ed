"""`webapps/{domain}/`: one web app, its settings, and reloading it."""

from typing import Any

from starlette.responses import Response

from deployer.sandbox.account import Account
from deployer.sandbox.disk import OutsideAccountError
from deployer.sandbox.endpoint import Call, Endpoint
from deployer.sandbox.families import domain_names
from deployer.sandbox.fields import Body, Boolean, Choice, Kind, Text
from deployer.sandbox.hosting import ReloadTimeout
from deployer.sandbox.replies import FORBIDDEN, NOT_FOUND, OK, Stall, detail, page, refusal, reply
from deployer.sandbox.shapes import DONE, FLAG, NUMBER, TEXT, TEXT_OR_NULL, thing
from deployer.sandbox.sites import HEADER, MAPPING, is_enabled, owner_of, wsgi_path
from deployer.sandbox.store import Record

PATHS = ("source_directory", "working_directory", "virtualenv_path")


async def show(call: Call) -> Response:
    return reply(shown(call, webapp_of(call)))


async def replace(call: Call) -> Response:
    return await _update(call, webapp_of(call), _replacement(call.account))


async def change(call: Call) -> Response:
    return await _update(call, webapp_of(call), _changes(call.account))


async def delete(call: Call) -> Response:
    """The WSGI file is backed up in /var/www and the code is not touched (help page API)."""
    webapp = webapp_of(call)
    account, domain = call.account, webapp.body["domain_name"]
    account.store.remove(webapp)
    await account.sites.remove(domain)
    wsgi = account.disk.real(wsgi_path(domain))
    if wsgi.exists():
        account.disk.write(f"{wsgi_path(domain)}.bak", wsgi.read_bytes())
        if call.switches.deleted_webapp_wsgi == "moved":
            account.disk.remove(wsgi)
    if call.switches.deleted_webapp_mappings == "dropped":
        for kind in (MAPPING, HEADER):
            for record in account.store.all(kind, owner=owner_of(webapp)):
                account.store.remove(record)
    if call.switches.deleted_webapp_logs == "removed":
        for log in account.disk.real("/var/log").glob(f"{domain.lower()}.*.log*"):
            account.disk.remove(log)
    return Response(status_code=204)


async def reload(call: Call) -> Response:
    """One request is made to the site, with a limit of 20 s (help page ErrorReloadingWebApp).

    What is answered beyond the limit is not public. That the site is broken is no error here; that it is
    disabled is one (pypawapi).
    """
    webapp = webapp_of(call)
    if not is_enabled(webapp):
        return page(500, "This web app is disabled.")
    try:
        await call.account.sites.reload(webapp)
    except ReloadTimeout:
        slow = call.switches.slow_reload
        return Stall() if slow == "hang" else page(int(slow), "The site took too long to answer.")
    if domain_names.is_custom(call, webapp.body["domain_name"]) and call.switches.cname == "missing":
        raise refusal(409, {"status": "error", "error": "cname_error"})
    return reply(OK)


def webapp_of(call: Call) -> Record:
    """The web app that the URL names. Raises RefusalError with the status that a missing one has."""
    webapp = call.account.sites.find(call.params["domain"])
    if webapp is None:
        missing = call.switches.missing_webapp
        raise detail(missing, NOT_FOUND if missing == 404 else FORBIDDEN)
    return webapp


def shown(call: Call, webapp: Record) -> dict[str, Any]:
    body = {"id": webapp.id, "user": call.account.user, **webapp.body, "enabled": is_enabled(webapp)}
    if not call.switches.webapp_shows_enabled:
        del body["enabled"]
    return body


async def _update(call: Call, webapp: Record, body: Body) -> Response:
    values = await call.fields(body.fields, required=body.required)
    if call.switches.webapp_paths == "must-exist":
        _check_paths(call, values)
    return reply(shown(call, call.account.store.change(webapp, {**webapp.body, **values})))


def _changes(account: Account) -> Body:
    fields: dict[str, Kind] = {
        "python_version": Choice(choices=account.options.python_versions),
        **dict.fromkeys(PATHS, Text()),
        "force_https": Boolean(),
        "password_protection_enabled": Boolean(),
        "password_protection_username": Text(),
        "password_protection_password": Text(),
    }
    return Body(fields=fields)


def _replacement(account: Account) -> Body:
    fields = _changes(account).fields
    required = {"python_version": ("python_version",), "everything": tuple(fields), "nothing": ()}
    return Body(fields=fields, required=required[account.switches.webapp_put_requires])


def _check_paths(call: Call, values: dict[str, Any]) -> None:
    errors = {}
    for name in PATHS:
        path = values.get(name)
        if not path:
            continue
        try:
            exists = call.account.disk.real(path).is_dir()
        except (OutsideAccountError, OSError):  # OSError: a name that no disk could hold
            exists = False
        if not exists:
            errors[name] = [f"{path} does not exist"]
    if errors:
        raise refusal(400, errors)


SHAPE = thing(
    {
        "id": NUMBER,
        "user": TEXT,
        "domain_name": TEXT,
        "python_version": TEXT,
        **dict.fromkeys(PATHS, TEXT),
        "expiry": TEXT_OR_NULL,
        "force_https": FLAG,
        "password_protection_enabled": FLAG,
        "password_protection_username": TEXT,
        "password_protection_password": TEXT,
        "enabled": FLAG,
    },
    optional=("enabled",),
)
ENDPOINTS = (
    Endpoint(
        name="webapps/{domain}/",
        handlers={"GET": show, "PUT": replace, "PATCH": change, "DELETE": delete},
        takes={"PUT": _replacement, "PATCH": _changes},
        gives={"GET": {200: SHAPE}, "PUT": {200: SHAPE}, "PATCH": {200: SHAPE}, "DELETE": {204: None}},
    ),
    Endpoint(name="webapps/{domain}/reload/", handlers={"POST": reload}, gives={"POST": {200: DONE}}),
)
