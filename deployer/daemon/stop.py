"""One run's stop: asked for by a person, or because the daemon ends."""

import time
from collections.abc import Callable
from threading import Event

from deployer.errors import Interrupted


class StopFlag:
    """Whether, and why, a run shall stop between two requests. `beat` is told that the run is alive."""

    def __init__(self, beat: Callable[[], None]) -> None:
        self._event = Event()
        self._why = ""
        self._beat = beat

    @property
    def is_set(self) -> bool:
        return self._event.is_set()

    def ask(self, why: str) -> None:
        self._why = self._why or why
        self._event.set()

    def check(self) -> None:
        """Raises Interrupted once somebody has asked."""
        self._beat()
        if self._event.is_set():
            raise Interrupted(self._why)

    def pause(self, seconds: float) -> None:
        """Wait so long, or until somebody asks; raises Interrupted then."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.check()
            self._event.wait(min(left, 1.0))
        self.check()
