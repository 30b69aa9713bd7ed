"""The daemon: a worker for each site, the triggers that wake them, and the view that everybody reads."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any

from deployer.config import Context, MachineConfig, every_site, is_url, load_machine
from deployer.daemon.chores import Chores
from deployer.daemon.hooks import Ended, Hooks, LifeSign
from deployer.daemon.observer import Observer
from deployer.daemon.telling import Telling
from deployer.daemon.view import LiveView, SiteView
from deployer.daemon.worker import SiteWorker
from deployer.errors import DeployerError, UsageError
from deployer.events import log
from deployer.model.deployment import Deployment, Status, Step
from deployer.model.order import Order, Source, Work
from deployer.state import End, Orders, State, only_daemon
from deployer.triggers.refs import RefWatcher, RefWatchers

SHOWN = 5
"""How many deployments of a site the overview shows."""


class UnknownSite(UsageError):
    """No [site.<name>] table has that name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(
            f"there is no site {name} here", hint=f"There is {', '.join(sorted(known)) or 'none'}."
        )


class Daemon:
    """Everything that `deployer run` runs, but for HTTP and the control socket. A `View`."""

    def __init__(
        self, machine: MachineConfig, environ: Mapping[str, str], *, observer: Observer, watchdog: LifeSign
    ) -> None:
        """Raises ConfigError or UsageError when nothing could run with this configuration."""
        contexts = usable(machine, environ)
        self.machine = machine
        self._environ = environ
        self._lock = Lock()
        self._watchers: set[Callable[[], None]] = set()
        folder = contexts[0].state.value
        self._sole = only_daemon(folder)
        self.orders = Orders(folder)
        self.orders.recover()
        self.folder = folder
        self._telling = Telling(machine, environ)
        self._telling.configure(machine, contexts)
        self._hooks = Hooks(
            changed=self._changed,
            quiet=self._quiet,
            begun=self._telling.begun,
            ended=self._ended,
            observer=observer,
            watchdog=watchdog,
        )
        self._refs = RefWatchers()
        self._watched: dict[str, tuple[Path, RefWatcher]] = {}
        self._chores = Chores(folder, self._telling, self.post)
        self._workers = {str(c.site): SiteWorker(c, self.orders, self._hooks) for c in contexts}

    def start(self) -> None:
        """Watch, poll, and look at every site once."""
        for worker in self._workers.values():
            self._begin(worker)
        self._chores.start()
        log.info("daemon_started", sites=sorted(self._workers), state=str(self.folder))

    def stop(self, timeout_s: float) -> bool:
        """Let each request in flight end; what is not done waits for the next start. False: too slow."""
        until = monotonic() + timeout_s
        self._chores.stop()
        self._refs.stop()
        for worker in self._workers.values():
            worker.stop()
        ended = [worker.join(max(0.0, until - monotonic())) for worker in self._workers.values()]
        self._telling.stop(max(0.0, until - monotonic()))
        if all(ended):
            self.orders.close()
            self._sole.close()
        log.info("daemon_stopped", clean=all(ended))
        return all(ended)

    def reload(self) -> None:
        """Take the configuration file anew. Raises ConfigError or UsageError; the old one stays then."""
        machine = load_machine(self.machine.path)
        contexts = usable(machine, self._environ)
        if contexts[0].state.value != self.folder:
            raise UsageError("[daemon] state cannot change while the daemon runs", hint="Restart it.")
        wanted = {str(context.site): context for context in contexts}
        self._telling.configure(machine, contexts)
        with self._lock:
            gone = [worker for name, worker in self._workers.items() if name not in wanted]
            kept = {name: worker for name, worker in self._workers.items() if name in wanted}
            new = {
                name: SiteWorker(context, self.orders, self._hooks)
                for name, context in wanted.items()
                if name not in kept
            }
            self._workers = kept | new
            self.machine = machine
        for worker in gone:
            self._unwatch(worker.name)
            self._chores.remove(worker.name)
            worker.stop()
        for name, worker in kept.items():
            worker.context = wanted[name]
            self._watch(worker)
            self._chores.add(worker)
            worker.look("signal reload")
        for worker in new.values():
            self._begin(worker)
        log.info("configuration_reloaded", sites=sorted(wanted))
        self._changed()

    def look(self, hint: str) -> None:
        """See whether any branch has moved."""
        for worker in self._workers.values():
            worker.look(hint)

    @property
    def url(self) -> str:
        """Where people find the status page."""
        table = self.machine.daemon
        return (table.url or f"http://{table.listen}").rstrip("/")

    @property
    def workers(self) -> Mapping[str, SiteWorker]:
        """By the name of the site."""
        with self._lock:
            return dict(self._workers)

    def worker(self, site: str) -> SiteWorker:
        """Raises UnknownSite."""
        with self._lock:
            worker = self._workers.get(site)
            if worker is None:
                raise UnknownSite(site, [*self._workers])
            return worker

    # What a View has to offer.

    def sites(self) -> tuple[SiteView, ...]:
        return tuple(self._view(worker) for worker in self.workers.values())

    def site(self, name: str) -> SiteView:
        return self._view(self.worker(name))

    def ready(self) -> tuple[str, ...]:
        return tuple(
            f"{name}: the branch has not been looked at yet"
            for name, worker in self._workers.items()
            if not worker.looked
        )

    def history(self, site: str | None, *, most: int) -> Sequence[Deployment]:
        domain = None
        if site is not None:
            self.worker(site)
            domain = self.orders.known(site).domain or site
        with self._state() as state:
            return state.deployments(domain, most=most)

    def deployment(self, id_: str) -> Deployment:
        with self._state() as state:
            return state.deployment(id_)

    def attempts(self, id_: str) -> Sequence[Deployment]:
        """The deployments that an order has led to so far, or the one of that id."""
        with self._state() as state:
            return state.attempts(id_)

    def order(self, id_: str) -> Order | None:
        return self.orders.order(id_)

    def end_of(self, id_: str) -> End | None:
        """How an order ended; None: it has not."""
        return self.orders.ended(id_)

    def steps(self, deployment: str) -> Sequence[Step]:
        with self._state() as state:
            return state.steps(deployment)

    def events(self, deployment: str) -> Sequence[dict[str, Any]]:
        with self._state() as state:
            return state.events(deployment)

    def post(
        self,
        site: str,
        *,
        source: str,
        work: Work = Work.DEPLOY,
        force: bool = False,
        rev: str | None = None,
    ) -> Order:
        worker = self.worker(site)
        order = self.orders.post(site, source=source, work=work, force=force, rev=rev)
        log.info("ordered", site=site, order=order.id, source=source, work=work)
        worker.wake()
        self._changed()
        return order

    def cancel(self, site: str) -> bool:
        return self.worker(site).cancel()

    def freeze(self, site: str | None, message: str) -> None:
        if site is not None:
            self.worker(site)
        self.orders.freeze(site, message)
        log.warning("frozen", site=site or "all", message=message)
        self._changed()

    def thaw(self, site: str | None) -> None:
        if site is not None:
            self.worker(site)
        self.orders.thaw(site)
        log.info("thawed", site=site or "all")
        for worker in self._workers.values():
            worker.wake()
        self._changed()

    @contextmanager
    def watching(self, woken: Callable[[], None]) -> Iterator[None]:
        with self._lock:
            self._watchers.add(woken)
        try:
            yield
        finally:
            with self._lock:
                self._watchers.discard(woken)

    def _begin(self, worker: SiteWorker) -> None:
        if telling := self._telling.site(worker.name):
            domain = self.orders.known(worker.name).domain
            with self._state() as state:
                live = domain is not None and _last_live(state, domain) is not None
            telling.knows(live=live, domain=domain)
        self._watch(worker)
        self._chores.add(worker)
        worker.start()

    def _watch(self, worker: SiteWorker) -> None:
        context, path = worker.context, worker.repository_path
        wanted = context.table is not None and context.table.watch and not is_url(context.repo.value)
        before = self._watched.get(worker.name)
        if before is not None and wanted and before[0] == path:
            return
        self._unwatch(worker.name)
        if wanted:
            watcher = self._refs.add(path, lambda: worker.look(Source.WATCH))
            self._watched[worker.name] = (path, watcher)

    def _unwatch(self, site: str) -> None:
        if site in self._watched:
            self._refs.remove(self._watched.pop(site)[1])

    def _ended(self, ended: Ended) -> None:
        if ended.outcome is not None:
            status = str(ended.outcome.deployment.status)
        else:
            status = "postponed" if ended.will_retry else "failed"
        self._hooks.observer.ended(ended.site, status, ended.seconds)
        self._telling.ended(ended)

    def _quiet(self, username: str) -> bool:
        return not any(
            worker.progress is not None or worker.has_something_to_deploy
            for worker in self.workers.values()
            if worker.context.account.username.value == username
        )

    def _changed(self) -> None:
        with self._lock:
            watchers = list(self._watchers)
        for woken in watchers:
            with suppress(RuntimeError):  # its event loop is closing
                woken()

    @contextmanager
    def _state(self) -> Iterator[State]:
        with State(self.folder) as state:
            yield state

    def _view(self, worker: SiteWorker) -> SiteView:
        known = self.orders.known(worker.name)
        history: Sequence[Deployment] = ()
        live = None
        if known.domain is not None:
            with self._state() as state:
                history = state.deployments(known.domain, most=SHOWN, unchanged=False)
                live = _live(_last_live(state, known.domain))
        progress = worker.progress
        return SiteView(
            name=worker.name,
            account=worker.context.account.username.value,
            domain=known.domain,
            url=known.url,
            repo=worker.context.repo.value,
            branch=worker.context.branch.value or "HEAD",
            live=live,
            running=progress.seen() if progress is not None else None,
            waiting=tuple(self.orders.waiting(worker.name)),
            problem=known.problem,
            frozen=self.orders.frozen(worker.name),
            drift=worker.drift.view(),
            expiry=worker.expiry,
            history=tuple(history),
        )


def usable(machine: MachineConfig, environ: Mapping[str, str] = os.environ) -> tuple[Context, ...]:
    """The sites of the file, each with a token. Raises ConfigError or UsageError naming what is wrong."""
    contexts = every_site(machine, environ)
    for context in contexts:
        try:
            context.account.required_token()
        except DeployerError as error:
            raise UsageError(f"[site.{context.site}]: {error.message}", hint=error.hint) from None
    return contexts


def _last_live(state: State, domain: str) -> Deployment | None:
    """The deployment that made live what is live. Where it was killed after the server had its record and
    before our history had, the run that found nothing left to do stands for it.
    """
    made, found = state.last(domain, Status.LIVE), state.last(domain, Status.UNCHANGED)
    if made is None or (found is not None and found.started > made.started and found.commit != made.commit):
        return found
    return made


def _live(deployment: Deployment | None) -> LiveView | None:
    if deployment is None:
        return None
    return LiveView(
        commit=deployment.commit,
        subject=deployment.subject,
        author=deployment.author,
        deployment=deployment.id,
        since=deployment.ended or deployment.started,
    )
