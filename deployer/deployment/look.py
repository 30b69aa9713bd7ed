"""One look at a site and its account, part by part: one that cannot be read keeps no other from telling."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from deployer.deployment.expiry import (
    LETSENCRYPT,
    PLATFORMS_OWN,
    Ending,
    certificate_ending,
    certificate_of,
    task_ending,
    webapp_ending,
)
from deployer.deployment.live import find_webapp, find_website
from deployer.deployment.next_run import next_run
from deployer.deployment.record import Record, unreadable
from deployer.deployment.site_work import SiteWork
from deployer.deployment.tls import what_to_do
from deployer.errors import ApiError, CredentialsRefused, NeedsPerson, NotFound, Unreachable
from deployer.model.manifest import Manifest, ManifestUnreadable
from deployer.planning.changes import restore_vanished
from deployer.planning.listing import Listing
from deployer.pythonanywhere import CpuUsage

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskSeen:
    """What of the disk is known to be used: the platform tells neither the rest nor the plan's limit."""

    bytes: int
    files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebAppSeen:
    """The web app, or the website of version 1."""

    is_there: bool
    python_version: str | None = None
    command: str | None = None
    """What serves a website; None: it is a web app."""
    enabled: bool | None = None
    """None: the platform does not say, as mostly of web apps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSeen:
    """A scheduled task that is ours."""

    name: str
    command: str
    is_there: bool
    enabled: bool | None = None
    next_run: datetime | None = None
    """None: never, or not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlwaysOnSeen:
    """An always-on task that is ours. Whether its process runs is nowhere to be asked."""

    name: str
    command: str
    is_there: bool
    enabled: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateSeen:
    kind: str | None
    """The platform's word, like "pythonanywhere-subdomain"; None: there is none, or it does not say."""
    issuer: str | None = None
    is_awaited: bool = False
    """Let's Encrypt's was asked for and is not there yet."""


class Look:
    """Each part costs a request, or none where it says so."""

    def __init__(self, work: SiteWork, now: datetime) -> None:
        self._work = work
        self._now = now
        self._unreachable = ""
        self.unknown: dict[str, str] = {}
        """Part -> why it is not known."""
        self.endings: list[Ending] = []

    def record(self) -> Manifest | None:
        """To be read first. Raises CredentialsRefused and Unreachable: nothing else would be answered."""
        site = self._work.site
        try:
            manifest = Record(site, self._work.api).read()
            for _ in manifest.files:  # damage in there would show only where somebody looks
                break
        except (CredentialsRefused, Unreachable):
            raise
        except ManifestUnreadable as error:
            self.unknown["live"] = unreadable(site.manifest_path, error).message
        except (ApiError, NeedsPerson) as error:
            self.unknown["live"] = error.message
        else:
            return manifest
        return None

    def drift(self, manifest: Manifest) -> str:
        """No request where nothing was shipped."""
        return self._ask("drift", lambda: self._drift(manifest)) or ""

    def webapp(self) -> WebAppSeen | None:
        return self._ask("webapp", self._website if self._work.site.command else self._webapp)

    def certificate(self) -> CertificateSeen | None:
        """No request for a name of the platform's own."""
        if self._work.site.has_platforms_certificate:
            return CertificateSeen(kind=PLATFORMS_OWN)
        return self._ask("certificate", self._certificate)

    def tasks(self, manifest: Manifest) -> tuple[TaskSeen, ...]:
        """No request where none is ours, nor for `always_on`."""
        if not manifest.settings.tasks:
            return ()
        return self._ask("tasks", lambda: tuple(self._tasks(manifest))) or ()

    def always_on(self, manifest: Manifest) -> tuple[AlwaysOnSeen, ...]:
        if not manifest.settings.always_on:
            return ()
        return self._ask("always_on", lambda: tuple(self._always_on(manifest))) or ()

    def cpu(self) -> CpuUsage | None:
        return self._ask("cpu", self._work.api.cpu)

    def _ask(self, part: str, question: Callable[[], T]) -> T | None:
        """One failure is waited out by the client, for minutes where nobody answers: that once is enough."""
        if self._unreachable:
            self.unknown[part] = f"not asked any more: {self._unreachable}"
            return None
        try:
            return question()
        except CredentialsRefused:
            raise
        except ApiError as error:
            self.unknown[part] = error.message
            if isinstance(error, Unreachable):
                self._unreachable = error.message
            return None

    def _drift(self, manifest: Manifest) -> str:
        if not manifest.files:
            return "nothing was shipped so far"
        # What is in a release is compared only when it is asked for: a deployment makes a new one.
        remedy = "`deployer sync`" if manifest.release is None else "`deployer verify --heal`"
        try:
            listing = Listing(manifest.place, self._work.api.files.tree(manifest.place))
        except NotFound:
            return f"{manifest.place} is gone: {remedy} sends it again"
        if listing.is_cut:
            return "not known: the site has more names than the platform lists; `deployer verify` compares"
        missing = restore_vanished((), replace(manifest, target=manifest.place), listing)
        if missing:
            names = ", ".join(change.path for change in missing[:3])
            return f"{len(missing)} of {len(manifest.files)} files are missing ({names}): {remedy} sends them"
        return f"all names of {len(manifest.files)} files are there; `deployer verify` compares their content"

    def _webapp(self) -> WebAppSeen:
        app = find_webapp(self._work.api, self._work.site)
        if app is None:
            return WebAppSeen(is_there=False)
        self._ends(webapp_ending(app))
        return WebAppSeen(is_there=True, python_version=app.python_version, enabled=app.enabled)

    def _website(self) -> WebAppSeen:
        found = find_website(self._work.api, self._work.site)
        if found is None:
            return WebAppSeen(is_there=False)
        return WebAppSeen(is_there=True, command=found.command, enabled=found.enabled)

    def _certificate(self) -> CertificateSeen:
        certificate = certificate_of(self._work.api, self._work.site)
        if certificate is None:
            return CertificateSeen(kind=None)
        self._ends(certificate_ending(certificate, what_to_do(self._work)))
        kind = certificate.cert_type
        awaited = kind == LETSENCRYPT and certificate.not_after is None
        return CertificateSeen(kind=kind, issuer=certificate.issuer_name, is_awaited=awaited)

    def _tasks(self, manifest: Manifest) -> Iterator[TaskSeen]:
        there = {task.id: task for task in self._work.api.schedule.list()}
        for item in manifest.settings.tasks:
            task, name, command = there.get(item.id), item.thing.name, item.thing.command
            if task is None:
                yield TaskSeen(name=name, command=command, is_there=False)
                continue
            self._ends(task_ending(name, task))
            yield TaskSeen(
                name=name,
                command=command,
                is_there=True,
                enabled=task.enabled,
                next_run=next_run(task, self._now),
            )

    def _always_on(self, manifest: Manifest) -> Iterator[AlwaysOnSeen]:
        there = {task.id: task for task in self._work.api.always_on.list()}
        for item in manifest.settings.always_on:
            task = there.get(item.id)
            yield AlwaysOnSeen(
                name=item.thing.name,
                command=item.thing.command,
                is_there=task is not None,
                enabled=task.enabled if task else None,
            )

    def _ends(self, ending: Ending | None) -> None:
        if ending is not None:
            self.endings.append(ending)


def disk_of(manifest: Manifest) -> DiskSeen:
    """What was shipped, by the record: nothing on the platform tells sizes."""
    return DiskSeen(bytes=sum(entry.size for entry in manifest.files.values()), files=len(manifest.files))
