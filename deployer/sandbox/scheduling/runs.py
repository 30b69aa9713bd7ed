"""Tasks that run: their processes, their logs, and how long they may take."""

import re
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import BinaryIO

from deployer.sandbox.disk import AccountDisk
from deployer.sandbox.hosting import AccountCommands, IsolationError, RunningCommand
from deployer.sandbox.scheduling.clock import Clock
from deployer.sandbox.scheduling.log import note, opened, shell
from deployer.sandbox.store import Record

TASK = "task"


@dataclass(eq=False, slots=True, kw_only=True)
class Run:
    task: int
    began: datetime
    command: RunningCommand
    log: BinaryIO
    took_too_long: bool = False


class Runs:
    """Thread-safe. `limit` is how long one run may take by the account's clock (help page ScheduledTasks)."""

    def __init__(
        self, disk: AccountDisk, commands: AccountCommands, clock: Clock, *, limit: timedelta
    ) -> None:
        self._disk = disk
        self._commands = commands
        self._clock = clock
        self._limit = limit
        self._lock = threading.Lock()
        self._running: set[Run] = set()

    def start(self, task: Record) -> None:
        """Run it now. What hinders that is said in the sandbox's own log, or in the task's."""
        file = opened(self._disk, log_path(task))
        if file is None:
            return
        began = self._clock.now()
        try:
            command = self._commands.start(shell(task.body["command"]), stdout=file)
        except (OSError, IsolationError) as error:
            with file:
                note(file, self._clock.now(), f"The task could not be started: {error}")
            return
        run = Run(task=task.id, began=began, command=command, log=file)
        with self._lock:
            self._running.add(run)
        command.when_ended(lambda ended: self._finish(run, ended))

    def is_running(self, task: int) -> bool:
        with self._lock:
            return any(run.task == task for run in self._running)

    def end(self, task: int) -> None:
        """Kill what runs of one task."""
        with self._lock:
            ending = [run for run in self._running if run.task == task]
        for run in ending:
            run.command.end()

    def end_overdue(self) -> None:
        """Kill what has run for longer than the limit. What the platform's log says then is not public."""
        with self._lock:
            overdue = [run for run in self._running if run.began + self._limit <= self._clock.now()]
            self._running.difference_update(overdue)
        for run in overdue:
            run.took_too_long = True
            run.command.end()

    def first_limit(self) -> datetime | None:
        """When the next run will have taken too long."""
        with self._lock:
            return min((run.began + self._limit for run in self._running), default=None)

    def _finish(self, run: Run, ended: RunningCommand) -> None:
        """Write the line that two logs in public repositories end with; none of them shows one for the start.

        The code after a signal is not public either: it is negative here, as Python gives it.
        """
        with self._lock:
            self._running.discard(run)
        now = self._clock.now()
        took = (now - run.began).total_seconds()
        with run.log:
            if run.took_too_long:
                most = self._limit / timedelta(hours=1)
                note(run.log, now, f"Killed: this account's tasks may run for {most:g} hours.")
            note(run.log, now, f"Completed task, took {took:.2f} seconds, return code was {ended.status}.")


def log_path(task: Record) -> str:
    """As `tasklog-126708-daily-at-1600-echo_foo.log`; how an hourly task's is called is not public."""
    body = task.body
    at = f"{body['minute']:02}" if body["hour"] is None else f"{body['hour']:02}{body['minute']:02}"
    slug = re.sub(r"\W+", "_", body["command"]).strip("_")[:50]
    return f"/var/log/tasklog-{task.id}-{body['interval']}-at-{at}-{slug}.log"
