"""The account's clock: this machine's, until somebody puts it forward."""

import threading
from collections.abc import Callable
from datetime import MAXYEAR, UTC, date, datetime, timedelta
from email.utils import format_datetime

from starlette.types import Message, Send


class Clock:
    """In UTC, as the platform's are. It can be put forward but never back, as time cannot. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ahead = timedelta()
        self._followers: list[Callable[[], None]] = []
        self.began = self.today()
        """The day on which the account was opened."""

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def today(self) -> date:
        return self.now().date()

    def advance(self, seconds: float) -> None:
        """Raises ValueError for a step back, and beyond the year 9998."""
        try:
            step = timedelta(seconds=seconds)
            good = step >= timedelta() and (self.now() + step).year < MAXYEAR
        except (OverflowError, ValueError):
            good = False
        if not good:
            raise ValueError(f"{seconds} s: the clock goes forward only, and to the year 9998 at most")
        with self._lock:
            self._ahead += step
            followers = list(self._followers)
        for follower in followers:
            follower()

    def follow(self, follower: Callable[[], None]) -> None:
        """Have it called whenever the clock was put forward."""
        with self._lock:
            self._followers.append(follower)

    def dated(self, send: Send) -> Send:
        """The same, with a `Date` by this clock on every answer."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                stamp = format_datetime(self.now(), usegmt=True).encode()
                message = {**message, "headers": [*message["headers"], (b"date", stamp)]}
            await send(message)

        return sending
