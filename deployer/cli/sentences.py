"""The events of a deployment as sentences, for somebody who watches it."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from deployer.cli.render import duration, size

Event = Mapping[str, Any]

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def harmless(text: object) -> str:
    """Without what would steer a terminal: subjects and logs are other people's words."""
    return _CONTROL.sub("?", str(text))


def sentence(event: Event) -> str | None:
    """What a watcher is told of an event; None: nothing. See docs/events.md for the fields."""
    words = _WORDS.get(str(event.get("event")))
    return harmless(words(event)) if words is not None else None


def step(event: Event) -> str:
    """One confirmed action."""
    sent = f", {size(event['bytes'])}" if event.get("bytes") else ""
    return harmless(f"  {event.get('action')}  {event.get('subject')}  ({event.get('reason')}{sent})")


def progress_line(progress: Event) -> str:
    """A deployment under way in one line: how far, how long, and what it waits for."""
    parts = [str(progress.get("phase") or "under way")]
    done, steps = progress.get("done") or 0, progress.get("steps") or 0
    if done < steps:
        parts[0] += f": {done} of {steps}"
        if total := progress.get("bytes_total"):
            parts.append(f"{size(progress.get('bytes_done') or 0)} of {size(total)}")
    if left := progress.get("seconds_left"):
        parts.append(f"{duration(left)} left")
    if (waits := progress.get("waiting_s") or 0) >= 1:
        parts.append(f"waiting {duration(waits)} for the platform's limit")
    return harmless(", ".join(parts))


def _planned(event: Event) -> str:
    actions = event.get("actions") or {}
    what = ", ".join(kind if kind == "reload" else f"{number} {kind}" for kind, number in actions.items())
    return f"to do: {what}, {size(event.get('bytes') or 0)}" if what else "nothing to send"


def _checked(event: Event) -> str:
    if not event.get("well"):
        return f"the site does not answer as it should: {event.get('problem')}"
    return f"the site answered {event.get('status')} in {1000 * float(event.get('seconds') or 0):.0f} ms"


def _reloaded(event: Event) -> str:
    outcome = event.get("outcome")
    return "reloaded" if outcome == "ok" else f"reloaded, with a warning: {outcome}"


_WORDS: Mapping[str, Callable[[Event], str]] = {
    "deployment_started": lambda event: f'{str(event.get("commit"))[:10]} "{event.get("subject")}"',
    "planned": _planned,
    "reloaded": _reloaded,
    "reload_unsure": lambda event: (
        f"the answer to the reload was lost, the check decides: {event.get('problem')}"
    ),
    "health_checked": _checked,
    "health_not_checked": lambda event: f"the site was not asked: {event.get('reason')}",
    "hook_started": lambda event: f"running {event.get('command')}",
    "hook_note": lambda event: str(event.get("text")),
    "hook_ended": lambda event: f"it {event.get('how')}, in {event.get('seconds')} s",
    "rolling_back": lambda event: f"putting {str(event.get('to'))[:10]} back, which was live before",
}
