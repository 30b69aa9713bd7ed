"""A time as a person types it: so long ago, or by the calendar."""

from datetime import UTC, datetime, timedelta

from pydantic import TypeAdapter, ValidationError

from deployer.config.values import Duration
from deployer.errors import UsageError


def moment_of(text: str, now: datetime) -> datetime:
    """So long ago, or a date or time, UTC where it names no zone. Raises UsageError."""
    try:
        ago: timedelta = TypeAdapter(Duration).validate_python(text)
    except ValidationError:
        pass
    else:
        return now - ago
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"--since {text}: a time is wanted",
            hint='Like "10m", "2h" or "3d" for so long ago, or "2026-01-31" or "2026-01-31 12:00", in UTC.',
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
