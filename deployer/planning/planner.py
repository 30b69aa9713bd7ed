"""The plan: a pure function of what is wanted, what is recorded, and what was observed.

Order: make room, creates, updates, deletes, settings, the WSGI file, one reload. A visitor who
comes in the middle meets new files beside old ones, never a file that old code still needs missing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from deployer.model.manifest import AppliedSettings
from deployer.model.plan import (
    Action,
    CreateTask,
    CreateWebApp,
    DeleteTask,
    KeepWsgiCopy,
    Note,
    Plan,
    Reload,
    UpdateTask,
    UploadWsgi,
)
from deployer.planning.changes import fingerprint
from deployer.planning.facts import Facts
from deployer.planning.files import FilePlan
from deployer.planning.settings import DEFAULT_PYTHON, SettingsPlan, claim_created, plan_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The plan, and what the manifest will say beside it."""

    plan: Plan
    known: AppliedSettings
    """What is ours before the plan is carried out, with the ids that a cut-off deployment never learned."""
    settled: AppliedSettings
    """What is ours and needs no action."""
    orphans: tuple[str, ...]
    theirs: frozenset[str]
    kept: frozenset[str]
    """Paths whose recorded entry stays as it is: the commit's was not sent."""


def decide(facts: Facts) -> Decision:
    """Make the plan. Refusals are part of it, so that all of them can be shown at once."""
    files = FilePlan(facts)
    files.decide()
    applied = claim_created(facts.manifest.settings, facts.manifest.pending, facts.live)
    settings = plan_settings(
        facts.site, applied, facts.doubt, facts.live, overwrite=facts.overrides.overwrite
    )
    changing = (*files.actions(), *settings.actions, *_wsgi(facts, settings.actions))
    reload = tuple(_reload(facts, changing))
    plan = Plan(
        domain=facts.site.domain,
        commit=facts.commit.id,
        base=facts.manifest.commit,
        actions=(*changing, *reload),
        refusals=(*_elsewhere(facts), *files.refusals(), *settings.refusals, *_broken(facts)),
        notes=(*_moved(facts), *files.notes, *settings.notes, *_virtualenv(facts)),
        needs_record=_needs_record(facts, settings, files),
    )
    return Decision(
        plan=plan,
        known=applied,
        settled=settings.settled,
        orphans=tuple(sorted(files.orphans)),
        theirs=frozenset(files.theirs),
        kept=frozenset(files.kept),
    )


def _wsgi(facts: Facts, before: Iterable[Action]) -> Iterator[Action]:
    """The WSGI file is uploaded when it changed, and always after the platform wrote its template there."""
    if facts.wsgi is None:
        return
    subject, recorded = facts.site.wsgi_path, facts.manifest.settings.wsgi
    if any(isinstance(action, CreateWebApp) for action in before):
        reason = "a new web app starts with the platform's template"
    else:
        if (facts.wsgi_digest_live if facts.doubt.wsgi else recorded) == facts.wsgi.digest:
            return
        reason = f"changed in {facts.commit.short}" if recorded else "not ours so far"
        if recorded is None and facts.live.wsgi is not None:
            # Named by its content: a second attempt can never put something else in its place.
            copy = f"{facts.site.record_directory}/wsgi-before-{(facts.wsgi_digest_live or '')[:10]}.py"
            why = "the WSGI file that is there was not shipped by us"
            yield KeepWsgiCopy(subject=subject, copy=copy, content=facts.live.wsgi, reason=why)
    yield UploadWsgi(subject=subject, entry=facts.wsgi, reason=reason)


def _broken(facts: Facts) -> Iterator[str]:
    if facts.broken_wsgi is not None:
        yield facts.broken_wsgi


def _virtualenv(facts: Facts) -> Iterator[Note]:
    """No refusal: its requirements may be among the files that are just being sent."""
    wanted = facts.site.webapp.virtualenv_path
    if facts.live.virtualenv_exists is False and wanted is not None:
        python = facts.site.webapp.python_version or DEFAULT_PYTHON
        reason = f"is not there, the site would not find its packages: mkvirtualenv --python=python{python}"
        yield Note(subject=wanted, reason=reason)


def _elsewhere(facts: Facts) -> Iterator[str]:
    """The commonest reason for another target is another repository: the site would be replaced."""
    if facts.moved_from is not None and not facts.overrides.move:
        yield (
            f"{facts.site.domain} is deployed to {facts.moved_from} so far, {facts.commit.short} wants "
            f"{facts.site.target}: if this is the right repository and the site shall move, pass --overwrite"
        )


def _moved(facts: Facts) -> Iterator[Note]:
    if facts.moved_from is not None:
        reason = "was the target before; what is there is left as it is, delete it by hand"
        yield Note(subject=facts.moved_from, reason=reason)


_WITHOUT_RELOAD = (CreateTask, UpdateTask, DeleteTask, KeepWsgiCopy)


def _reload(facts: Facts, changing: tuple[Action, ...]) -> Iterator[Reload]:
    """Everything but tasks shows only after a reload; so does what was sent and never seen to answer."""
    manifest, domain = facts.manifest, facts.site.domain
    if any(not isinstance(action, _WITHOUT_RELOAD) for action in changing):
        yield Reload(subject=domain, reason="so that the site runs what was sent")
    elif facts.overrides.force:
        yield Reload(subject=domain, reason="asked for (--force)")
    elif manifest.pending is not None:
        yield Reload(subject=domain, reason="the last deployment was cut off before it was seen to answer")
    elif manifest.live is None:
        yield Reload(subject=domain, reason="no deployment of this site was seen to answer so far")
    elif manifest.commit != manifest.live.commit:
        yield Reload(subject=domain, reason="the last deployment was not seen to answer")


def _needs_record(facts: Facts, settings: SettingsPlan, files: FilePlan) -> bool:
    manifest = facts.manifest
    if facts.moved_from is not None:
        return True
    recorded = (manifest.commit, manifest.rules, manifest.live.commit if manifest.live else None)
    wanted = (facts.commit.id, fingerprint(facts.site.files), facts.commit.id)
    applied = replace(settings.settled, wsgi=facts.wsgi.digest if facts.wsgi else manifest.settings.wsgi)
    return (
        recorded != wanted
        or manifest.pending is not None
        or manifest.theirs != files.theirs
        or manifest.settings != applied
        or any(
            manifest.files.get(change.path) != change.after
            for change in facts.changes
            if change.path not in files.kept
        )
    )
