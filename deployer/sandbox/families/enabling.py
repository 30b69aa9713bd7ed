"""`webapps/{domain}/disable/` and `enable/`: a web app that is kept, and does not run."""

from starlette.responses import Response

from deployer.sandbox.endpoint import Call, Endpoint
from deployer.sandbox.families import site_limit
from deployer.sandbox.families.webapps import webapp_of
from deployer.sandbox.replies import OK, refusal, reply
from deployer.sandbox.shapes import DONE


async def disable(call: Call) -> Response:
    """Disabling it again changes nothing."""
    account, webapp = call.account, webapp_of(call)
    await account.sites.load(account.store.change(webapp, {**webapp.body, "enabled": False}))
    return reply(OK)


async def enable(call: Call) -> Response:
    """Starts it, without asking it anything."""
    account, webapp = call.account, webapp_of(call)
    if not site_limit.allows_enabling(call):
        raise refusal(400, {"error": site_limit.refusal_text(call)})
    await account.sites.start(account.store.change(webapp, {**webapp.body, "enabled": True}))
    return reply(OK)


ENDPOINTS = (
    Endpoint(name="webapps/{domain}/disable/", handlers={"POST": disable}, gives={"POST": {200: DONE}}),
    Endpoint(name="webapps/{domain}/enable/", handlers={"POST": enable}, gives={"POST": {200: DONE}}),
)
