"""Plans, deployments and amounts as text for people."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from deployer.model.actions import Action, SendRelease
from deployer.model.deployment import Deployment, Status
from deployer.model.files import Commit
from deployer.model.plan import Plan

if TYPE_CHECKING:  # the story's rooms are heavy, and history needs only the words
    from deployer.deployment.attempt import Outcome


def size(bytes_: float) -> str:
    """1000-based, as disks and networks count."""
    for unit in ("B", "kB", "MB"):
        if bytes_ < 1000:
            return f"{bytes_:.0f} {unit}" if unit == "B" else f"{bytes_:.1f} {unit}"
        bytes_ /= 1000
    return f"{bytes_:.1f} GB"


def duration(seconds: float) -> str:
    """Two units at most: people plan in them."""
    if seconds < 1:
        return "under a second"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def plan_lines(plan: Plan, commit: Commit, *, home: str, per_minute: int) -> Iterator[str]:
    """The whole plan: what, why, and what it costs."""
    was = f" (there now: {plan.base[:10]})" if plan.base and plan.base != plan.commit else ""
    yield f'{plan.domain}: {commit.short} "{commit.subject}"{was}'
    width = max((len(action.kind) for action in plan.actions), default=0)
    for action in plan.actions:
        subject = action.subject.replace(f"{home}/", "~/", 1)
        yield f"  {action.kind:<{width}}  {subject}  ({_why(action)})"
    for note in plan.notes:
        yield f"  {'-':<{width}}  {note.subject.replace(f'{home}/', '~/', 1)}  ({note.reason})"
    if plan.actions or not plan.refusals:  # what was refused is not in sync
        yield cost_line(plan, per_minute=per_minute)


def _why(action: Action) -> str:
    if isinstance(action, SendRelease):
        counts = f"{action.new} new, {action.changed} changed, {action.gone} gone {action.reason}"
        amount = f"{size(action.bytes_sent)} before it is packed"
        return f"{counts}, {count(action.files, 'file')} in all; {amount}"
    return action.reason + (f", {size(action.bytes_sent)}" if action.bytes_sent else "")


def cost_line(plan: Plan, *, per_minute: int) -> str:
    """One sentence: what is to be done in all, in the platform's currency."""
    if plan.is_noop:
        return "In sync: nothing to do."
    if not plan.actions:
        return "Nothing to send; only the record on the server is brought up to date (1 request)."
    total = sum(plan.requests.values())
    detail = ", ".join(f"{number} {endpoint}" for endpoint, number in sorted(plan.requests.items()))
    time = duration(plan.seconds_under_limit(per_minute))
    limit = f" at {per_minute} requests a minute" if per_minute else " (no limit set)"
    return (
        f"{count(len(plan.actions), 'action')}, {count(total, 'request')} ({detail}), "
        f"{size(plan.bytes_sent)}, {time}{limit}"
    )


def summary(plan: Plan) -> str:
    """The shape of a plan in one line, like "3 create, 1 update, reload"."""
    counts = plan.counts()
    return ", ".join(kind if kind == "reload" else f"{number} {kind}" for kind, number in counts.items())


def deployment_line(deployment: Deployment) -> str:
    """One line of the history."""
    seconds = "" if deployment.seconds is None else f" in {duration(deployment.seconds)}"
    return (
        f"{deployment.id}  {deployment.status:<11}  {deployment.started:%Y-%m-%d %H:%M:%S}Z  "
        f"{deployment.commit[:10]} {deployment.subject}{seconds}"
    )


def outcome_lines(outcome: "Outcome", commit: Commit, url: str, *, requests: int) -> Iterator[str]:
    """How a deployment ended, for the person who typed it."""
    cost = count(requests, "request")
    if outcome.deployment.status is Status.UNCHANGED:
        yield f'{url} is in sync with {commit.short} "{commit.subject}": nothing to do ({cost}).'
        return
    for note in (*outcome.plan.notes, *outcome.notes):
        yield f"  - {note.subject}: {note.reason}"
    took = duration(outcome.deployment.seconds or 0.0)
    done = summary(outcome.plan) or "nothing to send"
    yield f"{done}: {size(outcome.plan.bytes_sent)}, {cost}, {took}"
    if outcome.answer is not None and outcome.answer.status is not None:
        yield f"{url} answered {outcome.answer.status} in {1000 * outcome.answer.seconds:.0f} ms"
    yield f'live: {commit.short} "{commit.subject}" (deployment {outcome.deployment.id})'
    if outcome.plan.release is not None:
        how = "sent by this deployment" if outcome.plan.sending else "there already: no file was sent"
        yield f"release: {outcome.plan.release}, {how}"


def event_line(event: dict[str, Any]) -> str:
    """One kept event as a line: time, name, then the rest as key=value."""
    rest = {
        k: v for k, v in event.items() if k not in {"timestamp", "event", "level", "deployment", "domain"}
    }
    pairs = " ".join(f"{key}={value}" for key, value in rest.items())
    return f"{event['timestamp'][11:23]}  {event['level']:<7}  {event['event']}  {pairs}".rstrip()
