"""One call to the API as a value, and what may happen to one attempt at it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import Final

from deployer.errors import ApiError
from deployer.model.endpoints import Endpoint
from deployer.pythonanywhere.body import Body

SLOWEST_UPLOAD: Final = 64 * 1024
"""Bytes per second that we take for the slowest line when we say how long a call may be under way."""


class Repeat(Enum):
    """What to do when the outcome of an attempt is not known."""

    SAFE = auto()
    """Sending it twice is the same as sending it once: try again."""
    CALLERS_CHOICE = auto()
    """Harmless but dear (a reload restarts the workers): tell the caller what happened."""
    NEVER = auto()
    """It creates something each time: OutcomeUnknown, and the caller lists and compares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    method: str
    endpoint: Endpoint
    address: str
    """Path and query, percent-encoded, beginning with a slash."""
    read_timeout_s: float
    body: Body | None = None
    repeat: Repeat = Repeat.SAFE

    def __str__(self) -> str:
        return f"{self.method} {self.address}"

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return self.body.size if self.body else 0

    @property
    def bound_s(self) -> float:
        """By when the platform has counted the call, or never will."""
        return self.read_timeout_s + self.size / SLOWEST_UPLOAD


class Failure(Exception):
    """One attempt that failed, on its way to the decision whether to try again; no caller ever sees it."""

    def __init__(self, error: ApiError, *, harmless: bool = False, retry_after_s: float = 0.0) -> None:
        super().__init__(error.message)
        self.error = error
        self.harmless = harmless
        """The platform has certainly done nothing, and has not counted the call against its limit."""
        self.retry_after_s = retry_after_s
        """What a 429 asked us to wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestDone:
    """One attempt, for logs and metrics."""

    method: str
    endpoint: Endpoint
    path: str
    status: int | None
    """None: no answer came."""
    duration_s: float
    bytes_sent: int
    """Of the body."""
    bytes_received: int
    """Of the body."""
    attempt: int
    """1 is the first."""


class WaitReason(StrEnum):
    RATE_LIMIT = "rate limit"
    """Our own budget is spent; the platform was not asked."""
    THROTTLED = "throttled"
    """The platform said 429: somebody else uses the same account."""
    BACK_OFF = "back-off"
    """An attempt failed and will be repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Said once when a wait begins, and again when it turns out longer."""

    endpoint: str
    reason: WaitReason
    seconds: float


OnRequest = Callable[[RequestDone], None]
OnWait = Callable[[Waiting], None]
CheckStop = Callable[[], None]
"""Called at least every 0.2 s of a wait; whatever it raises ends the wait."""
