"""Telling the log of refused requests without letting strangers fill it."""

from collections import Counter
from collections.abc import Callable
from time import monotonic

from deployer.events import log
from deployer.triggers.rejection import Rejected

EVERY_S = 60.0


class Refusals:
    """The first refusal of a kind is told at once; how many followed, with the next one a minute later."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._told: dict[tuple[str, int], float] = {}
        self._since: Counter[tuple[str, int]] = Counter()

    def count(self, site: str, rejected: Rejected) -> None:
        """`site` is one that is known here, or empty: what strangers make up is not kept."""
        kind = (site, rejected.status)
        self._since[kind] += 1
        if self._clock() - self._told.get(kind, float("-inf")) < EVERY_S:
            return
        self._told[kind] = self._clock()
        log.warning(
            "webhook_refused",
            site=site or None,
            status=rejected.status,
            reason=rejected.why,
            times=self._since.pop(kind),
        )
