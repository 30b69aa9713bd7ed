"""What a person or a trigger asks for: a look, a deployment, the way back, a broken lock.

The story in one sentence: try the commit; when the site does not answer as it should, put back what
was live, and say why in the site's own words.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from deployer.deployment.attempt import NotWell, Outcome, attempt, failed_before, quarantine
from deployer.deployment.observe import observe
from deployer.deployment.record import Record, busy
from deployer.deployment.site_work import SiteWork
from deployer.errors import DeployerError, NeedsPerson, Refused, RolledBack, UsageError
from deployer.events import log
from deployer.model.files import Commit
from deployer.model.manifest import Failed, Live, Manifest, Pending
from deployer.model.overrides import PUT_BACK, Overrides
from deployer.model.plan import Plan
from deployer.planning.planner import decide
from deployer.planning.settings import put_back_webapp
from deployer.state import exclusive


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A plan, and whether it could be carried out now."""

    plan: Plan
    manifest: Manifest
    busy: str
    """Who is deploying the site; empty when nobody is."""


def preview(work: SiteWork, commit: Commit, overrides: Overrides) -> Preview:
    """What a deployment would do now. Writes nothing, neither on the server nor here."""
    manifest = Record(work.site, work.api).read()
    observation = observe(work, commit, manifest, overrides)
    work.reporter.finished()
    taken = busy(work.site.domain, manifest.pending).message if observation.busy else ""
    plan = decide(observation.facts).plan
    refusals = (*quarantine(failed_before(observation, overrides)), *plan.refusals)
    return Preview(plan=replace(plan, refusals=refusals), manifest=observation.facts.manifest, busy=taken)


def deploy(
    work: SiteWork, commit: Commit, overrides: Overrides, *, spoilt: frozenset[str] = frozenset()
) -> Outcome:
    """Bring the commit to the server, whole and checked; `spoilt` paths are sent again.

    Raises Refused before anything is written, SiteBusy, Temporary and other ApiErrors with what was
    left behind; RolledBack when the site did not answer well and the last live commit does again,
    NeedsPerson when there was none or it does not.
    """
    with exclusive(work.state.locks, work.site.domain, doing=f"commit {commit.short}"):
        try:
            return attempt(work, commit, overrides, spoilt=spoilt)
        except NotWell as failure:
            raise _put_back(work, commit, failure) from None


def rollback(work: SiteWork, to: str | None, *, force: bool = False) -> Outcome:
    """Put an earlier commit back; the one that is left is not deployed again by itself.

    `to` is a deployment's or a release's id, or the beginning of one, or a commit; None: what was live
    before. `force`: also to a release that failed. Raises as `deploy`, and UsageError when there is nothing
    to go back to.
    """
    with exclusive(work.state.locks, work.site.domain, doing=f"rollback to {to or 'what was live before'}"):
        record = Record(work.site, work.api)
        manifest = record.read()
        commit = work.repository.resolve(_way_back(work, manifest, to))
        if not force:
            _refuse_failed(manifest, commit)
        leaving = None
        if manifest.commit is not None and manifest.commit != commit.id:
            deployment = manifest.live.deployment if manifest.live else "unknown"
            leaving = Failed(commit=manifest.commit, deployment=deployment, reason="was rolled back")
        overrides = replace(PUT_BACK, force=force and leaving is None)
        try:
            return attempt(work.at(commit), commit, overrides, leaving=leaving, record=record)
        except NotWell as failure:
            raise _put_back(work, commit, failure) from None


def unlock(work: SiteWork) -> Pending | None:
    """Break another deployer's claim; what it may have touched stays in doubt. None: there was none.

    Raises SiteBusy when the other one is a process of this machine, and so not dead.
    """
    with exclusive(work.state.locks, work.site.domain, doing="breaking a claim"):
        record = Record(work.site, work.api)
        manifest = record.read()
        if manifest.pending is not None:
            record.write(manifest.prolonged(datetime.now(UTC)))
            log.warning("claim_broken", deployment=manifest.pending.deployment, who=manifest.pending.who)
        return manifest.pending


def _put_back(work: SiteWork, commit: Commit, failure: NotWell) -> DeployerError:
    """Go back to the last live commit by an ordinary attempt; the error says how that went."""
    previous = failure.previous
    if previous is None or previous.commit == commit.id:
        return _no_way_back(failure, previous)
    log.warning("rolling_back", to=previous.commit, left=commit.id)
    try:
        before = work.repository.resolve(previous.commit)
        there = work.at(before)
        if failure.failed.webapp is not None:
            there = replace(there, site=put_back_webapp(there.site, failure.failed.webapp))
        outcome = attempt(there, before, PUT_BACK, leaving=failure.failed)
    except DeployerError as error:
        return NeedsPerson(
            f"{failure.message}\nPutting {previous.commit[:10]} back failed too: {error.message}",
            left=f"{failure.left} {error.left}".strip(),
            hint=f"Look at the lines above; `deployer rollback {previous.commit[:10]}` tries again.",
        )
    return RolledBack(
        failure.message,
        left=f"{previous.commit[:10]}, which was live before, is back and answers as it should "
        f"(deployment {outcome.deployment.id}). {failure.undone}".rstrip(),
        hint=f"{commit.short} is not deployed again by itself: mend it and commit, or pass --force.",
    )


def _no_way_back(failure: NotWell, previous: Live | None) -> NeedsPerson:
    first = "This was the site's first deployment, there is nothing to go back to."
    same = "It is the commit that was live before, there is nothing to go back to."
    return NeedsPerson(
        failure.message,
        left=f"{failure.left} {first if previous is None else same}",
        hint="Mend it, commit, and run `deployer sync` again; `deployer sync --force` tries the same again.",
    )


def _way_back(work: SiteWork, manifest: Manifest, to: str | None) -> str:
    if to is None:
        if manifest.previous is None:
            raise UsageError(
                f"nothing that was live on {work.site.domain} before is recorded",
                hint="`deployer history` lists deployments: `deployer rollback ID`.",
            )
        return manifest.previous.commit
    known = work.state.deployments(work.site.domain, most=1000)
    commits = {each.commit for each in known if each.id.startswith(to)}
    commits |= {each.commit for each in manifest.releases if each.id.startswith(to)}
    if len(commits) > 1:
        raise UsageError(
            f"several deployments or releases have an id that begins with {to}",
            hint="`deployer history` and `deployer releases` list them; type more of the one that is meant.",
        )
    return commits.pop() if commits else to


def _refuse_failed(manifest: Manifest, commit: Commit) -> None:
    last = next((each for each in reversed(manifest.releases) if each.commit == commit.id), None)
    if last is not None and last.failed is not None:
        refusal = (
            f"release {last.id} {last.failed} (deployment {last.deployment}): "
            "go back to another one, or pass --force to try this one again"
        )
        raise Refused((refusal,))
