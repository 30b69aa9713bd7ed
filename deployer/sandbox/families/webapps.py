"""`webapps/`: web apps, their settings, and reloading them."""

import calendar
import re
from datetime import UTC, date, datetime
from typing import Any

from starlette.responses import Response

from deployer.sandbox.disk import OutsideAccountError
from deployer.sandbox.endpoint import Call, Endpoint
from deployer.sandbox.fields import Boolean, Choice, Kind, Text
from deployer.sandbox.hosting import ReloadTimeout
from deployer.sandbox.replies import (
    FORBIDDEN,
    NOT_FOUND,
    OK,
    RefusalError,
    Stall,
    detail,
    page,
    refusal,
    reply,
)
from deployer.sandbox.sites import MAPPING, WEBAPP, owner_of, wsgi_path
from deployer.sandbox.store import Record

CREATION = {"domain_name": Text(blank=False), "python_version": Text(blank=False)}
PATHS = ("source_directory", "working_directory", "virtualenv_path")
NO_CUSTOM_DOMAINS = "You do not have permission to create webapps on custom domains. Please upgrade"
# The platform's own limit is not public. A file's name has at most 255 bytes, and the longest one that a
# domain is part of ends in `_wsgi.py.bak`.
LONGEST_DOMAIN = 255 - len("_wsgi.py.bak")
# Nobody has published what `error_type` says when it is not about the domain's name: this marks the guess.
MADE_UP_TYPE = "sandbox_made_up_error"

WSGI_TEMPLATE = '''\
# This file is run by the web server for {domain}. It has to define `application`.
# To serve a project from somewhere else, put its directory on sys.path and import its application:
#
# import sys
# sys.path.insert(0, "{home}/mysite")
# from mysite.wsgi import application

PAGE = """<!DOCTYPE html>
<html><head><title>{domain}</title></head>
<body><h1>Hello from {domain}</h1><p>This web app is new: nothing is deployed to it yet.</p></body></html>
"""


def application(environ, start_response):
    if environ.get("PATH_INFO") != "/":
        start_response("404 NOT FOUND", [("Content-Type", "text/html")])
        return [b"Page Not Found"]
    start_response("200 OK", [("Content-Type", "text/html")])
    return [PAGE.encode("utf-8")]
'''


async def show_all(call: Call) -> Response:
    return reply([_shown(call, each) for each in call.account.store.all(WEBAPP)])


async def create(call: Call) -> Response:
    """Answers 201 by the vendor's tests, 200 by other clients; `text/json` is what pypawapi saw."""
    account = call.account
    values = await call.fields(CREATION, required=tuple(CREATION))
    domain = values["domain_name"]
    version = _dotted(call, values["python_version"])
    _check_domain(call, domain)
    if len(account.store.all(WEBAPP)) >= account.options.webapp_limit:
        text = "You cannot create any more webapps - your account only allows"
        raise _refused(call, "non_field_errors", f"{text} {account.options.webapp_limit}")
    template = WSGI_TEMPLATE.format(domain=domain, home=account.disk.home)
    account.disk.write(wsgi_path(domain), template.encode())
    webapp = account.store.add(WEBAPP, _new(call, domain, version))
    await account.sites.load(webapp, call.switches.static_order)
    return reply(OK, call.switches.webapp_create_status, media_type="text/json")


async def show(call: Call) -> Response:
    return reply(_shown(call, webapp_of(call)))


async def replace(call: Call) -> Response:
    webapp = webapp_of(call)
    fields = _fields(call)
    required = {"python_version": ("python_version",), "everything": tuple(fields), "nothing": ()}
    return await _update(call, webapp, required[call.switches.webapp_put_requires])


async def change(call: Call) -> Response:
    return await _update(call, webapp_of(call), ())


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
        for mapping in account.store.all(MAPPING, owner=owner_of(webapp)):
            account.store.remove(mapping)
    if call.switches.deleted_webapp_logs == "removed":
        for log in account.disk.real("/var/log").glob(f"{domain.lower()}.*.log*"):
            account.disk.remove(log)
    return Response(status_code=204)


async def reload(call: Call) -> Response:
    """One request is made to the site, with a limit of 20 s (help page ErrorReloadingWebApp).

    What is answered beyond the limit is not public. That the site is broken is no error here.
    """
    webapp = webapp_of(call)
    try:
        await call.account.sites.reload(webapp, call.switches.static_order)
    except ReloadTimeout:
        slow = call.switches.slow_reload
        return Stall() if slow == "hang" else page(int(slow), "The site took too long to answer.")
    if is_custom(call, webapp.body["domain_name"]) and call.switches.cname == "missing":
        raise refusal(409, {"status": "error", "error": "cname_error"})
    return reply(OK)


def webapp_of(call: Call) -> Record:
    """The web app that the URL names. Raises RefusalError with the status that a missing one has."""
    webapp = call.account.sites.find(call.params["domain"])
    if webapp is None:
        missing = call.switches.missing_webapp
        raise detail(missing, NOT_FOUND if missing == 404 else FORBIDDEN)
    return webapp


def is_custom(call: Call, domain: str) -> bool:
    return not domain.lower().endswith("." + call.account.options.platform_domain)


async def _update(call: Call, webapp: Record, required: tuple[str, ...]) -> Response:
    values = await call.fields(_fields(call), required=required)
    if call.switches.webapp_paths == "must-exist":
        _check_paths(call, values)
    return reply(_shown(call, call.account.store.change(webapp, {**webapp.body, **values})))


def _fields(call: Call) -> dict[str, Kind]:
    return {
        "python_version": Choice(choices=call.account.options.python_versions),
        **dict.fromkeys(PATHS, Text()),
        "force_https": Boolean(),
        "password_protection_enabled": Boolean(),
        "password_protection_username": Text(),
        "password_protection_password": Text(),
    }


def _check_paths(call: Call, values: dict[str, Any]) -> None:
    errors = {}
    for name in PATHS:
        path = values.get(name)
        if not path:
            continue
        try:
            exists = call.account.disk.real(path).is_dir()
        except OutsideAccountError:
            exists = False
        if not exists:
            errors[name] = [f"{path} does not exist"]
    if errors:
        raise refusal(400, errors)


def _dotted(call: Call, spelling: str) -> str:
    """`python310`, as creation spells it, in the spelling of everything else: `3.10`."""
    known = {f"python{version.replace('.', '')}": version for version in call.account.options.python_versions}
    if spelling not in known:
        raise _refused(call, "python_version", f'"{spelling}" is not a valid choice.')
    return known[spelling]


def _check_domain(call: Call, domain: str) -> None:
    options = call.account.options
    lowered = domain.lower()
    own = f"{options.user}.{options.platform_domain}"
    may_have_more = options.limits.custom_domains
    if len(domain) > LONGEST_DOMAIN or not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", lowered):
        raise _refused(call, "domain_name", f"{domain} is not a domain name")
    if is_custom(call, domain):
        if not may_have_more:
            raise _domain_name_error(NO_CUSTOM_DOMAINS)
    elif lowered != own.lower() and not (may_have_more and lowered.endswith(f"-{own.lower()}")):
        raise _domain_name_error(f"The only .pythonanywhere.com address you can register is {own}")
    if call.account.sites.find(domain) or lowered in map(str.lower, call.switches.taken_domains):
        raise _refused(call, "domain_name", "webapp with this domain name already exists.")


def _domain_name_error(text: str) -> RefusalError:
    return refusal(400, {"status": "ERROR", "error_type": "domain_name_error", "error_message": text})


def _refused(call: Call, field: str, text: str) -> RefusalError:
    """A refusal whose shape nobody has published."""
    if call.switches.webapp_refusal == "field-errors":
        return refusal(400, {field: [text]})
    return refusal(400, {"status": "ERROR", "error_type": MADE_UP_TYPE, "error_message": text})


def _new(call: Call, domain: str, version: str) -> dict[str, Any]:
    home = call.account.disk.home
    return {
        "domain_name": domain.lower() if call.switches.domain_case == "lowered" else domain,
        "python_version": version,
        "source_directory": home if call.switches.new_webapp_source == "home" else "",
        "working_directory": f"{home}/",
        "virtualenv_path": "",
        "expiry": _in_a_month(datetime.now(UTC).date()).isoformat(),
        "force_https": False,
        "password_protection_enabled": False,
        "password_protection_username": "",
        "password_protection_password": "",
    }


def _in_a_month(day: date) -> date:
    year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def _shown(call: Call, webapp: Record) -> dict[str, Any]:
    shown = {"id": webapp.id, "user": call.account.user, **webapp.body}
    return {**shown, "enabled": True} if call.switches.webapp_shows_enabled else shown


ENDPOINTS = (
    Endpoint(name="webapps/", handlers={"GET": show_all, "POST": create}),
    Endpoint(
        name="webapps/{domain}/", handlers={"GET": show, "PUT": replace, "PATCH": change, "DELETE": delete}
    ),
    Endpoint(name="webapps/{domain}/reload/", handlers={"POST": reload}),
)
