"""One attempt to bring a commit to the server: observe, plan, claim, act, reload, check, record."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import monotonic

from deployer import health
from deployer.deployment.evidence import gather
from deployer.deployment.execute import Execution
from deployer.deployment.observe import Observation, observe
from deployer.deployment.record import Record, busy, intent
from deployer.deployment.site_work import SiteWork
from deployer.errors import ApiError, DeployerError, Interrupted, NeedsPerson, NotFound, Refused, Temporary
from deployer.events import deployment_events, log
from deployer.model.deployment import Deployment, Status, Step
from deployer.model.files import Commit
from deployer.model.manifest import AppliedSettings, Failed, Live, Manifest
from deployer.model.overrides import Overrides
from deployer.model.plan import Plan, Reload
from deployer.planning.changes import apply, fingerprint
from deployer.planning.planner import Decision, decide
from deployer.pythonanywhere import ReloadOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a deployment ended that did not fail."""

    deployment: Deployment
    plan: Plan
    answer: health.Answer | None
    """What the site answered; None when nothing needed a reload."""


class NotWell(NeedsPerson):
    """A commit is on the server with which the site does not answer as it should."""

    def __init__(self, message: str, *, left: str, failed: Failed, previous: Live | None) -> None:
        super().__init__(message, left=left)
        self.failed = failed
        self.previous = previous


def attempt(
    work: SiteWork,
    commit: Commit,
    overrides: Overrides,
    *,
    spoilt: frozenset[str] = frozenset(),
    leaving: Failed | None = None,
) -> Outcome:
    """Try it, as one deployment of the history; the caller holds the site's lock.

    `spoilt` paths are sent again. `leaving` is the commit that a rollback turns away from.
    Raises Refused, SiteBusy, ApiError, Interrupted, and NotWell when the site does not answer well.
    """
    with _begun(work, commit) as run:
        observation = observe(work, commit, run.record.read(), overrides, spoilt)
        run.observed(observation)
        decision = decide(observation.facts)
        plan = decision.plan
        log.info("planned", actions=dict(plan.counts()), bytes=plan.bytes_sent, notes=len(plan.notes))
        work.state.plan(run.deployment, plan.as_json(per_minute=work.requests_per_minute))
        failed = None if leaving else failed_before(observation, overrides)
        if failed is not None and _is_half_back(observation):
            raise _still_there(work, failed, observation.facts.manifest)
        if refusals := (*quarantine(failed), *plan.refusals):
            raise Refused(refusals)
        if plan.is_noop:
            return run.ended(Status.UNCHANGED, plan, None)
        if observation.busy:
            raise busy(work.site.domain, observation.facts.manifest.pending)
        work.reporter.planned(plan)
        return run.carry_out(observation, decision, leaving)


def failed_before(observation: Observation, overrides: Overrides) -> Failed | None:
    """What is recorded of this commit's failure, unless it shall be tried again in spite of it."""
    failed = observation.facts.manifest.failed
    return failed if failed and failed.commit == observation.facts.commit.id and not overrides.force else None


def _is_half_back(observation: Observation) -> bool:
    """Whether the way back from a commit that failed was cut off."""
    manifest, live = observation.facts.manifest, observation.facts.manifest.live
    if live is None or live.commit == observation.facts.commit.id or observation.busy:
        return False
    return manifest.commit != live.commit or manifest.pending is not None


def _still_there(work: SiteWork, failed: Failed, manifest: Manifest) -> NotWell:
    return NotWell(
        f"commit {failed.commit[:10]} {failed.reason} (deployment {failed.deployment}), "
        "and putting back what was live before was cut off",
        left=f"{work.site.domain} was left between the two.",
        failed=failed,
        previous=manifest.live,
    )


def quarantine(failed: Failed | None) -> Iterator[str]:
    """A commit that failed is not tried again by itself: every run of a timer would take the site down."""
    if failed is not None:
        yield (
            f"commit {failed.commit[:10]} {failed.reason} (deployment {failed.deployment}): "
            "deploy a newer commit, or pass --force to try this one again"
        )


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

    def carry_out(self, observation: Observation, decision: Decision, leaving: Failed | None) -> Outcome:
        work, plan, before = self.work, decision.plan, observation.facts.manifest
        if not plan.actions:
            completed = _completed(observation, decision, decision.settled)
            self.record.write_unclaimed(_now_live(completed, before, self._live(), leaving))
            return self.ended(Status.LIVE, plan, None)
        pending = intent(observation.facts, plan, self.deployment, owner=work.state.owner, who=work.who)
        claimed = self.record.claim(replace(before, settings=decision.known), pending, work.pause)
        execution = Execution(
            work, observation, plan, self.deployment.id, decision.settled, self.record, claimed
        )
        try:
            execution.run()
            execution.claimed = self.record.renew(execution.claimed)
        except (ApiError, Interrupted) as error:
            self._give_up(execution.claimed, error)
            raise
        completed = _completed(observation, decision, execution.settings.applied)
        answer = None
        if (reload := plan.reload) is not None:
            since = datetime.now(UTC)
            self._reload(reload, number=len(plan.actions))
            answer = self._check()
            if not answer.well:
                raise self._not_well(answer, completed, since)
        self.record.renew(execution.claimed)
        self._write_last(_now_live(completed, before, self._live(), leaving))
        log.info("live", commit=self.commit.id, url=work.site_url)
        return self.ended(Status.LIVE, plan, answer)

    def _live(self) -> Live:
        return Live(commit=self.commit.id, deployment=self.deployment.id, since=datetime.now(UTC))

    def _give_up(self, claimed: Manifest, error: ApiError | Interrupted) -> None:
        """After an orderly failure nobody has to wait for a lease; what was touched stays in doubt.

        Where nothing answers this could not be written either: the lease ends by itself then.
        """
        if not isinstance(error, Temporary):
            with suppress(DeployerError):
                self.record.write(claimed.prolonged(datetime.now(UTC)))

    def ended(self, status: Status, plan: Plan, answer: health.Answer | None) -> Outcome:
        detail = f"answered {answer.status} in {1000 * answer.seconds:.0f} ms" if answer else ""
        ended = self.work.state.end(self.deployment, status, base=self.base, detail=detail)
        log.info("deployment_ended", status=status, seconds=ended.seconds)
        return Outcome(deployment=ended, plan=plan, answer=answer)

    def _write_last(self, manifest: Manifest) -> None:
        try:
            self.record.write(manifest)
        except ApiError as error:
            error.left = (
                f"Everything of {self.commit.short} is on the server and the site answers as it should; "
                "only the record of that is missing, the next run writes it."
            )
            raise

    def _reload(self, action: Reload, *, number: int) -> None:
        """An answer that was lost or late does not say that the reload failed: the check after it tells.

        A fault is tried once more after a look at the site, as the platform's help page "Error
        reloading web app" advises.
        """
        api, domain, began = self.work.api, self.work.site.domain, monotonic()
        for attempt_number in (1, 2):
            try:
                outcome = api.webapps.reload(domain)
            except Temporary as error:
                log.warning("reload_unsure", attempt=attempt_number, problem=error.message)
                if attempt_number == 1:
                    self.work.pause(2.0)
                continue
            except NotFound as error:
                error.hint = "`deployer sync --force` looks at the web app and its settings again."
                raise
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

    def _not_well(self, answer: health.Answer, completed: Manifest, since: datetime) -> NotWell:
        """Evidence first, before anything else is touched; then the record, so that the next run need
        not guess what is on the server: it is known to the byte, it just is not live.
        """
        evidence = gather(self.work, answer.excerpt, since)
        failed = Failed(
            commit=self.commit.id,
            deployment=self.deployment.id,
            reason=f"did not answer as it should: {answer.problem}",
        )
        text = f"{self.work.site.domain} does not answer as it should: {answer.problem}\n{evidence}"
        left = f"All files of {self.commit.short} are on the server and the site runs them."
        error = NotWell(text, left=left, failed=failed, previous=completed.live)
        try:
            self.record.write(replace(completed, failed=failed))
        except ApiError as unwritten:
            error.left += f" That could not be recorded: {unwritten.message}"
        return error


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


def _completed(observation: Observation, decision: Decision, applied: AppliedSettings) -> Manifest:
    """The manifest once every action of the plan is true; what is live is another question."""
    facts = observation.facts
    return replace(
        facts.manifest,
        target=facts.site.target,
        commit=facts.commit.id,
        rules=fingerprint(facts.site.files),
        plain=facts.plain,
        files=apply(facts.manifest.files, (c for c in facts.changes if c.path not in decision.kept)),
        orphans=decision.orphans,
        theirs=decision.theirs,
        settings=replace(applied, wsgi=facts.wsgi.digest if facts.wsgi else applied.wsgi),
        pending=None,
    )


def _now_live(completed: Manifest, before: Manifest, live: Live, leaving: Failed | None) -> Manifest:
    """A commit that failed stays marked through a rollback, and is forgotten once another one is live."""
    if leaving is not None:
        return replace(completed, live=live, previous=None, failed=leaving)
    moved = before.live is not None and before.live.commit != live.commit
    return replace(completed, live=live, previous=before.live if moved else before.previous, failed=None)
