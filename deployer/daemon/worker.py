"""One site's worker: takes its orders one after another, and looks at its branch when somebody hints."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Condition, Thread
from time import monotonic

from deployer.config import Context, is_url
from deployer.daemon.certificates import CertificateWatch
from deployer.daemon.drift import DriftWatch
from deployer.daemon.hooks import Ended, Hooks
from deployer.daemon.progress import LiveProgress
from deployer.daemon.stop import StopFlag
from deployer.daemon.view import ExpiryView
from deployer.deployment.deploy import deploy, rollback
from deployer.deployment.renewal import what_is_live
from deployer.deployment.rooms import Rooms, Workplace, open_rooms
from deployer.deployment.site_work import Silent, SiteWork
from deployer.deployment.verify import heal, verify
from deployer.errors import DeployerError, ExitStatus, Interrupted, SiteBusy, Temporary, UsageError
from deployer.events import log
from deployer.git import Mirror, Repository, mirror_folder
from deployer.model.deployment import Status
from deployer.model.files import Commit
from deployer.model.order import Order, Source, Work
from deployer.model.overrides import Overrides
from deployer.pythonanywhere import RequestDone
from deployer.state import End, Orders, State

FIRST_RETRY_S = 15.0
LAST_RETRY_S = 900.0
BUSY_RETRY_S = 60.0
"""How long to wait before looking again whether somebody else's deployment has ended."""
SILENCE_S = 240.0
"""A run that made no request and asked for no stop for so long hangs; no time-out of ours is longer."""
SHUTDOWN = "the daemon is stopping"


@dataclass(slots=True)
class Wishes:
    """What was hinted and is not persisted: a start looks at everything anyway."""

    look: str | None = None
    """A hint in words: see whether the branch has moved."""
    orders: bool = False
    """The orders may have changed since they were last read."""
    chores: list[Callable[[], None]] = field(default_factory=list)
    """Drift and expiry: done when no order waits."""


class SiteWorker:
    """The thread of one site. Everything public may be called from any thread."""

    def __init__(self, context: Context, orders: Orders, hooks: Hooks) -> None:
        self.name = str(context.site)
        self.context = context
        self.orders = orders
        self.hooks = hooks
        self.progress: LiveProgress | None = None
        self.expiry: tuple[ExpiryView, ...] = ()
        """As far as it is known; empty before the first look."""
        username = context.account.username.value
        self.drift = DriftWatch(context.state.value, site=self.name, may_go_on=lambda: hooks.quiet(username))
        self.certificate = CertificateWatch(self.name)
        self.looked = False
        """Whether the branch has been looked at since the start."""
        self._flag: StopFlag | None = None
        self._wishes = Wishes()
        self._stopping = False
        self._condition = Condition()
        self._thread = Thread(target=self._run, name=f"site-{self.name}", daemon=True)

    def start(self) -> None:
        self._wishes.look = Source.START
        self._thread.start()

    def stop(self) -> None:
        """Ask it to stop after the request in flight; `join` waits for it."""
        with self._condition:
            self._stopping = True
            if self._flag is not None:
                self._flag.ask(SHUTDOWN)
            self._condition.notify_all()

    def join(self, timeout_s: float) -> bool:
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def wake(self) -> None:
        """An order was posted, or deployments were thawed."""
        with self._condition:
            self._wishes.orders = True
            self._condition.notify_all()

    def look(self, hint: str) -> None:
        """The branch may have moved."""
        with self._condition:
            self._wishes.look = hint
            self._condition.notify_all()

    def do(self, chore: Callable[[], None]) -> None:
        """Something that can wait until there is nothing to deploy."""
        with self._condition:
            if chore not in self._wishes.chores:
                self._wishes.chores.append(chore)
            self._condition.notify_all()

    def cancel(self) -> bool:
        """Stop what runs, drop what waits. False: there was nothing."""
        dropped = self.orders.drop(self.name, "cancelled before it began")
        with self._condition:
            running = self._flag is not None
            if self._flag is not None:
                self._flag.ask("cancelled")
        self.hooks.changed()
        return running or bool(dropped)

    @property
    def repository_path(self) -> Path:
        """Where the repository, or its mirror, is on this machine."""
        if is_url(self.context.repo.value):
            return mirror_folder(self.context.state.value, self.context.repo.value)
        return Path(self.context.repo.value)

    @property
    def gate_path(self) -> Path:
        """Commits that a gate holds back until they are live."""
        return self.context.state.value / "gates" / f"{self.name}.git"

    @property
    def has_something_to_deploy(self) -> bool:
        """Whether chores have to give way."""
        if self._stopping or self._wishes.look is not None:
            return True
        due = self.orders.next_due(self.name)
        return due is not None and due <= datetime.now(UTC) and self.orders.frozen(self.name) is None

    @contextmanager
    def looking(self) -> Iterator[SiteWork]:
        """What a look at the server needs, in the worker's thread; it ends when the daemon stops.

        Raises what opening may raise; UsageError where nothing was deployed yet.
        """
        flag = StopFlag(lambda: self.hooks.watchdog.beat(self.name))
        with self._condition:
            self._flag = flag
            if self._stopping:
                flag.ask(SHUTDOWN)
        try:
            known = self.orders.known(self.name)
            if known.domain is None:
                raise UsageError(f"nothing of {self.name} was deployed yet")
            with open_rooms(
                self.context,
                path=self.repository_path,
                rev=known.handled,
                reporter=Silent(),
                stop=flag,
                on_request=self._requested,
            ) as rooms:
                yield rooms.place().work
        finally:
            with self._condition:
                self._flag = None

    def _run(self) -> None:
        while not self._stopping:
            try:
                self._once()
            except DeployerError as error:  # the state folder: full, or gone
                log.error("worker_failed", site=self.name, error=error.message)
                self._rest(FIRST_RETRY_S)
            except Exception as error:  # noqa: BLE001 - a bug must not end the site's worker for ever
                log.exception("worker_bug", site=self.name, error=f"{type(error).__name__}: {error}")
                self._rest(FIRST_RETRY_S)

    def _once(self) -> None:
        with self._condition:
            hint, self._wishes.look = self._wishes.look, None
            self._wishes.orders = False
        if hint is not None:
            self._look(hint)
        frozen = self.orders.frozen(self.name) is not None
        order = None if frozen or self._stopping else self.orders.take(self.name)
        if order is not None:
            self._carry_out(order)
            return
        with self._condition:
            chore = self._wishes.chores.pop(0) if self._wishes.chores and not self._stopping else None
        if chore is not None:
            with self.hooks.watchdog.working(self.name, SILENCE_S):
                chore()
            return
        due = None if frozen else self.orders.next_due(self.name)
        left = (due - datetime.now(UTC)).total_seconds() if due else None
        self._wait(left)

    def _wait(self, seconds: float | None) -> None:
        """Until somebody wants something, or so long."""
        with self._condition:
            wishes = self._wishes
            wanted = self._stopping or wishes.look or wishes.orders or wishes.chores
            if not wanted and (seconds is None or seconds > 0):
                self._condition.wait(seconds)

    def _rest(self, seconds: float) -> None:
        """So long whatever anybody wants: what failed just now would fail again at once."""
        with self._condition:
            self._condition.wait_for(lambda: self._stopping, seconds)

    def _look(self, hint: str) -> None:
        """Post an order when the branch is not where the last one left it."""
        known = self.orders.known(self.name)
        try:
            with self.hooks.watchdog.working(self.name, SILENCE_S):
                self._fetch(lambda: self.hooks.watchdog.beat(self.name))
                with Repository(self.repository_path) as repository:
                    commit = repository.resolve(self.context.branch.value or "HEAD")
        except DeployerError as error:
            if known.problem != error.message:
                log.warning("look_failed", site=self.name, hint=hint, problem=error.message)
                self.orders.learn(self.name, problem=error.message)
        else:
            if commit.id != known.handled:
                order = self.orders.post(self.name, source=hint)
                log.info("ordered", site=self.name, order=order.id, source=hint, commit=commit.id)
            elif known.problem and not self._ended_badly(known.domain):
                self.orders.learn(self.name, problem="")
        self.looked = True
        self.hooks.changed()

    def _ended_badly(self, domain: str | None) -> bool:
        """Whether the problem that is shown is a deployment's, and not one of the repository."""
        if domain is None:
            return False
        with State(self.context.state.value) as state:
            last = state.deployments(domain, most=1, unchanged=False)
        return bool(last) and last[0].status is not Status.LIVE

    def _fetch(self, check: Callable[[], None]) -> None:
        if is_url(self.context.repo.value):
            mirror = Mirror(self.context.repo.value, self.repository_path)
            mirror.fetch(self.context.branch.value or "main", check_stop=check)

    def _carry_out(self, order: Order) -> None:
        began = monotonic()
        flag = StopFlag(lambda: self.hooks.watchdog.beat(self.name))
        per_minute = self.context.account.requests_per_minute.value
        progress = LiveProgress(order.id, per_minute, self._alive)
        with self._condition:
            self._flag, self.progress = flag, progress
            if self._stopping:
                flag.ask(SHUTDOWN)
        log.info("order_taken", site=self.name, order=order.id, sources=order.sources, work=order.work)
        ended = Ended(order=order, site=self.name, context=self.context)
        try:
            with self.hooks.watchdog.working(self.name, SILENCE_S):
                self._deploy(order, flag, progress, ended)
        except DeployerError as error:
            ended.error = error
        except Exception as error:  # noqa: BLE001 - told as what it is, and the worker goes on
            ended.error = DeployerError(f"a bug of ours: {type(error).__name__}: {error}")
            log.exception("worker_bug", site=self.name, error=str(ended.error.message))
        finally:
            with self._condition:
                self._flag = None
        ended.seconds = monotonic() - began
        try:
            self._close(order, ended)
        finally:
            self.progress = None
        self.hooks.ended(ended)
        self.hooks.changed()

    def _alive(self) -> None:
        self.hooks.watchdog.beat(self.name)
        self.hooks.changed()

    def _deploy(self, order: Order, flag: StopFlag, progress: LiveProgress, ended: Ended) -> None:
        with self._opened(order, flag, progress) as rooms:
            ended.commit = rooms.commit
            progress.at(rooms.commit.id, rooms.commit.subject)
            rooms.state.reserve(order.id)
            place = self._place(rooms, order)
            work = place.work
            self.orders.learn(self.name, domain=work.site.domain, url=work.site_url)
            ended.domain = work.site.domain
            if order.work is Work.RENEW:
                ended.commit = what_is_live(work)
            commit = ended.commit
            self.hooks.begun(ended)
            match order.work:
                case Work.ROLLBACK:
                    ended.outcome = rollback(work, order.rev)
                    ended.commit = rooms.repository.resolve(ended.outcome.deployment.commit)
                case Work.HEAL:
                    ended.outcome = heal(work, self.drift.found() or verify(work))
                case Work.RENEW:
                    ended.outcome = deploy(work.at(commit), commit, Overrides())
                case Work.DEPLOY:
                    ended.outcome = deploy(work, rooms.commit, Overrides(force=order.force))

    @contextmanager
    def _opened(self, order: Order, flag: StopFlag, progress: LiveProgress) -> Iterator[Rooms]:
        gated = order.work is Work.DEPLOY and order.rev is not None
        if not gated:
            self._fetch(flag.check)
        with open_rooms(
            self.context,
            path=self.gate_path if gated else self.repository_path,
            rev=order.rev if gated else None,
            reporter=progress,
            stop=flag,
            on_request=self._requested,
            on_wait=lambda wait: self.hooks.observer.waited(wait.seconds),
            changed=self.hooks.changed,
        ) as rooms:
            yield rooms

    def _requested(self, done: RequestDone) -> None:
        self.hooks.watchdog.beat(self.name)
        self.hooks.observer.request(str(done.endpoint), done.status)

    def _place(self, rooms: Rooms, order: Order) -> Workplace:
        """A commit whose configuration is bad still is a deployment that ended, for whoever asks."""
        try:
            return rooms.place()
        except DeployerError as error:
            domain = self.orders.known(self.name).domain or self.name
            deployment = rooms.state.begin(domain, rooms.commit)
            rooms.state.end(deployment, Status.REFUSED, base=None, detail=str(error))
            log.error("deployment_refused", site=self.name, deployment=order.id, error=error.message)
            raise

    def _close(self, order: Order, ended: Ended) -> None:
        """What becomes of the order: done, or waiting for better times."""
        error = ended.error
        now = datetime.now(UTC)
        if isinstance(error, Interrupted) and self._stopping:
            self.orders.put_back(order, not_before=now, attempts=order.attempts, problem=error.message)
            return
        if isinstance(error, Temporary | SiteBusy):
            wait = self._retry_s(order, error)
            ended.will_retry = True
            log.warning("order_postponed", site=self.name, order=order.id, seconds=wait, why=error.message)
            self.orders.put_back(
                order,
                not_before=now + timedelta(seconds=wait),
                attempts=order.attempts + 1,
                problem=error.message,
            )
            self.orders.learn(self.name, problem=error.message)
            return
        handled = ended.commit
        if handled is not None and order.work not in (Work.HEAL, Work.RENEW):
            self.orders.learn(self.name, handled=self._branch_at(handled, order))
        problem = "" if error is None or isinstance(error, Interrupted) else str(error)
        self.orders.learn(self.name, problem=problem)
        status = ExitStatus.OK if error is None else error.exit_status
        self.orders.end(order, End(exit_status=int(status), detail=problem or str(error or "")))

    def _branch_at(self, commit: Commit, order: Order) -> str:
        """After a rollback the branch stands where it stood: no poll shall deploy that again. Nor what the
        branch still has while a gate holds the pushed commit back.
        """
        if order.work is not Work.ROLLBACK and order.rev is None:
            return commit.id
        try:
            with Repository(self.repository_path) as repository:
                return repository.resolve(self.context.branch.value or "HEAD").id
        except UsageError:
            return commit.id

    def _retry_s(self, order: Order, error: DeployerError) -> float:
        if isinstance(error, SiteBusy):
            return BUSY_RETRY_S
        return min(FIRST_RETRY_S * 2.0**order.attempts, LAST_RETRY_S)
