"""A website of version 1 of the platform's API, which a command serves."""

from collections.abc import Iterator

from deployer.model.actions import Action, CreateWebsite, DeleteWebApp, DeleteWebsite, SwitchWebsite
from deployer.model.site import Site
from deployer.planning.settings.facts import InDoubt, LiveSettings


def plan_website(site: Site, doubt: InDoubt, live: LiveSettings) -> Iterator[Action]:
    """Only `enabled` can be changed (help page "ASGIAPI"): another command makes another website."""
    command = site.command or ""
    enabled = site.enabled is not False
    reason = f"the account has no such website; its command is {command}"
    if live.other_kind:
        why = (
            "the domain becomes a website that a command serves (--overwrite); nothing answers until that is "
            "there. The platform keeps its WSGI file in /var/www, under another name"
        )
        yield DeleteWebApp(subject=site.domain, reason=why)
    if live.exists:
        if live.command == command:
            if doubt.enabled and live.enabled != site.enabled:
                why = f"enabled = {str(enabled).lower()}"
                yield SwitchWebsite(subject=site.domain, enabled=enabled, reason=why)
            return
        reason = f"its command is {command}"
        why = "the platform changes no command; the site is down for some seconds until it is made anew"
        yield DeleteWebsite(subject=site.domain, reason=why)
        if site.enabled is None and live.enabled is not None:
            enabled = live.enabled
    yield CreateWebsite(subject=site.domain, command=command, enabled=enabled, reason=reason)
