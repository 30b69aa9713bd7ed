"""Taking back what a commit that failed has changed of the web app and the one before it does not name."""

from dataclasses import fields, replace

from deployer.model.actions import ConfigureWebApp
from deployer.model.plan import Plan
from deployer.model.site import Site, WebAppSettings
from deployer.planning.settings.facts import LiveSettings

_LOCK = frozenset({"password_protection_enabled", "password_protection_username"})


def webapp_before(live: LiveSettings, plan: Plan) -> WebAppSettings | None:
    """What the plan is about to change of the web app, as it is now; None: nothing, or no web app was there.

    A password that visitors had to give before cannot be put back: nobody here knows it.
    """
    changed = {
        name for action in plan.actions if isinstance(action, ConfigureWebApp) for name, _ in action.changes
    }
    if live.webapp.password_protection_enabled:
        changed -= _LOCK
    if not live.exists or not changed:
        return None
    return WebAppSettings(**{name: getattr(live.webapp, name) for name in changed})


def put_back_webapp(site: Site, before: WebAppSettings) -> Site:
    """The site as its commit describes it, and as it was where that says nothing."""
    unsaid = {
        field.name: getattr(before, field.name)
        for field in fields(WebAppSettings)
        if getattr(site.webapp, field.name) is None
    }
    return replace(site, webapp=replace(site.webapp, **unsaid))
