"""The platform's answers in the words of the model: the site and its settings as they are now."""

from dataclasses import dataclass
from typing import Any

from deployer.deployment.lists import CALLS, read_mappings, read_tasks
from deployer.deployment.site_work import SiteWork
from deployer.errors import ApiError, NoAnswer, NotFound, Temporary
from deployer.events import log
from deployer.model.site import Site, WebAppSettings
from deployer.planning.settings import InDoubt, LiveSettings
from deployer.pythonanywhere import PythonAnywhere, WebApp, Website

__all__ = [
    "find_webapp",
    "find_website",
    "is_website",
    "read_mappings",
    "read_settings",
    "read_tasks",
    "read_wsgi",
    "webapp_settings",
]


def read_settings(work: SiteWork, doubt: InDoubt, *, ahead: bool = True) -> LiveSettings:
    """Read the families in doubt; nothing at all while settings are as recorded.

    Not `ahead`: what is in the way of a new web app is for its creation to find out.
    """
    site, api = work.site, work.api
    seen = _Seen()
    if doubt.webapp or doubt.wsgi or any(getattr(doubt, name) for name in _hanging()):
        work.reporter.observing(f"{site.domain} itself")
        seen = _look_up(work, ahead=ahead)
    lists: dict[str, Any] = {}
    for name, calls in CALLS.items():
        if getattr(doubt, name) and (seen.exists or calls.listed.of_account):
            work.reporter.observing(f"{calls.listed.word}s")
            lists[name] = calls.read(api, site)
    return LiveSettings(
        exists=seen.exists,
        other_kind=seen.other_kind,
        webapp=webapp_settings(seen.webapp) if seen.webapp else WebAppSettings(),
        command=(seen.website.command or "") if seen.website else None,
        enabled=seen.enabled,
        wsgi=read_wsgi(work) if doubt.wsgi and seen.exists else None,
        virtualenv_exists=_virtualenv_exists(work) if doubt.webapp else None,
        **lists,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What has the site's domain."""

    webapp: WebApp | None = None
    website: Website | None = None
    exists: bool = True
    other_kind: bool = False

    @property
    def enabled(self) -> bool | None:
        site = self.webapp or self.website
        return site.enabled if site else None


def _look_up(work: SiteWork, *, ahead: bool) -> _Seen:
    """One request, and another where the site is not there: a domain is served one way only."""
    site, api = work.site, work.api
    if site.command is not None:
        website = find_website(api, site)
        other = website is None and find_webapp(api, site) is not None
        return _Seen(website=website, exists=website is not None, other_kind=other)
    webapp = find_webapp(api, site)
    other = webapp is None and ahead and is_website(api, site)
    return _Seen(webapp=webapp, exists=webapp is not None, other_kind=other)


def _hanging() -> tuple[str, ...]:
    """The lists that belong to a web app."""
    return tuple(name for name, calls in CALLS.items() if not calls.listed.of_account)


def find_webapp(api: PythonAnywhere, site: Site) -> WebApp | None:
    """By the list: asking for a missing one by name may give 403 or 404, nobody knows which."""
    wanted = site.domain.lower()
    return next((app for app in api.webapps.list() if app.domain_name.lower() == wanted), None)


def find_website(api: PythonAnywhere, site: Site) -> Website | None:
    """As `find_webapp`."""
    wanted = site.domain.lower()
    return next((each for each in api.websites.list() if each.domain_name.lower() == wanted), None)


def is_website(api: PythonAnywhere, site: Site) -> bool:
    """Whether a website stands in the way of a web app.

    The platform calls that part of its API experimental. Where it is not there, or not for this account,
    nothing is lost: the platform itself refuses to create a web app whose domain is taken.
    """
    try:
        return find_website(api, site) is not None
    except ApiError as error:
        if isinstance(error, Temporary) and not isinstance(error, NoAnswer):
            raise
        log.warning("websites_not_known", problem=error.message)
        return False


def webapp_settings(webapp: WebApp) -> WebAppSettings:
    return WebAppSettings(
        python_version=webapp.python_version,
        source_directory=webapp.source_directory,
        working_directory=webapp.working_directory,
        virtualenv_path=webapp.virtualenv_path,
        force_https=webapp.force_https,
        password_protection_enabled=webapp.password_protection_enabled,
        password_protection_username=webapp.password_protection_username,
    )


def read_wsgi(work: SiteWork) -> bytes | None:
    """The WSGI file as it is there; None when there is none."""
    try:
        return work.api.files.read(work.site.wsgi_path)
    except NotFound:
        return None


def _virtualenv_exists(work: SiteWork) -> bool | None:
    path = work.site.webapp.virtualenv_path
    if not path:
        return None
    try:
        work.api.files.list_directory(path)
    except NotFound:
        return False
    return True
