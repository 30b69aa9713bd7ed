"""Follows a command that runs: its output as it comes, each byte once, and its end."""

from collections.abc import Callable
from time import monotonic
from typing import Final, Protocol

from deployer.errors import NeedsPerson, NoAnswer, NotFound
from deployer.remote.command import Ended, Stream
from deployer.remote.folder import RunFolder, Seen

FIRST_PAUSE_S: Final = 0.3
LONGEST_PAUSE_S: Final = 8.0
SILENT_S: Final = 120.0
"""The wrapper shows itself every 15 seconds; a server may be slow to tell."""
MISSING_S: Final = 60.0
"""How long the server may take to show what the wrapper says that it has written."""
CANCELLED_S: Final = 20.0
"""By when a command that was told to end has ended: the wrapper kills it after five seconds."""


class Listener(Protocol):
    def output(self, stream: Stream, data: bytes) -> None:
        """The next bytes that the command wrote."""

    def note(self, text: str) -> None:
        """Something that a person may want to know, or has to do before it goes on."""


class Reader:
    """Reads one run. `beat` is called at every look: whoever holds something meanwhile can keep it."""

    def __init__(
        self,
        folder: RunFolder,
        listener: Listener,
        pause: Callable[[float], None],
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self._folder = folder
        self._listener = listener
        self._pause = pause
        self._beat = beat
        self._read = 0
        self.news_at = monotonic()
        """When the wrapper was last seen to do something."""
        self._alive = ""
        self._is_deaf = False

    def follow(self) -> Ended:
        """Until the end. Raises NeedsPerson when the wrapper is gone without a word."""
        self.news_at = monotonic()
        return self._until_ended(SILENT_S)

    def cancel(self, pause: Callable[[float], None]) -> Ended | None:
        """End the command, and hand on the rest of what it says. None: it had not begun, and will not.

        `pause` takes the place of the usual one, which may not wait any more. Raises NeedsPerson when the
        command does not end in time.
        """
        self._pause, self._beat = pause, lambda: None
        self._folder.cancel()
        if not self._folder.look().started:
            return None
        self.news_at = monotonic()
        return self._until_ended(CANCELLED_S)

    def _until_ended(self, patience_s: float) -> Ended:
        began = monotonic()
        while True:
            self._beat()
            seen = self._folder.look()
            self._take(seen)
            if seen.ended:
                return self._end()
            if monotonic() - self.news_at > patience_s:
                raise NeedsPerson(
                    f"what runs the command has not been heard of for {patience_s:.0f} s",
                    left="How the command ended is not known; it may still be running.",
                    hint="Its console may have been closed, or the server restarted.",
                )
            quiet = monotonic() - max(self.news_at, began)
            self._pause(min(LONGEST_PAUSE_S, max(FIRST_PAUSE_S, quiet / 8)))

    def _take(self, seen: Seen) -> None:
        """Hand on what has come, in order. What the server does not show yet waits, with all behind it."""
        if seen.alive != self._alive:
            self._alive, self.news_at = seen.alive, monotonic()
        while (stream := seen.segments.get(self._read + 1)) is not None:
            try:
                data = self._folder.segment(self._read + 1, stream)
            except NotFound:
                return
            self._read += 1
            self.news_at = monotonic()
            self._hand_on(stream, data)

    def _hand_on(self, stream: Stream, data: bytes) -> None:
        """Whoever takes no more is not asked again while the command is ended for that."""
        try:
            if not self._is_deaf:
                self._listener.output(stream, data)
        except OSError:
            self._is_deaf = True
            raise

    def _end(self) -> Ended:
        """The status counts the segments: it may have been seen before the last of them."""
        ended = self._status()
        deadline = monotonic() + MISSING_S
        while self._read < ended.segments:
            if monotonic() > deadline:
                raise NoAnswer(
                    f"the command has ended, but the server does not show part {self._read + 1} of "
                    f"{ended.segments} of its output"
                )
            self._take(self._folder.look())
            if self._read < ended.segments:
                self._pause(1.0)
        return ended

    def _status(self) -> Ended:
        try:
            return self._folder.status()
        except NotFound:
            self._pause(1.0)
            return self._folder.status()
