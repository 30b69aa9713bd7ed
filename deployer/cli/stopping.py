"""Ctrl-C and SIGTERM: the first lets the request in flight end, the second stops at once."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import typer

from deployer.errors import Interrupted

SLICE_S = 0.2
"""How long a person waits at most for an answer to Ctrl-C while we are only waiting ourselves."""


class StopSignal:
    """Whether somebody wants us to stop."""

    def __init__(self) -> None:
        self._wanted: signal.Signals | None = None

    def check(self) -> None:
        """Raises Interrupted once a signal has come."""
        if self._wanted is not None:
            raise Interrupted(f"stopped by {self._wanted.name}")

    def pause(self, seconds: float) -> None:
        """Sleep, unless and until somebody wants us to stop."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.check()
            time.sleep(min(left, SLICE_S))

    def received(self, number: int, _: FrameType | None) -> None:
        """The signal handler."""
        if self._wanted is not None:
            raise KeyboardInterrupt
        self._wanted = signal.Signals(number)
        if sys.stderr.isatty():
            typer.echo("\nfinishing the request in flight; once more stops at once", err=True)


@contextmanager
def stop_signal() -> Iterator[StopSignal]:
    """Handle both signals inside the block, as they were before after it."""
    stop = StopSignal()
    before = {number: signal.signal(number, stop.received) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
