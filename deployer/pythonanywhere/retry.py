"""When an attempt is repeated, in one place. Pure: time and chance are passed in."""

from collections.abc import Callable
from typing import Final

from deployer.errors import ApiError, OutcomeUnknown, RateLimited, Temporary
from deployer.pythonanywhere.call import Call, Failure, Repeat

MOST_ATTEMPTS: Final = 6
"""429s not counted: they are bounded by patience alone."""
FIRST_DELAY_S: Final = 0.5
LONGEST_DELAY_S: Final = 20.0


def next_delay(
    failure: Failure, *, repeat: Repeat, attempt: int, elapsed_s: float, patience_s: float, jitter: float
) -> float | None:
    """Seconds to wait before the attempt after number `attempt`; None: give up.

    `elapsed_s` is the time since the first attempt failed, `jitter` is chance between 0 and 1.
    """
    if not isinstance(failure.error, Temporary):
        return None
    if isinstance(failure.error, RateLimited):
        delay = failure.retry_after_s
    elif attempt >= MOST_ATTEMPTS or not (failure.harmless or repeat is Repeat.SAFE):
        return None
    else:
        delay = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2 ** (attempt - 1)) * (0.5 + jitter / 2)
    return delay if elapsed_s + delay <= patience_s else None


def final_error(
    call: Call, failure: Failure, *, attempts: int, elapsed_s: float, mask: Callable[[str], str]
) -> ApiError:
    """What the caller is told when no further attempt is made.

    `mask` takes the token out of the server's words: a debugging page, for one, quotes the whole request.
    """
    error = failure.error
    message = mask(error.message)
    if attempts > 1:
        message += f" (tried {attempts} times in {elapsed_s:.0f} s)"
    if isinstance(error, Temporary) and call.repeat is Repeat.NEVER and not failure.harmless:
        return OutcomeUnknown(
            f"{message}; whether it took effect is not known",
            status=error.status,
            hint="Look at what is there before it is sent again: it would be done twice.",
        )
    return type(error)(message, status=error.status, hint=error.hint)
