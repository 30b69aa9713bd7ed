"""Releases as a deployment goes through them: sent, ordered, and told of by the server."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from posixpath import basename
from time import monotonic
from typing import Any

from deployer import health
from deployer.deployment.observe import Observation
from deployer.deployment.password import login
from deployer.deployment.site_work import SiteWork
from deployer.deployment.watched import Watched
from deployer.errors import NotFound
from deployer.events import log
from deployer.model.actions import KeepWsgiCopy, SendRelease
from deployer.model.deployment import Deployment, Step
from deployer.model.manifest import Manifest
from deployer.model.plan import Plan
from deployer.model.release import ArchiveRef, KnownRelease, ReleaseList, ReleaseOrder
from deployer.model.site import HealthCheck
from deployer.planning.releases import ReleasePlan, usable_base
from deployer.release import Archive, write_archives

PROBE_S = 3.0
"""How long a site that just reloaded may take to tell which release answers, before its report is read."""


TELLING = '{"release": '
"""How the WSGI file's answer at an order's own path begins, whichever release it serves."""
FAILURES = 3
"""Releases that failed of which the record tells."""
REPORT_PAUSES_S = (1.0, 2.0, 4.0)
"""Before a report that is not there yet is read again."""
SILENT = "silent"
"""Nothing was said of a release."""
SENT_AGAIN = frozenset({"base", "no-archive"})
"""What `switch.py` calls a release whose parts are not there, or not as they were left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Which release the site runs."""

    well: bool
    kind: str = ""
    """Why the wanted one is not served, in the words of `switch.py`; or SILENT."""
    text: str = ""
    flat_left: int | None = None
    """How many files of the site as it was before its releases are still to be removed; None: not said."""
    flat_changed: int = 0
    """How many of them were changed by somebody, and stay."""


def order(
    work: SiteWork,
    observation: Observation,
    plan: Plan,
    deployment: Deployment,
    *,
    alone: bool = False,
    held: bool = False,
) -> ReleaseOrder:
    """Send what has to be sent, and say what the server shall serve. Nothing is served by that alone.

    `alone` sends the whole release, whatever is there; `held` is the order's. Raises ApiError, Interrupted.
    """
    facts, rules = observation.facts, work.site.releases
    wanted, manifest = facts.release, facts.manifest
    assert wanted is not None and rules is not None  # noqa: S101, PT018 - only a site with releases comes here
    base = None if alone or manifest.release is None else manifest.release.id
    sent = manifest.pending.release if manifest.pending else None
    if plan.sending is not None or alone:
        action = None if alone else plan.sending
        archives = tuple(_send(work, observation, wanted, base=base, deployment=deployment, action=action))
    elif sent is not None and wanted.is_in(sent.id):  # before the deployment that sent them was cut off
        archives, base = sent.archives, sent.base
    else:
        archives = ()
    return ReleaseOrder(
        id=ReleasePlan(facts, wanted).id,
        commit=wanted.commit,
        deployment=deployment.id,
        wsgi=wanted.wsgi,
        archives=archives,
        base=base if archives else None,
        kept=kept(manifest, rules.keep),
        probe=f"/.well-known/deployer/{secrets.token_hex(16)}",
        edition=wanted.edition,
        former=_former(plan, sent if observation.has_first_release else None),
        held=held,
    )


def _former(plan: Plan, sent: ReleaseOrder | None) -> str | None:
    """What serves the site if its first release does not; `sent` was ordered before and cut off, so that the
    WSGI file which is there may not be the former one any more.
    """
    copies = (basename(action.copy) for action in plan.actions if isinstance(action, KeepWsgiCopy))
    return sent.former if sent is not None and sent.former is not None else next(copies, None)


def kept(manifest: Manifest, most: int) -> tuple[str, ...]:
    """The releases that stay beside the wanted one: the newest, what is live and what was live before."""
    editions = {each.commit: each.id for each in manifest.releases if each.failed is None}
    newest = [each.id for each in manifest.releases if editions.get(each.commit) == each.id][-most:]
    commits = {live.commit for live in (manifest.live, manifest.previous) if live is not None}
    needed = [each.id for each in manifest.releases if each.commit in commits]
    serving = [manifest.release.id] if manifest.release else []
    return tuple(dict.fromkeys((*newest, *needed, *serving)))


def remembered(manifest: Manifest, served: ReleaseOrder, *, failed: str | None) -> tuple[KnownRelease, ...]:
    """The releases that are on the server after this one was tried, and the last that failed: these are
    removed there as soon as another one is served.
    """
    before = next((each for each in manifest.releases if each.id == served.id), None)
    this = KnownRelease(
        id=served.id,
        commit=served.commit,
        deployment=served.deployment,
        since=before.since if before else datetime.now(UTC),
        failed=failed,
        edition=served.edition,
    )
    failures = [each.id for each in manifest.releases if each.failed is not None][-FAILURES:]
    stays = {*served.kept, *failures} - {served.id}
    return (*(each for each in manifest.releases if each.id in stays), this)


def served(work: SiteWork, wanted: ReleaseOrder) -> Served:
    """Ask the site which release answers; where it does not say, read the report that it has written."""
    problem, told = "the platform serves all of it by itself", None
    if wanted.wsgi:
        check = HealthCheck(path=wanted.probe, status=200, contains=TELLING, timeout_s=PROBE_S)
        answer = health.wait_until_well(work.site_url, work.host_header, check, work.pause, login=login(work))
        told = _told(answer.excerpt) if answer.well else None
        if told is not None and told.get("release") == wanted.id:
            log.info("release_served", release=wanted.id)
            return _cleared(told.get("flat"))
        problem = answer.problem if told is None else f"{told.get('release') or 'no release'} answers"
    said = _report_on(work, wanted)
    workers = said.get("workers", [])
    error = next((each["error"] for each in reversed(workers) if each.get("error")), None)
    if error is not None:
        log.error("release_not_served", release=wanted.id, kind=error["kind"], problem=error["text"])
        text = error["traceback"] if error["kind"] == "import" else error["text"]
        return Served(well=False, kind=error["kind"], text=work.api.masked(text.strip()))
    if workers and told is None:
        log.info("release_served", release=wanted.id)
        return _cleared(said.get("flat"))
    log.error("release_not_served", release=wanted.id, kind=SILENT, problem=problem)
    return Served(well=False, kind=SILENT, text=f"it has not reported on {wanted.id}: {problem}")


def left_by(told: Served, wanted: ReleaseOrder) -> str:
    """What is true of a release that the site does not serve well, as far as anybody knows."""
    if told.kind == SILENT:
        return f"Whether the site runs release {wanted.id} is not known."
    there = " is on the server, and" if told.kind == "import" else ""
    return f"Release {wanted.id}{there} is not used."


def _told(body: str) -> dict[str, Any] | None:
    """By the site itself, at the secret path."""
    try:
        said = json.loads(body)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def _cleared(flat: object) -> Served:
    if not isinstance(flat, dict) or not isinstance(flat.get("left"), int):
        return Served(well=True)
    changed = flat.get("changed") or 0
    return Served(
        well=True,
        flat_left=flat["left"],
        flat_changed=len(changed) if isinstance(changed, list) else int(changed),
    )


def _report_on(work: SiteWork, wanted: ReleaseOrder) -> dict[str, Any]:
    """Where the platform serves a site without asking it, a reload may be over before the site starts."""
    for pause in (*REPORT_PAUSES_S, 0.0):
        said = report(work)
        about = (said.get("deployment"), said.get("probe"), said.get("held") or False)
        if about == (wanted.deployment, wanted.probe, wanted.held):
            return said
        work.pause(pause)
    return {}


def report(work: SiteWork) -> dict[str, Any]:
    """What the WSGI file on the server wrote last; empty when there is nothing, or nothing readable."""
    try:
        said = json.loads(work.api.files.read(f"{work.site.record_directory}/report.json"))
    except (NotFound, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _send(
    work: SiteWork,
    observation: Observation,
    wanted: ReleaseList,
    *,
    base: str | None,
    deployment: Deployment,
    action: SendRelease | None,
) -> Iterator[ArchiveRef]:
    """Archives have names of their own, so nobody is in the way of anybody before the claim is made."""
    files = usable_base(observation.facts) if base is not None else {}
    for number, archive in enumerate(write_archives(wanted, files, observation.contents.open), start=1):
        work.check_stop()
        began = monotonic()
        path = f"{work.site.record_directory}/incoming/{archive.name}"
        tell = partial(_tell_sent, work, archive)
        work.api.files.write(path, Watched(archive.file, tell), archive.size)
        log.info("archive_sent", path=path, bytes=archive.size, number=number)
        yield ArchiveRef(name=archive.name, size=archive.size, sha256=archive.sha256)
        if action is not None and number == 1:
            step = Step.of(action, number=0, entry=None, seconds=monotonic() - began)
            work.state.confirm(deployment.id, step)
            work.reporter.advanced(action)


def _tell_sent(work: SiteWork, archive: Archive, done: int) -> None:
    work.reporter.sending(archive.name, done, archive.size)


def without_archives(order: ReleaseOrder) -> ReleaseOrder:
    """As it is recorded once it is served: built, it needs them no more."""
    return replace(order, archives=(), base=None, former=None)
