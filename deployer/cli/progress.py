"""A progress bar that knows the platform's limit; only on a terminal."""

from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from deployer.cli.render import duration, size
from deployer.model.actions import Action
from deployer.model.plan import Plan

WINDOW_S = 60.0


class ProgressBar:
    """Files, bytes, rate and time left of one deployment."""

    def __init__(self, console: Console, *, per_minute: int) -> None:
        self._per_minute = per_minute
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[steps]}"),
            DownloadColumn(),
            TransferSpeedColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
            transient=True,
        )
        self._task: TaskID | None = None
        self._plan: Plan | None = None
        self._done = 0
        self._began = monotonic()

    def observing(self, what: str) -> None:
        self._show(f"looking at {what}")

    def planned(self, plan: Plan) -> None:
        self._plan, self._began = plan, monotonic()
        self._bar.update(self._shown(), total=plan.bytes_sent or None)
        self._update("")

    def sending(self, what: str, done: int, of: int) -> None:
        self._show(f"sending {what}: {size(done)} of {size(of)}")

    def advanced(self, action: Action) -> None:
        self._done += 1
        self._bar.advance(self._shown(), action.bytes_sent)
        self._update(f"{action.kind} {action.subject.rpartition('/')[2]}")

    def waiting(self, seconds: float) -> None:
        """The limit holds the next request back."""
        self._show(f"waiting {duration(seconds)} for the platform's limit")

    def finished(self) -> None:
        if self._task is not None:
            self._bar.stop()
            self._task = None

    def _shown(self) -> TaskID:
        if self._task is None:
            self._task = self._bar.add_task("", total=None, steps="", left="")
            self._bar.start()
        return self._task

    def _show(self, description: str) -> None:
        self._bar.update(self._shown(), description=description[-60:])

    def _update(self, description: str) -> None:
        plan = self._plan
        if plan is None:
            return
        self._bar.update(
            self._shown(),
            description=description[-40:],
            steps=f"{self._done}/{len(plan.actions)}",
            left=f"{duration(self.seconds_left())} left",
        )

    def seconds_left(self) -> float:
        if self._plan is None:
            return 0.0
        return self._plan.seconds_left(self._per_minute, done=self._done, elapsed_s=monotonic() - self._began)
