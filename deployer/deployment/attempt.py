"""One attempt to bring a commit to the server: observe, plan, claim, act, reload, check, record."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from time import monotonic

from deployer import health
from deployer.deployment import releases
from deployer.deployment.building import build_ahead
from deployer.deployment.evidence import gather
from deployer.deployment.execute import Execution
from deployer.deployment.hooks import HookFailed, HookNotRun
from deployer.deployment.observe import Observation, observe
from deployer.deployment.password import login
from deployer.deployment.record import Record, busy, intent
from deployer.deployment.site_work import SiteWork
from deployer.deployment.tls import where_to_ask
from deployer.errors import ApiError, DeployerError, Interrupted, NeedsPerson, NotFound, Refused, Temporary
from deployer.events import deployment_events, log
from deployer.model.actions import Reload, ReloadWebsite, RequestCertificate, RunHook
from deployer.model.deployment import Deployment, Status, Step
from deployer.model.files import Commit
from deployer.model.manifest import AppliedSettings, Failed, Live, Manifest
from deployer.model.overrides import Overrides
from deployer.model.plan import Note, Plan
from deployer.model.release import ReleaseOrder
from deployer.model.site import WebAppSettings
from deployer.planning.changes import apply, fingerprint
from deployer.planning.planner import Decision, decide
from deployer.planning.settings import webapp_before
from deployer.planning.tls import awaiting
from deployer.pythonanywhere import ReloadOutcome

NEW_WEBSITE_S = 15.0
"""How long a website that was just made may answer 404 (help page "ASGICommandLine": "some seconds")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a deployment ended that did not fail."""

    deployment: Deployment
    plan: Plan
    answer: health.Answer | None
    """What the site answered; None when nothing needed a reload."""
    notes: tuple[Note, ...] = ()
    """What came of it that the plan could not know."""


class NotWell(NeedsPerson):
    """A commit is on the server with which the site does not answer as it should."""

    def __init__(
        self, message: str, *, left: str, failed: Failed, previous: Live | None, undone: str = ""
    ) -> None:
        super().__init__(message, left=left)
        self.failed = failed
        self.previous = previous
        self.undone = undone
        """What putting the commit before back does not take back."""


def attempt(
    work: SiteWork,
    commit: Commit,
    overrides: Overrides,
    *,
    spoilt: frozenset[str] = frozenset(),
    leaving: Failed | None = None,
    record: Record | None = None,
) -> Outcome:
    """Try it, as one deployment of the history; the caller holds the site's lock.

    `record` is one that was just read, so that it need not be read again.

    `spoilt` paths are sent again. `leaving` is the commit that a rollback turns away from.
    Raises Refused, SiteBusy, ApiError, Interrupted, and NotWell when the site does not answer well.
    """
    with _begun(work, commit, record) as run:
        manifest = run.record.seen or run.record.read()
        ahead = work.site.releases is None or overrides.overwrite or overrides.move
        observation = observe(work, commit, manifest, overrides, spoilt, ahead=ahead)
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

    def __init__(self, work: SiteWork, commit: Commit, deployment: Deployment, record: Record | None) -> None:
        self.work = work
        self.commit = commit
        self.deployment = deployment
        self.record = record or Record(work.site, work.api)
        self.base: str | None = None
        self.undo: WebAppSettings | None = None
        self.leaving: Failed | None = None
        """The commit that a rollback turns away from."""
        self.told = releases.Served(well=True)
        """What the site said of its release."""

    def observed(self, observation: Observation) -> None:
        self.base = observation.facts.manifest.commit

    def carry_out(self, observation: Observation, decision: Decision, leaving: Failed | None) -> Outcome:
        work, plan, before = self.work, decision.plan, _until_live(observation)
        self.leaving = leaving
        self.undo = webapp_before(observation.facts.live, plan)
        if not plan.actions:
            completed = _completed(observation, decision, decision.settled)
            self.record.write_unclaimed(_now_live(completed, before, self._live(), leaving))
            return self.ended(Status.LIVE, plan, None)
        pending = intent(observation.facts, plan, self.deployment, owner=work.state.owner, who=work.who)
        if observation.facts.release is not None:
            pending = replace(pending, release=self._sent(observation, plan))
        claimed = self.record.claim(replace(before, settings=decision.known), pending, work.pause)
        execution = Execution(
            work, observation, plan, self.deployment.id, decision.settled, self.record, claimed
        )
        self._act(observation, plan, execution)
        completed = _completed(observation, decision, execution.settings.applied)
        completed = _with_release(completed, execution.claimed, is_built=plan.reload is not None)
        answer = None
        if plan.reload is not None or plan.starts_website:
            completed, answer = self._show(observation, plan, execution, completed)
        execution.claimed = self.record.renew(execution.claimed)
        self._follow(plan, execution, completed)
        completed = replace(
            completed, settings=replace(completed.settings, always_on=execution.settings.applied.always_on)
        )
        self._write_last(_now_live(completed, before, self._live(), leaving))
        log.info("live", commit=self.commit.id, url=work.site_url)
        notes = (*_learned(work, plan, completed), *_left_flat(work, self.told))
        return self.ended(Status.LIVE, plan, answer, notes)

    def _act(self, observation: Observation, plan: Plan, execution: Execution) -> None:
        """Everything up to the reload."""
        execution.build = partial(self._build, observation, plan, execution)
        try:
            execution.run()
            execution.claimed = self._ordered(self.record.renew(execution.claimed))
        except HookFailed as failure:
            doubtful = execution.claimed.prolonged(datetime.now(UTC))
            if observation.has_first_release:
                doubtful = self._without_releases(observation, execution)
            raise self._hook_failed(failure, plan, doubtful) from None
        except (ApiError, Interrupted, HookNotRun) as error:
            self._give_up(_held(execution.claimed), error)
            raise

    def _show(
        self, observation: Observation, plan: Plan, execution: Execution, completed: Manifest
    ) -> tuple[Manifest, health.Answer]:
        """Reload, see the release served, see the site answer well. Raises NotWell.

        Returns `completed` with what the site told of its release.
        """
        since = datetime.now(UTC)
        if plan.reload is not None:
            self._reload(plan.reload, number=len(plan.steps) + 1)
            self._switch(observation, plan, execution, since)
            completed = _with_release(completed, execution.claimed)
            if self.told.flat_left == 0:
                completed = replace(completed, flat={})
        url = where_to_ask(self.work, observation.facts.tls, execution.settings.applied.tls)
        answer = self._check(url, is_new=plan.starts_website)
        if answer.well:
            return completed, answer
        known = completed
        if observation.has_first_release:
            known = self._without_releases(observation, execution)
        raise self._not_well(answer, plan, known, since)

    def _follow(self, plan: Plan, execution: Execution, completed: Manifest) -> None:
        """What comes after the check."""
        try:
            execution.after_live()
            execution.restart()
        except HookFailed as failure:
            raise self._hook_failed(failure, plan, completed) from None
        except (ApiError, Interrupted, HookNotRun) as error:
            self._give_up(execution.claimed, error)
            raise

    def _sent(self, observation: Observation, plan: Plan) -> ReleaseOrder:
        """Nothing on the server uses what is sent here, and nobody has a claim yet."""
        try:
            held = any(isinstance(action, RunHook) for action in plan.steps)
            return releases.order(self.work, observation, plan, self.deployment, held=held)
        except (ApiError, Interrupted) as error:
            error.left = "Nothing that the site uses was changed."
            raise

    def _build(self, observation: Observation, plan: Plan, execution: Execution, action: RunHook) -> None:
        """The release that hooks run in before it is served; sent whole once, as in `_switched`."""
        pending = execution.claimed.pending
        order = pending.release if pending else None
        if pending is None or order is None:
            return
        told = build_ahead(self.work, order, action.hook.via, execution.keep_claim)
        if told.kind in releases.SENT_AGAIN:
            log.warning("release_sent_whole", release=order.id, reason=told.text)
            order = releases.order(self.work, observation, plan, self.deployment, alone=True, held=True)
            execution.claimed = execution.claimed.with_pending(replace(pending, release=order))
            self.record.write(execution.claimed)
            told = build_ahead(self.work, order, action.hook.via, execution.keep_claim)
        if not told.well:
            raise HookFailed(action, f"was not run: release {order.id} cannot be built: {told.text}", "")

    def _ordered(self, claimed: Manifest) -> Manifest:
        """With the order in force that waited for hooks: from now on whatever starts the site serves it."""
        pending = claimed.pending
        if pending is None or pending.release is None or not pending.release.held:
            return claimed
        claimed = claimed.with_pending(replace(pending, release=replace(pending.release, held=False)))
        self.record.write(claimed)
        return claimed

    def _switch(self, observation: Observation, plan: Plan, execution: Execution, since: datetime) -> None:
        """See the site serve what the claim orders. Raises NotWell when it does not, with what it says."""
        order = _order(execution.claimed)
        if order is None or plan.reload is None:
            return
        try:
            told = self._served(observation, plan, execution, order, plan.reload)
        except (ApiError, Interrupted) as error:
            error.left = (
                f"Release {order.id} is ordered; whether the site runs it already is not known. "
                "The next run looks."
            )
            self._give_up(execution.claimed, error)
            raise
        if not told.well:
            raise self._not_served(told, order, plan, execution, since)
        self.told = told

    def _served(
        self, observation: Observation, plan: Plan, execution: Execution, order: ReleaseOrder, reload: Reload
    ) -> releases.Served:
        """What the site says of the release.

        A site that says nothing was not reloaded, or by a server that was not shown the record yet: it is
        reloaded once more. What the release is built from may have been changed or removed on the server:
        then it is sent whole, once.
        """
        told = releases.served(self.work, order)
        if told.kind == releases.SILENT:
            self._reload(reload, number=len(plan.actions) + 1)
            told = releases.served(self.work, order)
        if told.kind in releases.SENT_AGAIN:
            log.warning("release_sent_whole", release=order.id, reason=told.text)
            order = releases.order(self.work, observation, plan, self.deployment, alone=True)
            execution.claimed = _ordering(self.record.renew(execution.claimed), order)
            self.record.write(execution.claimed)
            self._reload(reload, number=len(plan.actions) + 1)
            told = releases.served(self.work, order)
        return told

    def _not_served(
        self,
        told: releases.Served,
        order: ReleaseOrder,
        plan: Plan,
        execution: Execution,
        since: datetime,
    ) -> NotWell:
        """The site runs what it ran; only the record still names what it could not run."""
        observation = execution.observation
        before = observation.recorded
        failed = Failed(
            commit=self.commit.id,
            deployment=self.deployment.id,
            webapp=self.undo,
            reason=f"could not be served: {told.text.splitlines()[-1] if told.text else told.kind}",
        )
        text = f"{self.work.site.domain} does not serve release {order.id}: {told.text}"
        evidence = gather(self.work, "", since)
        error = NotWell(
            f"{text}\n{evidence}".rstrip(),
            left=releases.left_by(told, order),
            failed=failed,
            previous=before.live,
            undone=_undone(plan),
        )
        known = (
            self._without_releases(observation, execution)
            if observation.has_first_release
            else (execution.claimed.prolonged(datetime.now(UTC)))
        )
        known = replace(
            known,
            releases=releases.remembered(before, order, failed=failed.reason),
        )
        return self._recorded(error, known)

    def _live(self) -> Live:
        return Live(commit=self.commit.id, deployment=self.deployment.id, since=datetime.now(UTC))

    def _give_up(self, claimed: Manifest, error: ApiError | Interrupted | HookNotRun) -> None:
        """After an orderly failure nobody has to wait for a lease; what was touched stays in doubt.

        Where nothing answers this could not be written either: the lease ends by itself then.
        """
        if not isinstance(error, Temporary):
            with suppress(DeployerError):
                self.record.write(claimed.prolonged(datetime.now(UTC)))

    def ended(
        self, status: Status, plan: Plan, answer: health.Answer | None, notes: tuple[Note, ...] = ()
    ) -> Outcome:
        detail = f"answered {answer.status} in {1000 * answer.seconds:.0f} ms" if answer else ""
        ended = self.work.state.end(self.deployment, status, base=self.base, detail=detail)
        log.info("deployment_ended", status=status, seconds=ended.seconds)
        return Outcome(deployment=ended, plan=plan, answer=answer, notes=notes)

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
                family = api.websites if isinstance(action, ReloadWebsite) else api.webapps
                outcome = family.reload(domain)
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

    def _check(self, url: str | None, *, is_new: bool) -> health.Answer:
        """`url` None: nobody can be let in yet."""
        work = self.work if url is None else replace(self.work, site_url=url)
        if not work.site.health.enabled or url is None:
            reason = "health.check = false" if url else "there is no certificate yet, and force_https is on"
            log.warning("health_not_checked", reason=reason)
            return health.Answer(well=True, status=None, problem="", excerpt="", seconds=0.0, tries=0)
        answer = health.wait_until_well(
            work.site_url,
            work.host_header,
            work.site.health,
            work.pause,
            login=login(work),
            new_for_s=min(NEW_WEBSITE_S, work.site.health.timeout_s / 2) if is_new else 0.0,
        )
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

    def _not_well(self, answer: health.Answer, plan: Plan, completed: Manifest, since: datetime) -> NotWell:
        """Evidence first, before anything else is touched; then the record, so that the next run need
        not guess what is on the server: it is known to the byte, it just is not live.
        """
        evidence = gather(self.work, answer.excerpt, since)
        failed = Failed(
            commit=self.commit.id,
            deployment=self.deployment.id,
            webapp=self.undo,
            reason=f"did not answer as it should: {answer.problem}",
        )
        text = f"{self.work.site.domain} does not answer as it should: {answer.problem}\n{evidence}"
        left = f"All files of {self.commit.short} are on the server and the site runs them."
        error = NotWell(text, left=left, failed=failed, previous=completed.live, undone=_undone(plan))
        return self._recorded(error, _with_failed_release(completed, failed))

    def _without_releases(self, observation: Observation, execution: Execution) -> Manifest:
        """What is on the server when the first release is no good: everything as it was, but for settings.

        The WSGI file is put back here: a site that was started again meanwhile would find nothing to serve,
        and where the file is not ours, nobody else would.
        """
        settings, site = execution.settings.applied, self.work.site
        order = _order(execution.claimed)
        if order is not None and order.former is not None:
            copy = f"{site.record_directory}/{order.former}"
            try:
                self.work.api.files.write(site.wsgi_path, self.work.api.files.read(copy))
            except ApiError as error:
                error.left = (
                    f"Release {order.id} is no good. The site runs what it ran, by way of {copy}; to put "
                    f"that back into {site.wsgi_path} failed. The next run goes on."
                )
                raise
            settings = replace(settings, wsgi=observation.recorded.settings.wsgi)
        return replace(execution.claimed.prolonged(datetime.now(UTC)), settings=settings)

    def _hook_failed(self, failure: HookFailed, plan: Plan, known: Manifest) -> NotWell:
        """`known` is what is certain of the server: before the reload all of this deployment is in doubt, but
        for what the journal confirms.
        """
        early = failure.action.hook.at == "before_reload"
        files = f"All files of {self.commit.short} are on the server"
        failed = Failed(
            commit=self.commit.id,
            deployment=self.deployment.id,
            webapp=self.undo,
            reason=f"failed: {failure.how}",
        )
        error = NotWell(
            f"{self.work.site.domain}: {failure.message}",
            left=f"{files}; the site was not reloaded." if early else f"{files} and the site runs them.",
            failed=failed,
            previous=known.live,
            undone=_undone(plan),
        )
        return self._recorded(error, known)

    def _recorded(self, error: NotWell, known: Manifest) -> NotWell:
        """A claim that is left orders no release, unless it was never in force: whatever starts the site next
        is not to try this one.
        """
        order = _order(known)
        if known.pending is not None and order is not None and not order.held:
            known = known.with_pending(replace(known.pending, release=None))
        failed = error.failed
        if self.leaving is not None and known.live is not None and self.leaving.commit != known.live.commit:
            failed = self.leaving  # not even the way back from it is a reason to try it again
        try:
            self.record.write(replace(known, failed=failed))
        except ApiError as unwritten:
            error.left += f" That could not be recorded: {unwritten.message}"
        return error


def _held(claimed: Manifest) -> Manifest:
    """What was given up before its reload is not to be served by a worker that starts some time later."""
    order = _order(claimed)
    return claimed if order is None else _ordering(claimed, replace(order, held=True))


def _order(claimed: Manifest) -> ReleaseOrder | None:
    return claimed.pending.release if claimed.pending else None


def _ordering(claimed: Manifest, order: ReleaseOrder) -> Manifest:
    return claimed.with_pending(replace(claimed.pending, release=order) if claimed.pending else None)


def _undone(plan: Plan) -> str:
    hooks = any(isinstance(action, RunHook) for action in plan.actions)
    return "What its hooks have done on the server is not undone." if hooks else ""


@contextmanager
def _begun(work: SiteWork, commit: Commit, record: Record | None) -> Iterator[_Run]:
    """A deployment in the history, with its events, ended whatever happens."""
    deployment = work.state.begin(work.site.domain, commit)
    run = _Run(work, commit, deployment, record)
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


def _learned(work: SiteWork, plan: Plan, completed: Manifest) -> tuple[Note, ...]:
    tls = completed.settings.tls
    asked = any(isinstance(action, RequestCertificate) for action in plan.actions)
    return (awaiting(work.site, tls),) if asked and tls is not None and tls.is_awaited else ()


def _left_flat(work: SiteWork, told: releases.Served) -> Iterator[Note]:
    if told.flat_changed:
        number = f"{told.flat_changed} file" + ("s" if told.flat_changed > 1 else "")
        reason = f"{number} of the site as it was before its releases were changed since, and stay: "
        reason += f"{work.site.record_directory}/report.json names them"
        yield Note(subject=work.site.target, reason=reason)
    elif told.flat_left:
        reason = f"{told.flat_left} files of the site as it was before its releases go next time"
        yield Note(subject=work.site.target, reason=reason)


def _completed(observation: Observation, decision: Decision, applied: AppliedSettings) -> Manifest:
    """The manifest once every action of the plan is true; what is live is another question."""
    facts = observation.facts
    return replace(
        facts.manifest,
        target=facts.site.root,
        commit=facts.commit.id,
        rules=fingerprint(facts.site.files),
        plain=facts.plain,
        files=apply(facts.manifest.files, (c for c in facts.changes if c.path not in decision.kept)),
        orphans=decision.orphans,
        theirs=decision.theirs,
        settings=replace(applied, wsgi=facts.wsgi.digest if facts.wsgi else applied.wsgi),
        pending=None,
    )


def _until_live(observation: Observation) -> Manifest:
    """What a claim is written into. A site that is to have its first release keeps the record of what it is:
    all of that stays on the server, to go back to.
    """
    return observation.recorded if observation.has_first_release else observation.facts.manifest


def _with_release(completed: Manifest, claimed: Manifest, *, is_built: bool = True) -> Manifest:
    order = claimed.pending.release if claimed.pending else None
    if order is None:
        return replace(completed, release=None)
    return replace(
        completed,
        release=releases.without_archives(order) if is_built else order,
        releases=releases.remembered(completed, order, failed=None),
    )


def _with_failed_release(known: Manifest, failed: Failed) -> Manifest:
    """It is on the server, and not to be gone back to."""
    if known.release is None or known.release.commit != failed.commit:
        return known
    return replace(known, releases=releases.remembered(known, known.release, failed=failed.reason))


def _now_live(completed: Manifest, before: Manifest, live: Live, leaving: Failed | None) -> Manifest:
    """A commit that failed stays marked through a rollback, and is forgotten once another one is live.

    Going back by itself to what never ceased to be recorded as live does not change where `rollback` goes.
    """
    moved = before.live is not None and before.live.commit != live.commit
    if leaving is not None:
        return replace(completed, live=live, previous=None if moved else before.previous, failed=leaving)
    return replace(completed, live=live, previous=before.live if moved else before.previous, failed=None)
