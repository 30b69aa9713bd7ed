"""The arithmetic of a sliding window: at most so many requests in any 60 seconds."""

from collections.abc import Sequence
from typing import Final

WINDOW_S: Final = 60.0
"""The help page "API" says "per minute"; that the minute slides is Django REST framework's way."""


def wait_s(
    until: Sequence[float], *, requests: int, limit: int, now: float, window_s: float = WINDOW_S
) -> float:
    """Seconds from `now` to the moment when the last of `requests` more requests may be sent.

    `until` holds, sorted, when each request that still counts ceases to. Answers are taken to be immediate.
    A limit of 0 is none.

    Each further request waits for the end of the one `limit` places before it, so after the first `limit`
    of them everything repeats itself one window later.
    """
    if limit == 0 or requests == 0:
        return 0.0
    laps, place = divmod(requests - 1, limit)
    free = limit - len(until)
    start = now if place < free else max(now, until[place - free])
    return start - now + laps * window_s


def time_under_limit(requests: int, per_minute: int) -> float:
    """Seconds that the limit alone imposes on so many requests when none was sent before."""
    return wait_s((), requests=requests, limit=per_minute, now=0.0)
