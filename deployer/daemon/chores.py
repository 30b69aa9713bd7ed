"""What is done by the clock: polls, looks at the server, expiry, and forgetting what is old."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from apscheduler.schedulers.background import BackgroundScheduler

from deployer.daemon import expiry
from deployer.daemon.telling import Telling
from deployer.daemon.worker import SiteWorker
from deployer.deployment.tls import what_to_do
from deployer.errors import DeployerError
from deployer.events import log
from deployer.model.order import Source, Work
from deployer.state import State

JITTER = 0.1
"""Share of an interval by which it is moved about, so that many sites do not ask at once."""
FILES_PER_LOOK = 30
"""Contents compared in one look for drift: what a minute of the platform's limit has room for."""
EXPIRY_EVERY = timedelta(hours=12)
CERTIFICATE_EVERY = timedelta(hours=1)
"""Of two files of this machine, which costs no request while they stay."""
TIDY_EVERY = timedelta(hours=12)
KEPT_DEPLOYMENTS = 500
"""Of each site, with their logs."""


class Chores:
    """One scheduler for all sites; what asks the server is done by each site's own worker."""

    def __init__(self, folder: Path, telling: Telling, post: Callable[..., object]) -> None:
        """`post` is the daemon's, for healing."""
        self._folder = folder
        self._telling = telling
        self._post = post
        self._scheduler = BackgroundScheduler(timezone="UTC")
        self._every("tidy", TIDY_EVERY, self.tidy)

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def add(self, worker: SiteWorker) -> None:
        """Begin what is done for a site, or change it to what its configuration says now."""
        table = worker.context.table
        if table is None:
            return
        self._every(f"poll {worker.name}", table.poll, partial(worker.look, Source.POLL))
        look = partial(self.look_for_expiry, worker)
        self._every(f"expiry {worker.name}", EXPIRY_EVERY, partial(worker.do, look))
        worker.do(look)
        if worker.context.tls.value is not None:
            certificate = partial(worker.do, partial(self.look_for_certificate, worker))
            self._every(f"certificate {worker.name}", CERTIFICATE_EVERY, certificate)
            certificate()
        else:
            self._remove(f"certificate {worker.name}")
        if table.drift is not None:
            drift = partial(worker.do, partial(self.look_for_drift, worker))
            self._every(f"drift {worker.name}", table.drift.every, drift)
        else:
            self._remove(f"drift {worker.name}")

    def remove(self, site: str) -> None:
        for kind in ("poll", "drift", "expiry", "certificate"):
            self._remove(f"{kind} {site}")

    def look_for_drift(self, worker: SiteWorker) -> None:
        """In the worker's thread."""
        try:
            with worker.looking() as work:
                view = worker.drift.look(work, files=FILES_PER_LOOK)
        except DeployerError as error:
            log.warning("drift_not_looked", site=worker.name, problem=error.message)
            return
        if telling := self._telling.site(worker.name):
            telling.drifted(view)
        worker.hooks.changed()
        table = worker.context.table
        heals = table is not None and table.drift is not None and table.drift.action == "heal"
        # While the site is frozen every look would leave one more.
        waits = any(order.work is Work.HEAL for order in worker.orders.waiting(worker.name))
        if view.findings and heals and not waits:
            self._post(worker.name, source=Source.DRIFT, work=Work.HEAL)

    def look_for_expiry(self, worker: SiteWorker) -> None:
        """In the worker's thread."""
        try:
            with worker.looking() as work:
                worker.expiry = expiry.read(work.api, work.site, what_to_do(work))
        except DeployerError as error:
            log.warning("expiry_not_looked", site=worker.name, problem=error.message)
            return
        if telling := self._telling.site(worker.name):
            telling.expiring(worker.expiry)
        worker.hooks.changed()

    def look_for_certificate(self, worker: SiteWorker) -> None:
        """In the worker's thread."""
        if worker.orders.known(worker.name).domain is None:
            return  # the first deployment sends it
        try:
            with worker.looking() as work:
                due = worker.certificate.look(work)
        except DeployerError as error:
            worker.certificate.failed(error)
            return
        # As in `look_for_drift`; a deployment that waits sends it as well.
        waits = any(order.work in (Work.RENEW, Work.DEPLOY) for order in worker.orders.waiting(worker.name))
        if due is not None and not waits:
            self._post(worker.name, source=f"{Source.CERTIFICATE} {due.reason}", work=due.work)

    def tidy(self) -> None:
        """Forget old deployments, so that years of them do not fill the disk."""
        try:
            with State(self._folder) as state:
                gone = state.forget(most=KEPT_DEPLOYMENTS)
        except DeployerError as error:
            log.warning("not_tidied", problem=error.message)
        else:
            log.debug("tidied", deployments=gone)

    def _every(self, id_: str, interval: timedelta, what: Callable[[], Any]) -> None:
        seconds = interval.total_seconds()
        self._scheduler.add_job(
            what,
            "interval",
            seconds=seconds,
            jitter=seconds * JITTER,
            id=id_,
            replace_existing=True,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
        )

    def _remove(self, id_: str) -> None:
        if self._scheduler.get_job(id_):
            self._scheduler.remove_job(id_)
