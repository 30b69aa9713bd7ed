"""One run of a plan, as history remembers it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Self

from deployer.model.actions import Action
from deployer.model.files import FileEntry


class Status(StrEnum):
    """How far a deployment has come, or how it ended."""

    RUNNING = "running"
    LIVE = "live"
    """Carried out, and the site was seen to answer as it should."""
    UNCHANGED = "unchanged"
    """There was nothing to do."""
    REFUSED = "refused"
    """A guard stopped it; nothing was written."""
    FAILED = "failed"
    """It ended with an error; `detail` says what is on the server."""
    INTERRUPTED = "interrupted"
    """Somebody stopped it, or its process was killed."""

    @property
    def is_final(self) -> bool:
        return self is not Status.RUNNING


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One row of the history."""

    id: str
    domain: str
    commit: str
    subject: str
    author: str
    base: str | None
    started: datetime
    ended: datetime | None = None
    status: Status = Status.RUNNING
    detail: str = ""

    @property
    def seconds(self) -> float | None:
        return (self.ended - self.started).total_seconds() if self.ended else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One action that the server confirmed."""

    number: int
    action: str
    subject: str
    reason: str
    entry: FileEntry | None
    """What is at the path now; None: nothing, or it is no file."""
    ended: datetime
    seconds: float

    @classmethod
    def of(cls, action: Action, *, number: int, entry: FileEntry | None, seconds: float) -> Self:
        """An action that was confirmed just now."""
        return cls(
            number=number,
            action=action.kind,
            subject=action.subject,
            reason=action.reason,
            entry=entry,
            ended=datetime.now(UTC),
            seconds=round(seconds, 3),
        )
