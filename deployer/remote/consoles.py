"""Starts a command by typing one line into a bash console.

Typing says nothing of what became of it, and the wrapper never runs twice: so a line whose fate is not known
may be typed again, and whether it runs is seen in its folder, never guessed from what the console shows.
"""

import re
from collections.abc import Callable
from time import monotonic
from typing import Final

from deployer.errors import ApiError, ConsoleNotStarted, NeedsPerson, NotFound, OutcomeUnknown, UsageError
from deployer.events import log
from deployer.pythonanywhere import Console, PythonAnywhere
from deployer.remote.folder import RunFolder
from deployer.remote.reading import Listener
from deployer.remote.starting import has_started

TYPED_TWICE: Final = 2
START_S: Final = 10.0
"""After typing: the shell may have to finish something, and files take seconds to be seen everywhere (help
page "DebuggingStaticFiles")."""
OPENED_PAUSE_S: Final = 2.0
CREATION_TRIES: Final = 3
_FRESH_LINE: Final = "\x15\x0b\n"
"""Ctrl-U and Ctrl-K take away what somebody has half typed there, lest the return key should run it."""
_ESCAPE: Final = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|.)|[^\x20-\x7e\n\u00a0-\uffff]"
)


class ConsoleWay:
    """`console` is the one to use, by its number; None: any bash."""

    def __init__(
        self,
        api: PythonAnywhere,
        folder: RunFolder,
        listener: Listener,
        pause: Callable[[float], None],
        console: int | None = None,
    ) -> None:
        self._api = api
        self._folder = folder
        self._listener = listener
        self._pause = pause
        self._wanted = console
        self._known: tuple[Console, ...] = ()
        self._in_the_way: list[Console] = []
        """Consoles that took the line, and whose shell did not."""

    def start_where_one_runs(self) -> bool:
        """In the first console that runs and whose shell listens; False where there is none."""
        self._known = self._listed()
        return any(self._start_in(console) for console in self._known)

    def start_when_opened(self, wait_s: float) -> None:
        """Ask a person to open a console, and wait for that. Raises NeedsPerson with what to do."""
        if self._in_the_way:
            raise self._busy(self._in_the_way[0])
        console = self._known[0] if self._known else self._create()
        page = self._api.url(console.console_url or f"/user/{self._api.username}/consoles/{console.id}/")
        if wait_s <= 0:
            raise NeedsPerson(
                "no console runs on the server, and only a browser can start one",
                left="The command was not run.",
                hint=f"Open {page} in a browser, logged in, then run this again.",
            )
        self._listener.note(
            f"No console runs on the server, and only a browser can start one. Open {page}, logged in; "
            f"waiting for that up to {_in_words(wait_s)}."
        )
        end = monotonic() + wait_s
        while not self._start_in(console):
            if self._in_the_way:
                raise self._busy(console)
            if monotonic() > end:
                raise NeedsPerson(
                    f"{page} was not opened within {_in_words(wait_s)}",
                    left="The command was not run.",
                    hint="Open it in a browser, logged in, and run this again; it stays ready then.",
                )
            self._pause(OPENED_PAUSE_S)

    def _listed(self) -> tuple[Console, ...]:
        """Those with a bash and nothing else; one that a person has named after us comes first."""
        listed = self._api.consoles.list()
        if self._wanted is not None:
            chosen = tuple(console for console in listed if console.id == self._wanted)
            if not chosen:
                there = ", ".join(str(console.id) for console in listed)
                others = f"only {there}" if there else "nor any other"
                raise UsageError(f"there is no console {self._wanted}, {others}")
            return chosen
        shells = (each for each in listed if each.executable == "bash" and not each.arguments)
        return tuple(sorted(shells, key=lambda each: ("deployer" not in (each.name or "").lower(), each.id)))

    def _create(self) -> Console:
        """Not repeated on a guess: where the answer is lost the list tells. Raises ApiError at the limit."""
        known = {console.id for console in self._known}
        for _ in range(CREATION_TRIES - 1):
            try:
                return self._api.consoles.create()
            except OutcomeUnknown:
                if made := [console for console in self._listed() if console.id not in known]:
                    return made[0]
        return self._api.consoles.create()

    def _start_in(self, console: Console) -> bool:
        for _ in range(TYPED_TWICE):
            typed = self._type(console)
            if typed is False:
                return False
            if has_started(self._folder, self._pause, START_S):
                log.info("command_started", via="console", console=console.id)
                return True
        if typed:
            self._in_the_way.append(console)
        return False

    def _type(self, console: Console) -> bool | None:
        """None: the answer was lost. False: nothing runs there that could be typed to."""
        try:
            # A space before it keeps it out of the history of a shell that is set up as usual.
            self._api.consoles.send_input(console.id, f"{_FRESH_LINE} {self._folder.line}\n")
        except (ConsoleNotStarted, NotFound):
            return False
        except OutcomeUnknown:
            return None
        return True

    def _busy(self, console: Console) -> NeedsPerson:
        page = self._api.url(console.console_url or f"/user/{self._api.username}/consoles/{console.id}/")
        return NeedsPerson(
            f"the line that starts the command was typed into console {console.id}, and no shell took it: "
            f"another program may be in the foreground there{self._shown(console)}",
            left="The command was not run.",
            hint=f"End that program at {page}, or take another console with --console.",
        )

    def _shown(self, console: Console) -> str:
        try:
            lines = _ESCAPE.sub("", self._api.consoles.latest_output(console.id)).strip().splitlines()
        except ApiError:
            return ""
        shown = "\n".join(f"    {line}" for line in lines[-5:])
        return f"; it shows\n{self._api.masked(shown)}" if shown else ""


def _in_words(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 2 * 60 else f"{seconds / 60:.0f} min"
