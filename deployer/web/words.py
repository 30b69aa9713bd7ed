"""Times, sizes and states as people say them. What the page shows and the stream sends is worded here,
so that the script has no words of its own.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from deployer.daemon.view import Progress, SiteView
from deployer.model.deployment import Deployment, Status

_TOLD_APART = {"event", "level", "timestamp", "deployment", "domain"}
"""Fields of every event: the log's columns and its page say them already."""

_COMMIT = re.compile(r"\b[0-9a-f]{40}(?:[0-9a-f]{24})?\b")


@dataclass(frozen=True, slots=True)
class Badge:
    """A state: `kind` chooses colour and sign, `word` says it for those who see neither."""

    kind: str
    """good, busy, bad, warn, held or plain."""
    word: str


def duration(seconds: float) -> str:
    """A whole number is written as one: it was rounded, or is an estimate."""
    if seconds < 9.95 and seconds != round(seconds):
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes < 10 and rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if hours < 10 and minutes else f"{hours} h"
    return f"{hours // 24} days"


def ago(moment: datetime, now: datetime | None = None) -> str:
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    if seconds < 10:
        return "just now" if seconds > -10 else f"in {_coarse(-seconds)}"
    return f"{_coarse(seconds)} ago"


def _coarse(seconds: float) -> str:
    for size, unit in ((86400, "day"), (3600, "h"), (60, "min")):
        if seconds >= (2 * size if unit == "day" else size):
            count = int(seconds // size)
            return f"{count} {unit}{'s' if unit == 'day' else ''}"
    return f"{seconds:.0f} s"


def moment(when: datetime) -> str:
    return f"{when.astimezone(UTC):%-d %b %Y, %H:%M:%S} UTC"


def size(count: int) -> str:
    """As the command line writes it: powers of 1000."""
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.95 or unit == "GB":
            return f"{value:.1f} {unit}"
    raise AssertionError(count)


def due(on: date, today: date | None = None) -> str:
    days = (on - (today or datetime.now(UTC).date())).days
    if days < 0:
        return f"expired on {on:%-d %b %Y}"
    left = {0: "today", 1: "tomorrow"}.get(days, f"in {days} days")
    return f"{left}, {on:%-d %b %Y}"


def progress_words(progress: Progress) -> dict[str, str]:
    """Part of the page -> its text while a deployment runs."""
    if not progress.steps:
        count = "not planned yet"
    else:
        count = f"{progress.done} of {progress.steps} steps"
        if progress.bytes_total:
            count += f", {size(progress.bytes_done)} of {size(progress.bytes_total)}"
    left = "" if progress.seconds_left is None else f"about {duration(round(progress.seconds_left))} left"
    if progress.waiting_s >= 1:
        left += (
            f"{', ' if left else ''}waiting {duration(round(progress.waiting_s))} for the platform's limit"
        )
    return {"phase": progress.phase, "count": count, "current": progress.current, "left": left}


def event_words(event: Mapping[str, Any]) -> dict[str, str]:
    """One line of the log: time, level, title and text."""
    fields = (
        f"{key} {_value(value)}" for key, value in event.items() if key not in _TOLD_APART and value != ""
    )
    return {
        "time": str(event.get("timestamp", ""))[11:19],
        "level": str(event.get("level", "info")),
        "title": str(event.get("event", "")).replace("_", " "),
        "text": " · ".join(fields),
    }


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_value(item)}" for key, item in value.items()) or "none"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_value(item) for item in value) or "none"
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return _COMMIT.sub(lambda found: found[0][:10], str(value))


def site_badges(site: SiteView) -> list[Badge]:
    """The most urgent first; never empty."""
    badges = []
    if site.running:
        badges.append(Badge("busy", "deploying"))
    if site.problem:
        back = any(badge.word == "put back" for badge in outcomes(site.history[:1], site.history).values())
        failed = any(item.status is Status.FAILED for item in site.history[:2])
        badges.append(Badge("bad", "rolled back" if back else "failed" if failed else "needs attention"))
    if site.frozen is not None:
        badges.append(Badge("held", "frozen"))
    if site.waiting:
        badges.append(Badge("plain", "waiting"))
    if site.drift and site.drift.findings:
        badges.append(Badge("warn", "drift"))
    if not badges or (not site.problem and not site.running and site.live):
        badges.append(Badge("good", "live") if site.live else Badge("plain", "nothing deployed yet"))
    return badges


def outcomes(shown: Sequence[Deployment], history: Sequence[Deployment]) -> dict[str, Badge]:
    """Deployment id -> how it ended, told with what came before and after it in `history` (newest first)."""
    return {item.id: _outcome(item, [h for h in history if h.domain == item.domain]) for item in shown}


def _outcome(item: Deployment, history: Sequence[Deployment]) -> Badge:
    older = [other for other in history if other.started < item.started]
    newer = [other for other in history if other.started > item.started]
    match item.status:
        case Status.LIVE:
            was_live = any(o.commit == item.commit and o.status is Status.LIVE for o in older)
            back = was_live and item.base != item.commit
            return Badge("good", "put back" if back else "live" if not _superseded(newer) else "deployed")
        case Status.FAILED:
            after = newer[-1] if newer else None
            rolled = after and after.status is Status.LIVE and after.commit == item.base
            return Badge("bad", "failed, rolled back" if rolled else "failed")
        case Status.UNCHANGED:
            return Badge("plain", "nothing to do")
        case Status.RUNNING:
            return Badge("busy", "deploying")
        case Status.REFUSED:
            return Badge("warn", "refused")
        case Status.INTERRUPTED:
            return Badge("warn", "interrupted")


def _superseded(newer: Sequence[Deployment]) -> bool:
    return any(other.status is Status.LIVE for other in newer)
