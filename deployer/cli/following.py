"""Shows a deployment that the daemon carries out, on a terminal or in a pipe, until it has ended."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from deployer.cli.output import say
from deployer.cli.sentences import harmless, progress_line, sentence, step
from deployer.errors import ExitStatus

if TYPE_CHECKING:
    from rich.console import Console

Line = Mapping[str, Any]

FEW_STEPS = 12
"""A plan of so many is told step by step; a larger one by its progress."""
_PATIENT_S = 15.0
"""The longest silence in a pipe; also while nothing happens but waiting for the platform's limit."""


class Screen(Protocol):
    """Where it is shown. What cannot be shown is lost: a reader that went away never ends the story."""

    def say(self, text: str) -> None:
        """Something happened."""

    def progress(self, line: Line) -> None:
        """How far it is; shown as often as suits the place."""

    def close(self) -> None:
        """Nothing more comes."""


class Lines:
    """A pipe, and so also git's `remote:` lines: progress now and then, and more rarely as time goes on."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._began = self._said = clock()

    def say(self, text: str) -> None:
        self._said = self._clock()
        say(text)

    def progress(self, line: Line) -> None:
        now = self._clock()
        waits = (line.get("waiting_s") or 0) > _PATIENT_S
        if now - self._said >= (_PATIENT_S if waits else min(3.0 + (now - self._began) / 30, _PATIENT_S)):
            self.say(f"  {progress_line(line)}")

    def close(self) -> None:
        pass


class Bar:
    """A terminal: what happens scrolls by above one line that is always up to date."""

    def __init__(self, console: "Console") -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(), console=console, transient=True
        )
        self._task = self._bar.add_task("", total=None)

    def say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def progress(self, line: Line) -> None:
        self._bar.start()
        self._bar.update(
            self._task,
            description=progress_line(line)[: max(20, self._console.width - 45)],
            completed=line.get("done") or 0,
            total=line.get("steps") or None,
        )

    def close(self) -> None:
        self._bar.stop()


def screen() -> Screen:
    """The one that suits stdout."""
    import sys

    if not sys.stdout.isatty():
        return Lines()
    from rich.console import Console

    return Bar(Console())


def follow(lines: Iterable[Line], shown: Screen | None = None) -> ExitStatus:
    """Show the lines that the daemon sends after its first answer; returns how the deployment ended.

    TEMPORARY where the lines end before the deployment does, as when the daemon is restarted.
    """
    story = _Story(shown or screen())
    try:
        for line in lines:
            if (status := story.tell(line)) is not None:
                return status
    finally:
        story.close()
    return story.cut_off()


class _Story:
    def __init__(self, shown: Screen) -> None:
        self._screen = shown
        self._deployment = ""
        self._few = False
        self._why = ""
        self._failure = ""
        """What was said to have gone wrong, with the evidence; told at the end, where people look."""
        self._answered = False
        self._url = ""

    def tell(self, line: Line) -> ExitStatus | None:
        """None: it goes on."""
        match line.get("kind"):
            case "waiting":
                self._waiting(str(line.get("why") or ""))
            case "event":
                self._event(line.get("event") or {})
            case "progress":
                self._screen.progress(line)
            case "ended":
                self._screen.close()
                return self._ended(line)
        return None

    def close(self) -> None:
        self._screen.close()

    def cut_off(self) -> ExitStatus:
        self._screen.say("The daemon went away before the end. It goes on with this once it is back.")
        if self._deployment:
            self._screen.say(f"To look then: deployer logs --deployment {self._deployment}")
        return ExitStatus.TEMPORARY

    def _waiting(self, why: str) -> None:
        if why != self._why:
            self._why = why
            self._screen.say(harmless(f"waiting: {why}"))

    def _event(self, event: Line) -> None:
        self._deployment = self._deployment or str(event.get("deployment") or "")
        match event.get("event"):
            case "planned":
                self._few = sum((event.get("actions") or {}).values()) <= FEW_STEPS
            case "action_confirmed" if self._few:
                self._screen.say(step(event))
            case "health_checked":
                self._answered = True
            case "live":
                self._url = str(event.get("url") or "")
            case "deployment_ended" if event.get("error") and not self._failure:
                self._failure = str(event["error"])
        if (told := sentence(event)) is not None:
            self._screen.say(told)

    def _ended(self, line: Line) -> ExitStatus:
        word, status = str(line.get("status")), ExitStatus.NEEDS_PERSON
        with suppress(ValueError):  # of a daemon that knows more of them
            status = ExitStatus(line.get("exit_status", status))
        detail = str(line.get("detail") or "")
        if status is ExitStatus.OK:
            if detail and not self._answered:
                self._screen.say(harmless(detail))
        else:
            self._tell_failure(detail)
        url = harmless(line.get("url") or self._url)
        id_ = str(line.get("deployment") or self._deployment)
        self._screen.say(f"{_verdict(word, status, url)} (deployment {harmless(id_)})")
        return status

    def _tell_failure(self, detail: str) -> None:
        first = self._failure.partition("\n")[0]
        if first and first not in detail:
            self._screen.say(harmless(self._failure))
        if detail:
            self._screen.say(harmless(detail))


def _verdict(word: str, status: ExitStatus, url: str) -> str:
    site = url or "the site"
    match status:
        case ExitStatus.OK if word == "unchanged":
            return f"in sync, nothing to do: {site}"
        case ExitStatus.OK:
            return f"live: {site}"
        case ExitStatus.ROLLED_BACK:
            return "failed: rolled back, the version before is live again"
        case ExitStatus.REFUSED:
            return "refused: nothing was written on the server"
        case ExitStatus.TEMPORARY | ExitStatus.BUSY:
            return f"not done, {word}: it is safe to try again"
        case _:
            return f"{word}: the site needs a person"
