"""The limit of 40 requests a minute (help page API), counted as Django REST framework counts."""

import math
import time
from collections import defaultdict, deque
from collections.abc import Callable, Hashable

REQUESTS_PER_WINDOW = 40


class Throttle:
    """A window that slides: each counted request leaves it one window's length after it came.

    Refused requests are not counted, so waiting as long as was asked for is always enough.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """`now` is in seconds, and never goes back."""
        self._now = now
        self._seen: defaultdict[Hashable, deque[float]] = defaultdict(deque)

    def wait_s(self, budget: Hashable, *, limit: int, window_s: float) -> int | None:
        """None when the request is let through, and counted; otherwise whole seconds until the next one."""
        now = self._now()
        seen = self._seen[budget]
        while seen and seen[0] <= now - window_s:
            seen.popleft()
        if len(seen) < limit:
            seen.append(now)
            return None
        return math.ceil(window_s - (now - seen[0]))
