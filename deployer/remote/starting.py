"""Whether what was asked to start has started: the one thing that tells."""

from collections.abc import Callable
from time import monotonic
from typing import Final

from deployer.remote.folder import RunFolder

FIRST_PAUSE_S: Final = 0.3
LONGEST_PAUSE_S: Final = 3.0


def has_started(folder: RunFolder, pause: Callable[[float], None], within_s: float) -> bool:
    """Look until it has, or the time is up."""
    end, wait_s = monotonic() + within_s, FIRST_PAUSE_S
    while not folder.look().started:
        if monotonic() > end:
            return False
        pause(wait_s)
        wait_s = min(LONGEST_PAUSE_S, 1.5 * wait_s)
    return True
