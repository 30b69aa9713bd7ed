"""One deployment, read from top to bottom: observe, plan, claim, act, reload, check, record."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import monotonic

from deployer import health
from deployer.deployment.evidence import gather
from deployer.deployment.execute import Execution
from deployer.deployment.observe import Observation, observe
from deployer.deployment.record import Record, busy, intent
from deployer.deployment.site_work import SiteWork
from deployer.errors import ApiError, Interrupted, NeedsPerson, Refused, Temporary
from deployer.events import deployment_events, log
from deployer.model.deployment import Deployment, Status, Step
from deployer.model.files import Commit
from deployer.model.manifest import AppliedSettings, Live, Manifest
from deployer.model.overrides import Overrides
from deployer.model.plan import Plan, Reload
from deployer.planning.changes import apply, fingerprint
from deployer.planning.planner import Decision, decide
from deployer.pythonanywhere import ReloadOutcome
from deployer.state import exclusive


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A plan, and whether it could be carried out now."""

    plan: Plan
    manifest: Manifest
    busy: str
    """Who is deploying the site; empty when nobody is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a deployment ended that did not fail."""

    deployment: Deployment
    plan: Plan
    answer: health.Answer | None
    """What the site answered; None when nothing needed a reload."""


def preview(work: SiteWork, commit: Commit, overrides: Overrides) -> Preview:
    """What a deployment would do now. Writes nothing, neither on the server nor here."""
    manifest = Record(work.site, work.api).read()
    observation = observe(work, commit, manifest, overrides)
    work.reporter.finished()
    taken = str(busy(work.site.domain, manifest.pending).message) if observation.busy else ""
    return Preview(plan=decide(observation.facts).plan, manifest=observation.facts.manifest, busy=taken)


def deploy(
    work: SiteWork, commit: Commit, overrides: Overrides, *, spoilt: frozenset[str] = frozenset()
) -> Outcome:
    """Bring the commit to the server, whole and checked; `spoilt` paths are sent again.

    Raises Refused before anything is written, SiteBusy, Temporary and other ApiErrors with what was
    left behind, NeedsPerson when the site does not answer as it should.
    """
    domain = work.site.domain
    with exclusive(work.state.locks, domain, doing=f"commit {commit.short}"), _begun(work, commit) as run:
        observation = observe(work, commit, run.record.read(), overrides, spoilt)
        run.observed(observation)
        decision = decide(observation.facts)
        plan = decision.plan
        log.info("planned", actions=dict(plan.counts()), bytes=plan.bytes_sent, notes=len(plan.notes))
        work.state.plan(run.deployment, plan.as_json(per_minute=work.requests_per_minute))
        if plan.refusals:
            raise Refused(plan.refusals)
        if plan.is_noop:
            return run.ended(Status.UNCHANGED, plan, None)
        if observation.busy:
            raise busy(work.site.domain, observation.facts.manifest.pending)
        work.reporter.planned(plan)
        if not plan.actions:
            run.record.write(_completed(observation, decision, decision.settled, run.live()))
            return run.ended(Status.LIVE, plan, None)
        return run.carry_out(observation, decision)


class _Run:
    """The deployment under way."""

    def __init__(self, work: SiteWork, commit: Commit, deployment: Deployment) -> None:
        self.work = work
        self.commit = commit
        self.deployment = deployment
        self.record = Record(work.site, work.api)
        self.base: str | None = None

    def observed(self, observation: Observation) -> None:
        self.base = observation.facts.manifest.commit

    def carry_out(self, observation: Observation, decision: Decision) -> Outcome:
        work, plan = self.work, decision.plan
        pending = intent(
            plan,
            self.deployment,
            owner=work.state.owner,
            who=work.who,
            per_minute=work.requests_per_minute,
        )
        self.record.claim(observation.facts.manifest, pending)
        log.info("claimed", until=pending.expires.isoformat())
        execution = Execution(work, observation, plan, self.deployment.id, decision.settled)
        execution.run()
        answer = None
        if (reload := plan.reload) is not None:
            self._reload(reload, number=len(plan.actions))
            answer = self._check()
            if not answer.well:
                # Not live, but what is on the server is known to the byte: the next run need not guess.
                previous = observation.facts.manifest.live
                self.record.write(_completed(observation, decision, execution.settings.applied, previous))
                raise self._not_well(answer, gather(work, answer.excerpt), previous)
        try:
            self.record.write(_completed(observation, decision, execution.settings.applied, self.live()))
        except ApiError as error:
            error.left = (
                f"Everything of {self.commit.short} is on the server and the site answers as it should; "
                "only the record of that is missing, the next run writes it."
            )
            raise
        log.info("live", commit=self.commit.id, url=work.site_url)
        return self.ended(Status.LIVE, plan, answer)

    def live(self) -> Live:
        return Live(commit=self.commit.id, deployment=self.deployment.id, since=datetime.now(UTC))

    def ended(self, status: Status, plan: Plan, answer: health.Answer | None) -> Outcome:
        detail = f"answered {answer.status} in {1000 * answer.seconds:.0f} ms" if answer else ""
        ended = self.work.state.end(self.deployment, status, base=self.base, detail=detail)
        log.info("deployment_ended", status=status, seconds=ended.seconds)
        return Outcome(deployment=ended, plan=plan, answer=answer)

    def _reload(self, action: Reload, *, number: int) -> None:
        """An answer that was lost or late does not say that the reload failed: the check after it tells.

        A fault is tried once more after a look at the site, as the platform's help page "Error
        reloading web app" advises.
        """
        api, domain, began = self.work.api, self.work.site.domain, monotonic()
        for attempt in (1, 2):
            try:
                outcome = api.webapps.reload(domain)
            except Temporary as error:
                log.warning("reload_unsure", attempt=attempt, problem=error.message)
                if attempt == 1:
                    self.work.pause(2.0)
                continue
            say = log.info if outcome is ReloadOutcome.OK else log.warning
            say("reloaded", outcome=str(outcome), reason=action.reason)
            step = Step.of(action, number=number, entry=None, seconds=monotonic() - began)
            self.work.state.confirm(self.deployment.id, step)
            break
        self.work.reporter.advanced(action)

    def _check(self) -> health.Answer:
        work = self.work
        if not work.site.health.enabled:
            log.warning("health_not_checked", reason="health.check = false")
            return health.Answer(well=True, status=None, problem="", excerpt="", seconds=0.0, tries=0)
        answer = health.wait_until_well(work.site_url, work.host_header, work.site.health, work.pause)
        say = log.info if answer.well else log.error
        say(
            "health_checked",
            well=answer.well,
            status=answer.status,
            problem=answer.problem,
            seconds=answer.seconds,
            tries=answer.tries,
        )
        return answer

    def _not_well(self, answer: health.Answer, evidence: str, previous: Live | None) -> NeedsPerson:
        before = (
            f"The commit that was live before is {previous.commit[:10]}."
            if previous
            else "This was the site's first deployment, there is nothing to go back to."
        )
        back = f"deployer sync {previous.commit[:10]}" if previous else "deployer sync"
        return NeedsPerson(
            f"{self.work.site.domain} does not answer as it should: {answer.problem}\n{evidence}",
            left=f"All files of {self.commit.short} are on the server and the site runs them. {before}",
            hint=f"Mend it and run `deployer sync` again, or type `{back}`."
            if previous
            else "Mend it, commit, and run `deployer sync` again.",
        )


@contextmanager
def _begun(work: SiteWork, commit: Commit) -> Iterator[_Run]:
    """A deployment in the history, with its events, ended whatever happens."""
    deployment = work.state.begin(work.site.domain, commit)
    run = _Run(work, commit, deployment)
    with deployment_events(deployment.id, work.site.domain, work.state.log):
        log.info("deployment_started", commit=commit.id, subject=commit.subject, who=work.who)
        try:
            yield run
        except BaseException as error:
            status = _status_of(error)
            work.state.end(deployment, status, base=run.base, detail=str(error) or type(error).__name__)
            log.error("deployment_ended", status=status, error=str(error) or type(error).__name__)
            raise
        finally:
            work.reporter.finished()


def _status_of(error: BaseException) -> Status:
    if isinstance(error, Refused):
        return Status.REFUSED
    if isinstance(error, Interrupted | KeyboardInterrupt | SystemExit):
        return Status.INTERRUPTED
    return Status.FAILED


def _completed(
    observation: Observation, decision: Decision, applied: AppliedSettings, live: Live | None
) -> Manifest:
    """The manifest once every action of the plan is true."""
    facts = observation.facts
    return replace(
        facts.manifest,
        target=facts.site.target,
        commit=facts.commit.id,
        rules=fingerprint(facts.site.files),
        plain=facts.plain,
        live=live,
        files=apply(facts.manifest.files, facts.changes),
        orphans=decision.orphans,
        settings=replace(applied, wsgi=facts.wsgi.digest if facts.wsgi else applied.wsgi),
        pending=None,
    )
