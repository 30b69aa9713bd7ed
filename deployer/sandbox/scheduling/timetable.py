"""Which task is due, by the account's clock: a thread that starts with the first enabled task."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, cast

import structlog

from deployer.sandbox.scheduling.clock import Clock
from deployer.sandbox.scheduling.runs import Runs
from deployer.sandbox.store import Record
from deployer.sandbox.switches import Switches

LONGEST_WAIT_S = 60.0  # this machine's own clock can be set, or stop while the machine sleeps
TIMES = ("interval", "hour", "minute")

log = structlog.get_logger()


@dataclass(slots=True)
class Entry:
    task: Record
    after: datetime  # the next run is the first one after this
    next: datetime | None = None  # worked out by the thread, which alone needs APScheduler


class Timetable:
    """Thread-safe; nothing but the thread of its own starts or ends a task.

    Minutes that pass while no sandbox runs are not made up for. Where the clock is put past several times of
    one task, that is one run.
    """

    def __init__(self, clock: Clock, runs: Runs, switches: Callable[[], Switches]) -> None:
        self._clock = clock
        self._runs = runs
        self._switches = switches
        self._changed = threading.Condition()
        self._entries: dict[int, Entry] = {}
        self._gone: list[int] = []
        self._thread: threading.Thread | None = None
        self._closed = False
        clock.follow(self._wake)

    def load(self, tasks: Iterable[Record]) -> None:
        """Take over the tasks of an earlier sandbox on this data folder."""
        for task in tasks:
            self.put(task)

    def put(self, task: Record) -> None:
        """A task that is new, or was changed. What already runs of it goes on."""
        with self._changed:
            if not task.body["enabled"]:
                self._entries.pop(task.id, None)
                return
            known = self._entries.get(task.id)
            if known and all(known.task.body[name] == task.body[name] for name in TIMES):
                known.task = task
            else:
                self._entries[task.id] = Entry(task, after=self._clock.now())
            self._ensure_thread()
            self._changed.notify_all()

    def drop(self, task: int) -> None:
        """A task that was deleted."""
        with self._changed:
            self._entries.pop(task, None)
            if self._switches().deleted_task == "killed":
                self._gone.append(task)
                self._changed.notify_all()

    def close(self) -> None:
        """Nothing is started any more. What runs is the commands' to end."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread:
            self._thread.join()

    def _ensure_thread(self) -> None:
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._keep_time, name="timetable", daemon=True)
            self._thread.start()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _keep_time(self) -> None:
        while True:
            with self._changed:
                if self._closed:
                    return
                gone, self._gone = self._gone, []
                due = self._due()
                if not due and not gone:
                    self._changed.wait(self._wait_s())
            for number in gone:
                self._runs.end(number)
            self._runs.end_overdue()
            for task in due:
                self._start(task)

    def _due(self) -> list[Record]:
        """The tasks whose time has come; each gets its next time."""
        now = self._clock.now()
        due = []
        for entry in self._entries.values():
            if entry.next is None:
                entry.next = _time_after(entry.after, entry.task.body)
            if entry.next <= now:
                due.append(entry.task)
                entry.next = _time_after(now, entry.task.body)
        return due

    def _wait_s(self) -> float:
        events = [entry.next for entry in self._entries.values() if entry.next]
        if limit := self._runs.first_limit():
            events.append(limit)
        if not events:
            return LONGEST_WAIT_S
        return min(max((min(events) - self._clock.now()).total_seconds(), 0.0), LONGEST_WAIT_S)

    def _start(self, task: Record) -> None:
        """That a run begins while the one before goes on is read from the help page ScheduledTasks, which
        tells people to take a lock file against it.
        """
        expiry = task.body.get("expiry")
        if expiry and date.fromisoformat(expiry) < self._clock.today():
            log.info("an expired task was not run", task=task.id, expiry=expiry)
        elif self._switches().task_overlap == "skipped" and self._runs.is_running(task.id):
            log.info("a task was not run: the run before goes on", task=task.id)
        else:
            try:
                self._runs.start(task)
            except Exception:  # one task's trouble is not to be the end of all the others
                log.exception("a task was not run: the sandbox itself failed", task=task.id)


def _time_after(moment: datetime, body: Any) -> datetime:
    """The first time of a task that is later than the moment."""
    from apscheduler.triggers.cron import CronTrigger

    # An hourly task has no hour, which the trigger takes for every one.
    trigger = CronTrigger(hour=body["hour"], minute=body["minute"], second=0, timezone="UTC")
    return cast("datetime", trigger.get_next_fire_time(None, moment + timedelta(microseconds=1)))
