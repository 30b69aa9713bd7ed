"""A web app: there, as it shall be, and on the web or not."""

from collections.abc import Iterator
from dataclasses import fields

from deployer.model.actions import (
    Action,
    ConfigureWebApp,
    CreateWebApp,
    DeleteWebsite,
    DisableWebApp,
    EnableWebApp,
)
from deployer.model.site import Site, WebAppSettings
from deployer.planning.settings.facts import InDoubt, LiveSettings

DEFAULT_PYTHON = "3.13"
"""For a web app that has to be created while `app.python` says nothing: the newest of the platform's
current system image (help page "Python versions")."""


def plan_webapp(site: Site, doubt: InDoubt, live: LiveSettings) -> Iterator[Action]:
    wanted, there = site.webapp, live.webapp
    if live.other_kind:
        reason = "the domain becomes a web app (--overwrite); nothing answers until that is there"
        yield DeleteWebsite(subject=site.domain, reason=reason)
    if not live.exists:
        version = wanted.python_version or DEFAULT_PYTHON
        yield CreateWebApp(
            subject=site.domain, python_version=version, reason="the account has no such web app"
        )
        there = WebAppSettings(python_version=version)
    yield from _configuration(site, doubt, live, there)
    if live.exists:
        yield from _switch(site, doubt, live)
    elif site.enabled is False:
        yield DisableWebApp(subject=site.domain, reason="enabled = false")


def _configuration(
    site: Site, doubt: InDoubt, live: LiveSettings, there: WebAppSettings
) -> Iterator[ConfigureWebApp]:
    changes = setting_changes(site.webapp, there)
    password = wants_password(site.webapp) and (doubt.password or not live.exists)
    if changes or password:
        listed = [*(f"{name} = {_shown(value)}" for name, value in changes), *(["the password"] * password)]
        reason = f"wanted: {', '.join(listed)}"
        yield ConfigureWebApp(subject=site.domain, changes=changes, password=password, reason=reason)


def _shown(value: str | bool) -> str:  # noqa: FBT001 - one of the platform's values
    return str(value)


def _switch(site: Site, doubt: InDoubt, live: LiveSettings) -> Iterator[Action]:
    if not doubt.enabled or site.enabled == live.enabled:
        return
    if site.enabled:
        yield EnableWebApp(subject=site.domain, reason="enabled = true")
    elif site.enabled is False:
        yield DisableWebApp(subject=site.domain, reason="enabled = false")


def wants_password(wanted: WebAppSettings) -> bool:
    return wanted.password_protection_enabled is True


def setting_changes(wanted: WebAppSettings, there: WebAppSettings) -> tuple[tuple[str, str | bool], ...]:
    """Name and wanted value of every setting that is ours and differs."""
    return tuple(
        (name, value)
        for name in (field.name for field in fields(WebAppSettings))
        if (value := getattr(wanted, name)) is not None and not _same_setting(value, getattr(there, name))
    )


def _same_setting(wanted: object, there: object) -> bool:
    """The platform's own samples give directories with and without a final slash."""
    if isinstance(wanted, str) and isinstance(there, str):
        return wanted.rstrip("/") == there.rstrip("/")
    return wanted == there
