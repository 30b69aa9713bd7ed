"""What was put there against what is there, piece by piece: for whoever compares all of it at once, and
for whoever does so a little at a time.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from deployer.deployment.lists import CALLS, Calls
from deployer.deployment.live import find_webapp, find_website, webapp_settings
from deployer.deployment.site_work import SiteWork
from deployer.deployment.tls import live_tls
from deployer.errors import ApiError, CredentialsRefused, NotFound, Temporary
from deployer.model.digest import blob_digest
from deployer.model.endpoints import Endpoint
from deployer.model.files import FileEntry
from deployer.model.manifest import AppliedSettings, Manifest
from deployer.model.site import WebAppSettings
from deployer.model.tls import LETSENCRYPT, AppliedTls
from deployer.planning.patterns import PathPatterns
from deployer.planning.settings import setting_changes

Ask = Callable[[Endpoint], None]
"""Called before each request with what it will cost; what it raises ends the comparison."""


class Fault(StrEnum):
    """How something on the server differs from what was put there."""

    MISSING = "missing"
    DIFFERENT = "different content"
    NO_FILE = "no file"
    """A folder stands in its place, or something that cannot be read."""
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is not as it was put there."""

    subject: str
    """A file's path relative to the target, the WSGI file's own, or a setting by name."""
    fault: Fault
    is_file: bool = True

    def __str__(self) -> str:
        return f"{self.subject}: {self.fault}"


def comparable(work: SiteWork, manifest: Manifest) -> dict[str, FileEntry]:
    """The recorded files that the site may not write: path relative to the target -> entry."""
    keep = PathPatterns(work.site.files.keep)
    return {path: entry for path, entry in manifest.files.items() if path not in keep}


def compare_file(work: SiteWork, path: str, digest: str, ask: Ask) -> Fault | None:
    """One download. `path` is absolute on the server."""
    ask(Endpoint.FILES_PATH)
    try:
        content = work.api.files.read(path)
    except NotFound:
        return Fault.MISSING
    except (Temporary, CredentialsRefused):
        raise
    except ApiError:
        return Fault.NO_FILE
    return None if blob_digest(content, like=digest) == digest else Fault.DIFFERENT


def compare_settings(work: SiteWork, manifest: Manifest, ask: Ask) -> Iterator[Difference]:
    """One request per family that we have put something into."""
    applied = manifest.settings
    has_site = applied.webapp is not None or applied.command is not None
    listed = [calls for name, calls in CALLS.items() if getattr(applied, name)]
    if not has_site and not listed:
        return
    work.reporter.observing("settings")
    exists = True
    if has_site or any(not calls.listed.of_account for calls in listed):
        differences = list(_website(work, applied, ask) if applied.command else _webapp(work, applied, ask))
        exists = not any(difference.fault is Fault.MISSING for difference in differences)
        yield from differences
    for calls in listed:
        if exists or calls.listed.of_account:
            yield from _list(work, applied, calls, ask)
    if exists and applied.tls is not None and not applied.tls.is_awaited:
        yield from _certificate(work, applied.tls, ask)


def _webapp(work: SiteWork, applied: AppliedSettings, ask: Ask) -> Iterator[Difference]:
    """The password is not compared: the platform need not show it, and it is nobody's to download."""
    ask(Endpoint.WEBAPPS)
    app = find_webapp(work.api, work.site)
    if app is None:
        yield Difference(subject=f"web app {work.site.domain}", fault=Fault.MISSING, is_file=False)
        return
    names = [name for name, _ in setting_changes(applied.webapp or WebAppSettings(), webapp_settings(app))]
    for name in (*names, *_switched(applied, app.enabled)):
        yield Difference(subject=f"web app: {name}", fault=Fault.CHANGED, is_file=False)


def _website(work: SiteWork, applied: AppliedSettings, ask: Ask) -> Iterator[Difference]:
    ask(Endpoint.WEBSITES)
    website = find_website(work.api, work.site)
    if website is None:
        yield Difference(subject=f"website {work.site.domain}", fault=Fault.MISSING, is_file=False)
        return
    names = ["command"] if website.command != applied.command else []
    for name in (*names, *_switched(applied, website.enabled)):
        yield Difference(subject=f"website: {name}", fault=Fault.CHANGED, is_file=False)


def _switched(applied: AppliedSettings, enabled: bool | None) -> tuple[str, ...]:  # noqa: FBT001 - a fact
    """Where we said whether the site is on the web, and the platform says otherwise, or nothing at all."""
    if applied.enabled is None or enabled is None or applied.enabled == enabled:
        return ()
    return ("enabled",)


def _list(work: SiteWork, applied: AppliedSettings, calls: Calls[Any], ask: Ask) -> Iterator[Difference]:
    ask(calls.endpoint)
    listed = calls.listed
    there = {item.id: item.thing for item in calls.read(work.api, work.site)}
    for item in getattr(applied, listed.name):
        thing = there.get(item.id)
        if thing is None or not listed.same(thing, item.thing):
            fault = Fault.MISSING if thing is None else Fault.CHANGED
            yield Difference(subject=f"{listed.word} {listed.title(item.thing)}", fault=fault, is_file=False)


def _certificate(work: SiteWork, applied: AppliedTls, ask: Ask) -> Iterator[Difference]:
    """By its end and its names: there is no fingerprint to be asked for. The end of one that the platform
    renews is its own affair.
    """
    ask(Endpoint.SSL if work.site.command is None else Endpoint.DOMAIN_SSL)
    live = live_tls(work.api, work.site)
    if live is None:
        yield Difference(subject=f"certificate of {work.site.domain}", fault=Fault.MISSING, is_file=False)
        return
    if applied.kind == LETSENCRYPT:
        is_same = live.is_letsencrypt is not False
    else:
        is_same = live.not_after is None or live.is_same(applied.not_after, applied.names)
    if not is_same:
        yield Difference(subject=f"certificate of {work.site.domain}", fault=Fault.CHANGED, is_file=False)
