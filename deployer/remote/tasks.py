"""Starts a command by a daily task that is due in a minute, and that is deleted when the command has ended.

Not before: whether the platform kills what runs of a deleted task is not known.
"""

import os
import re
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from deployer.errors import ApiError, NeedsPerson, OutcomeUnknown, Temporary
from deployer.events import log
from deployer.pythonanywhere import PythonAnywhere, Task
from deployer.remote.folder import STALE, RunFolder
from deployer.remote.reading import Listener

LEAD: Final = timedelta(seconds=20)
"""How long before its minute a task is made at the least."""
LATE: Final = timedelta(seconds=90)
"""How long after its minute the platform may start it."""
PAUSE_S: Final = 5.0
MINUTES_TRIED: Final = 2
CREATION_TRIES: Final = 3
_NAMED: Final = 5
_COMMAND: Final = re.compile(r"/\.deployer/[^/\s]+/run/([0-9]{8}T[0-9]{6})-[0-9a-f]{8}/run\.py")
_DESCRIPTION: Final = re.compile(r"deployer exec, until (\S+), by (\S+)/([0-9]+)")


class TaskWay:
    """`until` is when the run has ended at the latest, as the server's clock has it."""

    def __init__(
        self,
        api: PythonAnywhere,
        folder: RunFolder,
        listener: Listener,
        pause: Callable[[float], None],
        *,
        until: datetime,
        domain: str | None,
    ) -> None:
        self._api = api
        self._folder = folder
        self._listener = listener
        self._pause = pause
        self._until = until
        self._domain = domain
        self._task: Task | None = None
        self._is_sure = True
        """Whether nothing was made that we do not know of."""
        self._refusal: ApiError | None = None

    def start(self) -> bool:
        """False where the account may have no such task. Raises NeedsPerson when the platform made it, and
        did not run it.
        """
        at = self._due()
        try:
            self._task = self._create(at)
        except Temporary:
            raise
        except ApiError as error:
            if error.status not in (400, 403):
                raise
            self._refusal = error
            return False
        for _ in range(MINUTES_TRIED - 1):
            if self._has_started(at):
                return True
            at = self._due()
            # Its log has another name then.
            self._task = self._api.schedule.update(self._task.id, hour=at.hour, minute=at.minute)
        if self._has_started(at):
            return True
        raise NeedsPerson(
            f"the platform did not start task {self._task.id} at {at:%H:%M} UTC{self._logged()}",
            left="The command was not run.",
            hint="Run it again, or through a console: --via console.",
        )

    def refused(self) -> NeedsPerson:
        """Why the account has no room for a task, for a person."""
        said = self._refusal.message if self._refusal else "no more scheduled tasks"
        there = self._api.schedule.list()
        names = ", ".join(f"{task.id} ({task.description or task.command})" for task in there[:_NAMED])
        ours = [task for task in there if self._domain and f"({self._domain})" in (task.description or "")]
        if not there:
            why = "and there is none: this kind of account has no scheduled tasks"
        elif ours:
            why = f"there are {len(there)}: {names}; {len(ours)} of them the site's own"
        else:
            why = f"there are {len(there)}: {names}"
        return NeedsPerson(
            f"{said}; {why}",
            left="The command was not run.",
            hint="Run it through a console: --via console. It has to be opened in a browser once.",
        )

    def tidy(self) -> None:
        """Delete the task and its log, whatever became of it."""
        api = self._api
        known = () if self._task is None else (self._task,)
        for task in known if self._is_sure else self._found():
            api.schedule.delete(task.id)
            if task.log_path:
                api.files.delete(task.log_path)
        self._task = None

    def _due(self) -> datetime:
        """The next minute that is not too near."""
        return (self._api.server_time() + timedelta(minutes=1) + LEAD).replace(second=0, microsecond=0)

    def _create(self, at: datetime) -> Task:
        """A creating call is not repeated on a guess: the list tells."""
        for _ in range(CREATION_TRIES - 1):
            try:
                return self._post(at)
            except OutcomeUnknown:
                self._is_sure = False
                if made := self._found():
                    return made[0]
        return self._post(at)

    def _found(self) -> tuple[Task, ...]:
        """Ours, in the account's list."""
        return tuple(task for task in self._api.schedule.list() if self._folder.path in (task.command or ""))

    def _post(self, at: datetime) -> Task:
        return self._api.schedule.create(
            command=self._folder.line,
            interval="daily",
            hour=at.hour,
            minute=at.minute,
            description=f"deployer exec, until {self._until:%Y-%m-%dT%H:%MZ}, by {_us()}",
        )

    def _has_started(self, at: datetime) -> bool:
        self._listener.note(f"The command starts with a scheduled task at {at:%H:%M} UTC.")
        while not self._folder.look().started:
            if self._api.server_time() > at + LATE:
                return False
            self._pause(PAUSE_S)
        log.info("command_started", via="task", task=self._task.id if self._task else None)
        return True

    def _logged(self) -> str:
        path = self._task.log_path if self._task else None
        try:
            text = self._api.files.read(path).decode(errors="replace") if path else ""
        except ApiError:
            return ""
        lines = text.strip().splitlines()[-5:]
        shown = "\n".join(f"    {line}" for line in lines)
        return f"; its log says\n{self._api.masked(shown)}" if shown else ""


def delete_leftovers(api: PythonAnywhere) -> None:
    """Tasks of runs that were killed: they would come every day, and take the place of another. Never a
    reason to fail.
    """
    try:
        for task in _leftovers(api):
            log.info("task_left_behind", task=task.id, description=task.description)
            api.schedule.delete(task.id)
            if task.log_path:
                api.files.delete(task.log_path)
    except ApiError as error:
        log.warning("run_not_tidied", path="scheduled tasks", problem=error.message)


def _leftovers(api: PythonAnywhere) -> Iterator[Task]:
    for task in api.schedule.list():
        found = _COMMAND.search(task.command or "")
        if found and _is_over(found[1], task.description or "", api.server_time()):
            yield task


def _is_over(begun: str, description: str, now: datetime) -> bool:
    """By its end, or because whoever made it was a process of this machine and is gone."""
    found = _DESCRIPTION.search(description)
    if found is None:
        return datetime.strptime(begun, "%Y%m%dT%H%M%S").replace(tzinfo=UTC) + STALE < now
    if datetime.strptime(found[1], "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC) < now:
        return True
    return found[2] == socket.gethostname() and not _is_alive(int(found[3]))


def _us() -> str:
    return f"{socket.gethostname()}/{os.getpid()}"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
