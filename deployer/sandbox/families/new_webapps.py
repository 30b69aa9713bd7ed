"""`webapps/`: the account's web apps, and creating one."""

import calendar
from collections.abc import Mapping
from datetime import date
from typing import Any

from starlette.responses import Response

from deployer.sandbox.endpoint import Call, Endpoint
from deployer.sandbox.families import domain_names, site_limit
from deployer.sandbox.families.webapps import SHAPE, shown
from deployer.sandbox.fields import Body, Kind, Text
from deployer.sandbox.replies import FORBIDDEN, OK, RefusalError, detail, refusal, reply
from deployer.sandbox.shapes import DONE, listing
from deployer.sandbox.sites import WEBAPP, wsgi_path

CREATION: Mapping[str, Kind] = {"domain_name": Text(blank=False), "python_version": Text(blank=False)}
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
    return reply([shown(call, each) for each in call.account.store.all(WEBAPP)])


async def create(call: Call) -> Response:
    """Answers 201 by the vendor's tests, 200 by other clients; `text/json` is what pypawapi saw."""
    account = call.account
    values = await call.fields(CREATION, required=tuple(CREATION))
    domain = values["domain_name"]
    version = _dotted(call, values["python_version"])
    _check_domain(call, domain)
    if not site_limit.allows_another(call):
        raise _refused(call, "non_field_errors", site_limit.refusal_text(call))
    template = WSGI_TEMPLATE.format(domain=domain, home=account.disk.home)
    account.disk.write(wsgi_path(domain), template.encode())
    webapp = account.store.add(WEBAPP, _new(call, domain, version))
    await account.sites.load(webapp)
    return reply(OK, call.switches.webapp_create_status, media_type="text/json")


def _dotted(call: Call, spelling: str) -> str:
    """`python310`, as creation spells it, in the spelling of everything else: `3.10`."""
    known = {f"python{version.replace('.', '')}": version for version in call.account.options.python_versions}
    if spelling not in known:
        raise _refused(call, "python_version", f'"{spelling}" is not a valid choice.')
    return known[spelling]


def _check_domain(call: Call, domain: str) -> None:
    """That a website or a further domain holds the name is 403, by the vendor's MCP server."""
    match domain_names.problem(call, domain):
        case ("name", text):
            raise _refused(call, "domain_name", text)
        case ("plan", text):
            raise _domain_name_error(text)
    if call.account.sites.find(domain) or domain_names.is_others(call, domain):
        raise _refused(call, "domain_name", "webapp with this domain name already exists.")
    if call.account.domains.find(domain):
        raise detail(403, FORBIDDEN)


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
        "domain_name": domain_names.spelling(call, domain),
        "python_version": version,
        "source_directory": home if call.switches.new_webapp_source == "home" else "",
        "working_directory": f"{home}/",
        "virtualenv_path": "",
        "expiry": _in_a_month(call.account.clock.today()).isoformat() if _expires(call) else None,
        "enabled": True,
        "force_https": False,
        "password_protection_enabled": False,
        "password_protection_username": "",
        "password_protection_password": "",
    }


def _expires(call: Call) -> bool:
    rule = call.switches.webapp_expiry
    return rule == "always" or (rule == "free" and call.account.options.limits.expires)


def _in_a_month(day: date) -> date:
    year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


ENDPOINTS = (
    Endpoint(
        name="webapps/",
        handlers={"GET": show_all, "POST": create},
        takes={"POST": Body(fields=CREATION, required=tuple(CREATION))},
        gives={"GET": {200: listing(SHAPE)}, "POST": {201: DONE, 200: DONE}},
    ),
)
