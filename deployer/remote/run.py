"""One command on the server, from its upload to its end, with nothing left behind."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from deployer.errors import DeployerError
from deployer.events import log
from deployer.model.site import Via
from deployer.pythonanywhere import PythonAnywhere
from deployer.remote.command import Command, Ended
from deployer.remote.consoles import ConsoleWay
from deployer.remote.folder import RunFolder, delete_stale
from deployer.remote.reading import Listener, Reader
from deployer.remote.tasks import TaskWay, delete_leftovers

START_S: Final = 600.0
"""What starting may take beside waiting for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """Where and how commands are run."""

    api: PythonAnywhere
    root: str
    """The folder on the server below which each run has one of its own."""
    listener: Listener
    pause: Callable[[float], None]
    """Waits so many seconds; may raise Interrupted."""
    via: Via = "auto"
    console: int | None = None
    """The console to use, by its number; None: any that runs a bash."""
    wait_s: float = 0.0
    """How long a person may take to open a console; 0: nobody is asked."""
    domain: str | None = None
    """The site, if it is for one: its own tasks are named by it."""
    beat: Callable[[], None] = lambda: None
    """Called again and again while the command runs."""


def run(remote: Remote, command: Command) -> Ended:
    """Its output goes to the listener as it comes.

    Whatever ends this early (Interrupted, ApiError, a listener that takes no more) ends the command as well,
    as far as the server can still be reached. Raises NeedsPerson with what to do when it could not be run.
    """
    api = remote.api
    delete_stale(api, remote.root)
    delete_leftovers(api)
    running = _Running(remote, command, RunFolder.new(api, remote.root))
    try:
        ended = running.carry_out()
    except Exception as error:
        with api.finishing():
            running.end(error)
            running.tidy()
        raise
    with api.finishing():
        running.tidy()
    log.info("command_ended", by=ended.by, status=ended.exit_status, seconds=ended.seconds)
    return ended


class _Running:
    def __init__(self, remote: Remote, command: Command, folder: RunFolder) -> None:
        self._remote = remote
        self._command = command
        self._folder = folder
        self._reader = Reader(folder, remote.listener, remote.pause, remote.beat)
        self._task: TaskWay | None = None
        self._is_put = False
        """Whether all is on the server that starting it takes."""

    def carry_out(self) -> Ended:
        self._folder.put(self._command, start_within_s=self._remote.wait_s + START_S)
        self._is_put = True
        via = self._start()
        return replace(self._reader.follow(), via=via)

    def _start(self) -> str:
        """By which way; a console that runs is quickest, and a person's time is dearest."""
        remote = self._remote
        if remote.via != "task":
            consoles = ConsoleWay(remote.api, self._folder, remote.listener, remote.pause, remote.console)
            if consoles.start_where_one_runs():
                return "console"
            if remote.via == "console" or remote.console is not None or not self._by_task().start():
                consoles.start_when_opened(remote.wait_s)
                return "console"
        else:
            task = self._by_task()
            if not task.start():
                raise task.refused()
        return "task"

    def _by_task(self) -> TaskWay:
        """To be tidied up after from now on."""
        remote = self._remote
        longest = timedelta(seconds=START_S + self._command.timeout_s)
        self._task = TaskWay(
            remote.api,
            self._folder,
            remote.listener,
            remote.pause,
            until=remote.api.server_time() + longest,
            domain=remote.domain,
        )
        return self._task

    def end(self, why: Exception) -> None:
        """Before the folder goes: what still runs would have nobody to tell, and what still waits in a
        console or a task must not begin.
        """
        if not self._is_put:
            if isinstance(why, DeployerError):
                why.left = f"{why.left} The command was not run.".strip()
            return
        try:
            ended = self._reader.cancel(self._remote.api.budget.pause)
        except Exception as error:  # noqa: BLE001 - the first one counts, this one is told beside it
            left = f"The command on the server may go on, until its time-out: ending it failed ({error})."
        else:
            left = "The command on the server was ended." if ended else ""
        if left and isinstance(why, DeployerError):
            why.left = f"{why.left} {left}".strip()

    def tidy(self) -> None:
        """What is left is told, and taken away by the next run."""
        steps = (self._folder.delete, *((self._task.tidy,) if self._task else ()))
        for step in reversed(steps):
            try:
                step()
            except DeployerError as error:
                self._remote.listener.note(
                    f"{self._folder.path}, or the task that runs it, is left on the server: {error.message}"
                )
