"""Takes over a site that already exists: compares, records, and changes nothing on it."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from deployer.deployment.lists import CALLS, Calls
from deployer.deployment.live import find_webapp, find_website, read_wsgi, webapp_settings
from deployer.deployment.observe import wsgi_content
from deployer.deployment.record import Record
from deployer.deployment.site_work import SiteWork
from deployer.deployment.survey import Survey
from deployer.deployment.tls import observe_tls
from deployer.errors import ApiError, Temporary, UsageError
from deployer.model.digest import blob_digest
from deployer.model.files import Commit, FileEntry
from deployer.model.manifest import Applied, AppliedSettings, FileTable, Live, Manifest
from deployer.model.overrides import Overrides
from deployer.model.tls import AppliedTls
from deployer.planning.changes import compare, fingerprint
from deployer.planning.patterns import PathPatterns
from deployer.planning.settings import setting_changes
from deployer.planning.tls import plan_tls
from deployer.pythonanywhere import PythonAnywhere, WebApp, Website
from deployer.scaffold import LiveSite
from deployer.state import exclusive


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """What was found; the next `sync` brings what differs and what is missing."""

    same: int
    """Files that are there just as the commit ships them."""
    different: tuple[str, ...]
    """Files that are there with other content: they are ours from now on."""
    missing: tuple[str, ...]
    settings: tuple[str, ...]
    """What is there of the settings that the configuration wants, in words."""


def adopt(work: SiteWork, commit: Commit) -> Adoption:
    """Compare every file that the commit ships with what is there, one request each, and record it.

    A site that is to have releases has none so far: its files are looked for where they are now.
    Raises UsageError for a site that was deployed with a record already.
    """
    work = replace(work, site=replace(work.site, releases=None))
    with exclusive(work.state.locks, work.site.domain, doing=f"adopting {commit.short}"):
        record = Record(work.site, work.api)
        before = record.read()
        if before.commit is not None or before.pending is not None:
            raise UsageError(
                f"{work.site.domain} is deployed with a record already",
                hint="`deployer verify` compares it, `deployer plan` shows what a deployment would do.",
            )
        snapshot = work.repository.snapshot(commit, work.site.files)
        changes = compare({}, snapshot)
        survey = Survey(work, changes)
        survey.settle_doubts()
        there = survey.contents_of_files()
        settings, words = _settings(work, commit)
        work.reporter.finished()
        record.write(_adopted(work, commit, before, there, settings, plain=snapshot.plain))
    wanted = snapshot.files
    keep = PathPatterns(work.site.files.keep)
    same = [path for path, entry in there.items() if entry.digest == wanted[path].digest]
    return Adoption(
        same=len(same),
        different=tuple(path for path in sorted(set(there) - set(same)) if path not in keep),
        missing=tuple(sorted(set(wanted) - set(there))),
        settings=words,
    )


def _adopted(
    work: SiteWork,
    commit: Commit,
    before: Manifest,
    there: dict[str, FileEntry],
    settings: AppliedSettings,
    *,
    plain: bool,
) -> Manifest:
    """With everything in place the commit is what runs there, as far as anybody can see."""
    snapshot = work.repository.snapshot(commit, work.site.files)
    whole = {path: entry.digest for path, entry in there.items()} == {
        path: entry.digest for path, entry in snapshot.files.items()
    }
    live = Live(commit=commit.id, deployment="adopted", since=datetime.now(UTC))
    return replace(
        before,
        commit=commit.id if whole else None,
        rules=fingerprint(work.site.files),
        plain=plain and whole,
        live=live if whole else None,
        files=FileTable(there),
        settings=settings,
    )


def _settings(work: SiteWork, commit: Commit) -> tuple[AppliedSettings, tuple[str, ...]]:
    """What of the wanted settings is there already; the rest is the next plan's."""
    work.reporter.observing("settings")
    applied, words = (_webapp if work.site.command is None else _website)(work)
    is_there = applied is not None
    applied = applied or AppliedSettings()
    for name, calls in CALLS.items():
        if getattr(work.site, name) and (is_there or calls.listed.of_account):
            found, more = _list(work, calls)
            lists: dict[str, Any] = {name: found}
            applied = replace(applied, **lists)
            words += more
    if work.site.wsgi is not None and is_there:
        applied = replace(applied, wsgi=_wsgi_digest(work, commit))
        words += (f"WSGI file: {'same' if applied.wsgi else 'differs; a copy is kept when it is replaced'}",)
    if is_there:
        tls, more = _certificate(work)
        applied = replace(applied, tls=tls)
        words += more
    return applied, words


def _webapp(work: SiteWork) -> tuple[AppliedSettings | None, tuple[str, ...]]:
    """A password is not compared, so it is sent by the next deployment. None: there is no web app."""
    site = work.site
    app = find_webapp(work.api, site)
    if app is None:
        return None, (f"web app {site.domain}: not there",)
    changes = setting_changes(site.webapp, webapp_settings(app))
    enabled = site.enabled if site.enabled == app.enabled else None
    names = [name for name, _ in changes] + ["enabled"] * (enabled != site.enabled)
    words = f"web app {site.domain}: " + (f"differs in {', '.join(names)}" if names else "same")
    return AppliedSettings(webapp=None if changes else site.webapp, enabled=enabled), (words,)


def _website(work: SiteWork) -> tuple[AppliedSettings | None, tuple[str, ...]]:
    site = work.site
    website = find_website(work.api, site)
    if website is None:
        return None, (f"website {site.domain}: not there",)
    command = site.command if site.command == website.command else None
    enabled = site.enabled if site.enabled == website.enabled else None
    names = ["command"] * (command is None) + ["enabled"] * (enabled != site.enabled)
    words = f"website {site.domain}: " + (f"differs in {', '.join(names)}" if names else "same")
    return AppliedSettings(command=command, enabled=enabled), (words,)


def _list(work: SiteWork, calls: Calls[Any]) -> tuple[tuple[Applied[Any], ...], tuple[str, ...]]:
    """What is there as wanted, and carries another site's label as little as another name of this one's."""
    listed = calls.listed
    wanted = getattr(work.site, listed.name)
    found = tuple(
        replace(item, thing=thing)
        for item in calls.read(work.api, work.site)
        for thing in wanted
        if listed.same(item.thing, thing)
        and (not listed.of_account or listed.title(item.thing) in {"", listed.title(thing)})
    )
    there = [item.thing for item in found]
    words = (
        f"{listed.word} {listed.title(thing)}: {'same' if thing in there else 'not there'}"
        for thing in wanted
    )
    return found, tuple(words)


def _certificate(work: SiteWork) -> tuple[AppliedTls | None, tuple[str, ...]]:
    """The one that is there, if it is as wanted."""
    facts = observe_tls(work, Manifest.nothing(work.site), Overrides(), exists=True).facts
    if facts is None or work.site.has_platforms_certificate:
        return None, ()
    plan = plan_tls(work.site, None, facts, Overrides(), anew=False)
    there = "not there" if facts.live is None else "differs"
    return plan.settled, (f"certificate: {'same' if plan.settled else there}",)


def _wsgi_digest(work: SiteWork, commit: Commit) -> str | None:
    wanted = wsgi_content(work, commit)
    if wanted is None:
        return None
    digest = blob_digest(wanted, like=commit.id)
    there = read_wsgi(work)
    return digest if there is not None and blob_digest(there, like=commit.id) == digest else None


def live_site(api: PythonAnywhere, domain: str) -> LiveSite:
    """An existing site with what hangs on it, and the account's tasks, as they are now.

    Raises UsageError when there is no such site.
    """
    wanted = domain.lower()
    app = next((app for app in api.webapps.list() if app.domain_name.lower() == wanted), None)
    if app is not None:
        return _with_tasks(api, _from_webapp(api, app))
    website = next((each for each in api.websites.list() if each.domain_name.lower() == wanted), None)
    if website is not None:
        return _with_tasks(api, _from_website(website))
    raise UsageError(f"there is no web app {domain} to adopt", hint="`deployer init` starts a new one.")


def _from_webapp(api: PythonAnywhere, app: WebApp) -> LiveSite:
    protected = app.password_protection_enabled
    return LiveSite(
        domain=app.domain_name,
        python=app.python_version,
        target=app.source_directory or app.working_directory or f"~/{app.domain_name}",
        working_directory=app.working_directory,
        virtualenv=app.virtualenv_path,
        force_https=app.force_https,
        password_protection=app.password_protection_username if protected else None,
        static=tuple((item.url or "", item.path or "") for item in api.static_files.list(app.domain_name)),
        headers=tuple(
            (item.url or "", item.name or "", item.value_text or "")
            for item in api.static_headers.list(app.domain_name)
        ),
    )


def _from_website(website: Website) -> LiveSite:
    return LiveSite(
        domain=website.domain_name,
        python=None,
        target=f"~/{website.domain_name}",
        working_directory=None,
        virtualenv=None,
        force_https=None,
        command=website.command,
    )


def _with_tasks(api: PythonAnywhere, site: LiveSite) -> LiveSite:
    """Always-on ones are for paid accounts; what another is answered is not known, and no reason to stop."""
    try:
        always_on = api.always_on.list()
    except Temporary:
        raise
    except ApiError:
        always_on = ()
    return replace(
        site,
        tasks=tuple(
            (task.description or f"task-{task.id}", task.command or "", task.hour, task.minute or 0)
            for task in api.schedule.list()
        ),
        always_on=tuple((task.description or f"task-{task.id}", task.command or "") for task in always_on),
    )
