"""Takes over a site that already exists: compares, records, and changes nothing on it."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from deployer.deployment.live import find_webapp, read_mappings, read_tasks, read_wsgi, webapp_settings
from deployer.deployment.observe import Survey, wsgi_content
from deployer.deployment.record import Record
from deployer.deployment.site_work import SiteWork
from deployer.errors import UsageError
from deployer.model.digest import blob_digest
from deployer.model.files import Commit, FileEntry
from deployer.model.manifest import AppliedSettings, FileTable, Live, Manifest
from deployer.planning.changes import compare, fingerprint
from deployer.planning.patterns import PathPatterns
from deployer.planning.settings import same_mapping, same_task, setting_changes
from deployer.pythonanywhere import PythonAnywhere
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

    Raises UsageError for a site that was deployed with a record already.
    """
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
    site, api = work.site, work.api
    work.reporter.observing("settings")
    app = find_webapp(api, site)
    if app is None:
        return AppliedSettings(), (f"web app {site.domain}: not there",)
    changes = setting_changes(site.webapp, webapp_settings(app))
    mappings = tuple(
        replace(item, mapping=wanted)
        for item in read_mappings(api, site)
        for wanted in site.static
        if same_mapping(item.mapping, wanted)
    )
    tasks = tuple(
        replace(item, task=wanted)
        for item in (read_tasks(api, site) if site.tasks else ())
        for wanted in site.tasks
        if same_task(item.task, wanted) and item.task.name in {"", wanted.name}
    )
    wsgi = _wsgi_digest(work, commit)
    words = [
        f"web app {site.domain}: "
        + (f"differs in {', '.join(name for name, _ in changes)}" if changes else "same"),
        *(_found(f"static mapping {m.url}", m in [i.mapping for i in mappings]) for m in site.static),
        *(_found(f"task {t.name}", t in [i.task for i in tasks]) for t in site.tasks),
    ]
    if site.wsgi is not None:
        words.append(f"WSGI file: {'same' if wsgi else 'differs; a copy is kept when it is replaced'}")
    webapp = None if changes else site.webapp
    return AppliedSettings(webapp=webapp, static=mappings, tasks=tasks, wsgi=wsgi), tuple(words)


def _found(what: str, is_there: bool) -> str:  # noqa: FBT001 - a fact, not a switch
    return f"{what}: {'same' if is_there else 'not there'}"


def _wsgi_digest(work: SiteWork, commit: Commit) -> str | None:
    wanted = wsgi_content(work, commit)
    if wanted is None:
        return None
    digest = blob_digest(wanted, like=commit.id)
    there = read_wsgi(work)
    return digest if there is not None and blob_digest(there, like=commit.id) == digest else None


def live_site(api: PythonAnywhere, domain: str) -> LiveSite:
    """An existing web app with its mappings, and the account's tasks, as they are now.

    Raises UsageError when there is no such web app.
    """
    app = next((app for app in api.webapps.list() if app.domain_name.lower() == domain.lower()), None)
    if app is None:
        raise UsageError(f"there is no web app {domain} to adopt", hint="`deployer init` starts a new one.")
    return LiveSite(
        domain=app.domain_name,
        python=app.python_version,
        target=app.source_directory or app.working_directory or f"~/{domain}",
        working_directory=app.working_directory,
        virtualenv=app.virtualenv_path,
        force_https=app.force_https,
        static=tuple((item.url or "", item.path or "") for item in api.static_files.list(app.domain_name)),
        tasks=tuple(
            (task.description or f"task-{task.id}", task.command or "", task.hour, task.minute or 0)
            for task in api.schedule.list()
        ),
    )
