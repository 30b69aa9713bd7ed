"""`domains/` of version 1: the account's names, where they lead, and their certificates.

The help page had them for one day (2024-08-01). Fields and methods are known from there; what they answer is
not public, so the shapes are those of the fields.
"""

import sys
from typing import Any

from starlette.responses import Response

from deployer.sandbox.domains import Domain
from deployer.sandbox.endpoint import Call, Endpoint
from deployer.sandbox.families.domain_names import check_new
from deployer.sandbox.families.ssl import (
    GIVES,
    TAKES,
    delete_certificate,
    install_certificate,
    show_certificate,
)
from deployer.sandbox.families.websites import SITE_ID, missing, set_enabled, shown_site_id
from deployer.sandbox.fields import Body, Boolean, Kind, Number, Text
from deployer.sandbox.replies import FORBIDDEN, detail, refusal, reply
from deployer.sandbox.shapes import FLAG, NUMBER, TEXT, listing, thing
from deployer.sandbox.sites import WEBAPP
from deployer.sandbox.websites import WEBSITE

CHANGES: dict[str, Kind] = {"enabled": Boolean(), "webapp": Number(most=sys.maxsize, null=True)}
CREATION: dict[str, Kind] = {"domain_name": Text(blank=False), **CHANGES}
REQUIRED = ("domain_name",)


async def show_all(call: Call) -> Response:
    return reply([_shown(call, each) for each in call.account.domains.all()])


async def create(call: Call) -> Response:
    """A further name for a web app or website, `webapp`; without one it leads nowhere so far."""
    values = await call.fields(CREATION, required=REQUIRED)
    _check_site(call, values)
    name = check_new(call, values["domain_name"])
    domain = call.account.domains.add(name, enabled=values.get("enabled", True), site=values.get("webapp"))
    return reply(_shown(call, domain), 201)


async def show(call: Call) -> Response:
    return reply(_shown(call, _domain_of(call)))


async def change(call: Call) -> Response:
    """A site's own domain cannot lead elsewhere, and only a website is enabled here."""
    domain = _domain_of(call)
    values = await call.fields(CHANGES)
    account = call.account
    if domain.is_further:
        _check_site(call, values)
        leads_to = values.get("webapp", domain.record.body["webapp"])
        enabled = values.get("enabled", domain.enabled)
        return reply(_shown(call, account.domains.change(domain, enabled=enabled, site=leads_to)))
    if values.get("webapp", domain.record.id) != domain.record.id:
        raise refusal(400, {"webapp": ["This is the own domain of a site."]})
    if values.get("enabled", domain.enabled) != domain.enabled:
        if not domain.to_website:
            raise detail(403, FORBIDDEN)
        await set_enabled(call, domain.record, enabled=values["enabled"])
    return reply(_shown(call, _domain_of(call)))


async def delete(call: Call) -> Response:
    """A site's own domain goes with the site."""
    domain = _domain_of(call)
    if not domain.is_further:
        raise detail(403, FORBIDDEN)
    call.account.domains.remove(domain)
    return Response(status_code=204)


async def show_ssl(call: Call) -> Response:
    return show_certificate(call, _domain_of(call).name)


async def install_ssl(call: Call) -> Response:
    return await install_certificate(call, _domain_of(call).name)


async def delete_ssl(call: Call) -> Response:
    return delete_certificate(call, _domain_of(call).name)


def _domain_of(call: Call) -> Domain:
    domain = call.account.domains.find(call.params["domain"])
    if domain is None:
        raise missing(call)
    return domain


def _check_site(call: Call, values: dict[str, Any]) -> None:
    site = values.get("webapp")
    if site is None:
        return
    store = call.account.store
    if not (store.get(WEBAPP, str(site)) or store.get(WEBSITE, str(site))):
        raise refusal(400, {"webapp": [f'Invalid pk "{site}" - object does not exist.']})


def _shown(call: Call, domain: Domain) -> dict[str, Any]:
    return {
        "id": domain.record.id,
        "user": call.account.user,
        "domain_name": domain.name,
        "enabled": domain.enabled,
        "webapp": shown_site_id(call, domain.site) if domain.site else None,
    }


SHAPE = thing(
    {
        "id": NUMBER,
        "user": TEXT,
        "domain_name": TEXT,
        "enabled": FLAG,
        "webapp": {"anyOf": [SITE_ID, {"type": "null"}]},
    }
)
ENDPOINTS = (
    Endpoint(
        version="v1",
        name="domains/",
        handlers={"GET": show_all, "POST": create},
        takes={"POST": Body(fields=CREATION, required=REQUIRED)},
        gives={"GET": {200: listing(SHAPE)}, "POST": {201: SHAPE}},
    ),
    Endpoint(
        version="v1",
        name="domains/{domain}/",
        handlers={"GET": show, "PATCH": change, "DELETE": delete},
        takes={"PATCH": Body(fields=CHANGES)},
        gives={"GET": {200: SHAPE}, "PATCH": {200: SHAPE}, "DELETE": {204: None}},
    ),
    Endpoint(
        version="v1",
        name="domains/{domain}/ssl/",
        handlers={"GET": show_ssl, "POST": install_ssl, "DELETE": delete_ssl},
        takes=TAKES,
        gives=GIVES,
    ),
)
