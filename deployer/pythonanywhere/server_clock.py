"""What time it is on the platform, whose tasks run by its clock and not by ours."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime


class ServerClock:
    """By the `Date` of the last answer, and what has passed here since."""

    def __init__(self) -> None:
        self._date: str | None = None
        self._seen_at = 0.0

    def note(self, headers: Mapping[str, str]) -> None:
        """Of an answer that has just come."""
        if date := headers.get("Date"):
            self._date, self._seen_at = date, time.monotonic()

    def now(self) -> datetime:
        """In UTC, right to about a second; by this machine's own clock where no answer has said anything."""
        try:
            told = parsedate_to_datetime(self._date or "")
        except ValueError:
            return datetime.now(UTC)
        since = timedelta(seconds=time.monotonic() - self._seen_at)
        return told.replace(tzinfo=told.tzinfo or UTC).astimezone(UTC) + since
