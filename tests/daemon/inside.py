"""A daemon in the test's own process, where its workers and its jobs are at hand."""

import io
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from apscheduler.job import Job

from deployer import events
from deployer.config import load_machine
from deployer.daemon.notify import Notify, Watchdog
from deployer.daemon.observer import Nobody
from deployer.daemon.service import Daemon
from deployer.daemon.worker import SiteWorker
from tests.builders.waiting import until
from tests.daemon.place import Place


@dataclass(slots=True)
class Inside:
    """The daemon of one place, with what it logs at level info."""

    place: Place
    daemon: Daemon
    output: io.StringIO = field(repr=False)

    @property
    def worker(self) -> SiteWorker:
        return self.daemon.worker("blog")

    @property
    def jobs(self) -> Mapping[str, Job]:
        """What the clock does, by name."""
        return {job.id: job for job in self.daemon._chores._scheduler.get_jobs()}

    def settle(self) -> None:
        """Until the worker has done what it was asked for so far.

        In each turn it looks first, then takes an order, then does a chore. The first of ours may fall into
        a turn that has begun before; when the second one is done, a whole turn has passed.
        """
        for _ in range(2):
            done = threading.Event()
            self.worker.do(done.set)
            assert done.wait(30), self.output.getvalue()[-2_000:]

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output.getvalue().splitlines()]

    def events(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.logged() if event["event"] == name]


@contextmanager
def inside(place: Place) -> Iterator[Inside]:
    """Started, with the site live; stopped afterwards."""
    output = io.StringIO()
    events.configure(level="info", as_json=True, stream=output)
    notify = Notify(None)
    machine = load_machine(place.config)
    daemon = Daemon(machine, place.environment, observer=Nobody(), watchdog=Watchdog(notify, None))
    daemon.start()
    try:
        assert until(lambda: daemon.site("blog").live is not None), output.getvalue()
        yield Inside(place, daemon, output)
    finally:
        assert daemon.stop(30)
        notify.close()
        events.configure(level="silent")
