"""Every API request that was seen, so that a test can count them and a person can read along."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

KEPT = 100_000  # entries; the oldest go first


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    number: int  # counts requests since the last reset, in the order in which they began
    method: str
    path: str  # decoded, with the query
    endpoint: str | None  # the URL pattern; None where no endpoint has this URL
    status: int | None  # None: no answer was begun
    bytes_in: int
    bytes_out: int
    seconds: float
    fault: str | None  # what was done to the answer on purpose


class Journal:
    """Thread-safe. `follow` is called with each entry as it is written."""

    def __init__(self, follow: Callable[[Entry], None] | None = None) -> None:
        self._lock = threading.Condition()
        self._begun = 0
        self._open = 0
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._follow = follow

    def begin(self) -> int:
        """The number of a request that has just arrived."""
        with self._lock:
            self._begun += 1
            self._open += 1
            return self._begun

    def write(self, entry: Entry) -> None:
        with self._lock:
            self._entries.append(entry)
            self._open -= 1
            self._lock.notify_all()
        if self._follow:
            self._follow(entry)

    def list(self, *, since: int = 0) -> list[Entry]:
        """The finished requests with a number above `since`, in the order in which they began."""
        with self._lock:
            return sorted((e for e in self._entries if e.number > since), key=lambda e: e.number)

    def wait_idle(self, timeout_s: float = 2.0) -> bool:
        """Wait until every request that began is written: a client has its answer a moment before that.

        Not for the thread that serves. False when some are still open after the time.
        """
        with self._lock:
            return self._lock.wait_for(lambda: not self._open, timeout_s)

    def reset(self) -> None:
        """Forget everything and count from one again."""
        with self._lock:
            self._begun = 0
            self._entries.clear()
