"""The plan: a pure function of what is wanted, what is recorded, and what was observed.

Order: the certificate, make room, creates, updates, deletes, settings, the WSGI file, one reload, restarts
of always-on tasks. A visitor who comes in the middle meets new files beside old ones, never a file that old
code still needs missing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from deployer.model.actions import (
    Action,
    CreateThing,
    CreateWebApp,
    CreateWebsite,
    DeleteFile,
    DeleteThing,
    InstallCertificate,
    KeepWsgiCopy,
    Reload,
    ReloadWebsite,
    RequestCertificate,
    RestartAlwaysOn,
    SendRelease,
    UpdateThing,
    Upload,
    UploadWsgi,
)
from deployer.model.manifest import AppliedSettings
from deployer.model.plan import Note, Plan
from deployer.model.release import SWITCH_BEGINS
from deployer.planning.changes import fingerprint
from deployer.planning.facts import Facts
from deployer.planning.files import FilePlan
from deployer.planning.hooks import plan_hooks
from deployer.planning.releases import ReleasePlan
from deployer.planning.settings import (
    DEFAULT_PYTHON,
    LISTS,
    SettingsPlan,
    claim_created,
    is_enabled,
    plan_settings,
    restarts,
)
from deployer.planning.tls import plan_tls


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
    files = FilePlan(facts) if facts.release is None else ReleasePlan(facts, facts.release)
    files.decide()
    applied = claim_created(facts.manifest.settings, facts.manifest.pending, facts.live)
    settings = plan_settings(
        facts.site,
        applied,
        facts.doubt,
        facts.live,
        password=facts.password,
        overwrite=facts.overrides.overwrite,
        move=facts.overrides.move,
    )
    is_made = any(isinstance(action, CreateWebApp | CreateWebsite) for action in settings.actions)
    tls = plan_tls(facts.site, applied.tls, facts.tls, facts.overrides, anew=is_made)
    settings = replace(settings, settled=replace(settings.settled, tls=tls.settled))
    # First, since it is in force from the reload on: one that is refused leaves everything as it was.
    first, after = ((), tls.actions) if is_made else (tls.actions, ())
    is_off = is_enabled(facts.site, applied, facts.live) is False
    before = (*first, *files.actions(), *settings.actions, *after)
    wsgi = tuple(_wsgi(facts, settings.actions))
    changing = (*before, *wsgi)
    # A certificate is this machine's affair: the commit's own commands have nothing to do with it.
    hooks = plan_hooks(facts, [each for each in changing if each not in tls.actions], is_off=is_off)
    # With releases the WSGI file goes first: it builds the release that such a command runs in.
    early = (*hooks.early, *wsgi) if facts.release is None else (*wsgi, *hooks.early)
    switch = files.reload_reason() if isinstance(files, ReleasePlan) else None
    reload = () if is_off else tuple(_reload(facts, changing, tls.reload, switch=switch))
    plan = Plan(
        domain=facts.site.domain,
        commit=facts.commit.id,
        base=facts.manifest.commit,
        actions=(
            *(*before, *early),
            *(*reload, *hooks.late),
            *_restarts(facts, settings, changing),
        ),
        refusals=(
            *_elsewhere(facts),
            *files.refusals(),
            *settings.refusals,
            *tls.refusals,
            *_broken(facts),
        ),
        notes=(
            *_moved(facts),
            *_left_releases(facts),
            *files.notes,
            *settings.notes,
            *tls.notes,
            *_virtualenv(facts),
            *(_off(facts) if is_off else ()),
        ),
        needs_record=_needs_record(facts, settings, files),
        release=files.id if isinstance(files, ReleasePlan) else None,
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
        has_first_release = facts.release is not None and facts.manifest.release is None
        there = facts.live.wsgi
        # One for releases is left by a first release that was cut off: it is not what the site was before.
        if (recorded is None or has_first_release) and there and not there.startswith(SWITCH_BEGINS):
            # Named by its content: a second attempt can never put something else in its place.
            copy = f"{facts.site.record_directory}/wsgi-before-{(facts.wsgi_digest_live or '')[:10]}.py"
            why = (
                "what serves the site if its first release does not"
                if has_first_release
                else ("the WSGI file that is there was not shipped by us")
            )
            yield KeepWsgiCopy(subject=subject, copy=copy, content=there, reason=why)
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


def _left_releases(facts: Facts) -> Iterator[Note]:
    """Nobody knows whether the platform follows links when it deletes a folder, and releases have some that
    lead to what the site wrote itself.
    """
    target = facts.site.target
    if facts.release is None and facts.manifest.release is not None:
        reason = (
            "the site's releases stay; once it answers without them, in a console: "
            f"rm -r {target}/releases && rm {target}/current"
        )
        yield Note(subject=f"{target}/releases", reason=reason)


def _off(facts: Facts) -> Iterator[Note]:
    said = "enabled = false" if facts.site.enabled is False else "an earlier enabled = false, still in force"
    on = "enabled = true in [app] puts it on the web"
    yield Note(subject=facts.site.domain, reason=f"is off ({said}): neither reloaded nor asked; {on}")


_OF_ACCOUNT = frozenset(listed.name for listed in LISTS if listed.of_account)


def _needs_no_reload(action: Action) -> bool:
    """Tasks are no part of the site, and a website starts when it is created, with what was sent before."""
    if isinstance(action, CreateThing | UpdateThing | DeleteThing):
        return action.family in _OF_ACCOUNT
    return isinstance(action, KeepWsgiCopy)


def _reload(
    facts: Facts, changing: tuple[Action, ...], reason: str | None, *, switch: str | None
) -> Iterator[Reload]:
    """Everything but tasks shows only after a reload; so does what was sent and never seen to answer.

    `reason` and `switch` are some that show in none of the actions.
    """
    has_certificate = any(isinstance(action, InstallCertificate | RequestCertificate) for action in changing)
    if any(isinstance(action, CreateWebsite) for action in changing) and not has_certificate:
        return
    kind = Reload if facts.site.command is None else ReloadWebsite
    if switch is not None:
        yield kind(subject=facts.site.domain, reason=switch)
    elif not all(map(_needs_no_reload, changing)):
        yield kind(subject=facts.site.domain, reason="so that the site runs what was sent")
    elif (reason := reason or _unseen(facts)) is not None:
        yield kind(subject=facts.site.domain, reason=reason)


def _unseen(facts: Facts) -> str | None:
    """Why the site may not run what is recorded, although nothing is to be sent."""
    manifest = facts.manifest
    if facts.overrides.force:
        return "asked for (--force)"
    if manifest.pending is not None:
        return "the last deployment was cut off before it was seen to answer"
    if manifest.live is None:
        return "no deployment of this site was seen to answer so far"
    if manifest.commit != manifest.live.commit:
        return "the last deployment was not seen to answer"
    return None


def _restarts(
    facts: Facts, settings: SettingsPlan, changing: tuple[Action, ...]
) -> Iterator[RestartAlwaysOn]:
    sent = any(isinstance(action, Upload | DeleteFile | SendRelease) for action in changing)
    because = "so that it runs what was sent" if sent else _unseen(facts)
    return restarts(facts.site.always_on, settings.settled.always_on, settings.actions, because=because)


def _needs_record(facts: Facts, settings: SettingsPlan, files: FilePlan | ReleasePlan) -> bool:
    manifest = facts.manifest
    if facts.moved_from is not None:
        return True
    recorded = (manifest.commit, manifest.rules, manifest.live.commit if manifest.live else None)
    wanted = (facts.commit.id, fingerprint(facts.site.files), facts.commit.id)
    applied = replace(settings.settled, wsgi=facts.wsgi.digest if facts.wsgi else settings.settled.wsgi)
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
