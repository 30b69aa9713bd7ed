"""`websites/` of version 1: sites whose server is a command that listens on `${DOMAIN_SOCKET}`.

The help pages ASGIAPI and ASGICommandLine describe them as experimental. They have no static mappings.
"""

from typing import Any

from starlette.responses import Response

from deployer.sandbox.bodies import Data, read
from deployer.sandbox.domains import Domain
from deployer.sandbox.endpoint import Call, Endpoint
from deployer.sandbox.families import site_limit
from deployer.sandbox.families.domain_names import check_new, is_custom
from deployer.sandbox.fields import REQUIRED, Body, Boolean, InvalidError, Kind, Text, check
from deployer.sandbox.hosting.logs import SiteLogs
from deployer.sandbox.replies import FORBIDDEN, NOT_FOUND, OK, RefusalError, detail, page, refusal, reply
from deployer.sandbox.shapes import DONE, FLAG, NUMBER, TEXT, Shape, listing, thing
from deployer.sandbox.store import Record

ENABLED: dict[str, Kind] = {"enabled": Boolean()}
CREATION: dict[str, Kind] = {"domain_name": Text(blank=False), **ENABLED}
NAMED = ("domain_name",)
COMMAND = Text(blank=False)
WEBAPP = Body(fields={"command": COMMAND}, required=("command",))


async def show_all(call: Call) -> Response:
    return reply([_shown(call, each) for each in call.account.websites.all()])


async def create(call: Call) -> Response:
    account = call.account
    data = await read(call.request)
    values = check(data, CREATION, required=NAMED)
    command = _command(data)
    domain = check_new(call, values["domain_name"])
    if not site_limit.allows_another(call):
        raise refusal(400, {"non_field_errors": [site_limit.refusal_text(call)]})
    website = await account.websites.create(
        domain, command, enabled=values.get("enabled", True), hidden_s=call.switches.new_website_hidden_s
    )
    return reply(_shown(call, website), 201)


async def show(call: Call) -> Response:
    return reply(_shown(call, _website_of(call)))


async def change(call: Call) -> Response:
    """Only `enabled`: for another command the website has to be made anew (help page ASGIAPI)."""
    website = _website_of(call)
    values = await call.fields(ENABLED)
    if "enabled" in values:
        website = await set_enabled(call, website, enabled=values["enabled"])
    return reply(_shown(call, website))


async def delete(call: Call) -> Response:
    await call.account.websites.delete(_website_of(call))
    return Response(status_code=204)


async def reload(call: Call) -> Response:
    """A server that does not come up is no error. That a disabled website's is one is known of web apps."""
    website = _website_of(call)
    if not website.body["enabled"]:
        return page(500, "This website is disabled.")
    await call.account.websites.reload(website)
    return reply(OK)


async def set_enabled(call: Call, website: Record, *, enabled: bool) -> Record:
    """Raises RefusalError where the account has as many sites as it may."""
    if enabled and not website.body["enabled"] and not site_limit.allows_enabling(call):
        raise refusal(400, {"non_field_errors": [site_limit.refusal_text(call)]})
    return await call.account.websites.enable(website, enabled=enabled)


def missing(call: Call) -> RefusalError:
    status = call.switches.missing_website
    return detail(status, NOT_FOUND if status == 404 else FORBIDDEN)


def shown_site_id(call: Call, site: Record) -> int | str:
    """`webapp.id` is a string by the help page's text, and a number in its example."""
    return str(site.id) if call.switches.website_webapp_id == "string" else site.id


def _website_of(call: Call) -> Record:
    website = call.account.websites.find(call.params["domain"])
    if website is None:
        raise missing(call)
    return website


def _command(data: Data) -> str:
    """The command, which JSON has in an object `webapp`, and a form under the name `webapp.command`."""
    webapp = data.fields.get("webapp")
    if data.is_form:
        webapp = {name.removeprefix("webapp."): value for name, value in data.fields.items()}
    if webapp is None:
        raise refusal(400, {"webapp": [REQUIRED]})
    if not isinstance(webapp, dict):
        text = f"Invalid data. Expected a dictionary, but got {type(webapp).__name__}."
        raise refusal(400, {"webapp": {"non_field_errors": [text]}})
    if "command" not in webapp:
        raise refusal(400, {"webapp": {"command": [REQUIRED]}})
    try:
        return COMMAND.read(webapp["command"], is_form=data.is_form)
    except InvalidError as error:
        raise refusal(400, {"webapp": {"command": [str(error)]}}) from error


def _shown(call: Call, website: Record) -> dict[str, Any]:
    body, logs = website.body, SiteLogs(call.account.disk, website.body["domain_name"])
    return {
        "id": website.id,
        "user": call.account.user,
        "domain_name": body["domain_name"],
        "enabled": body["enabled"],
        "webapp": {
            "id": shown_site_id(call, website),
            "command": body["command"],
            "domains": [_shown_domain(call, each) for each in call.account.domains.of_site(website)],
        },
        "logfiles": {kind: logs.account_path(kind) for kind in ("access", "server", "error")},
    }


def _shown_domain(call: Call, domain: Domain) -> dict[str, Any]:
    shown = {"domain_name": domain.name, "enabled": domain.enabled}
    if domain.site is None or not is_custom(call, domain.name):
        return shown
    return {**shown, "cname": f"webapp-{domain.site.id}.{call.account.options.platform_domain}"}


SITE_ID: Shape = {"type": ["integer", "string"]}
SHAPE = thing(
    {
        "id": NUMBER,
        "user": TEXT,
        "domain_name": TEXT,
        "enabled": FLAG,
        "webapp": thing(
            {
                "id": SITE_ID,
                "command": TEXT,
                "domains": listing(
                    thing({"domain_name": TEXT, "enabled": FLAG, "cname": TEXT}, optional=("cname",))
                ),
            }
        ),
        "logfiles": thing({"access": TEXT, "server": TEXT, "error": TEXT}),
    }
)
ENDPOINTS = (
    Endpoint(
        version="v1",
        name="websites/",
        handlers={"GET": show_all, "POST": create},
        unslashed=("POST",),
        takes={"POST": Body(fields=CREATION, required=NAMED, within={"webapp": WEBAPP})},
        gives={"GET": {200: listing(SHAPE)}, "POST": {201: SHAPE}},
    ),
    Endpoint(
        version="v1",
        name="websites/{domain}/",
        handlers={"GET": show, "PATCH": change, "DELETE": delete},
        takes={"PATCH": Body(fields=ENABLED)},
        gives={"GET": {200: SHAPE}, "PATCH": {200: SHAPE}, "DELETE": {204: None}},
    ),
    Endpoint(
        version="v1",
        name="websites/{domain}/reload/",
        handlers={"POST": reload},
        unslashed=("POST",),
        gives={"POST": {200: DONE}},
    ),
)
