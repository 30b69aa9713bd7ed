"""A plan: what a deployment will do, in order, each step with its reason and its cost.

A plan is a value: it can be printed, stored, compared and thrown away.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deployer.model.actions import (
    FILES_OF_HOOK,
    Action,
    CreateWebsite,
    Reload,
    RemoveEmptyDirectory,
    RequestCertificate,
    RestartAlwaysOn,
    RunHook,
    SendRelease,
)
from deployer.model.endpoints import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something that is deliberately not done, and why."""

    subject: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The way from what is on the server to a commit."""

    domain: str
    commit: str
    base: str | None
    """The commit whose files were on the server, as far as the manifest knows."""
    actions: tuple[Action, ...]
    refusals: tuple[str, ...] = ()
    """Sentences; a plan with any of them is never carried out."""
    notes: tuple[Note, ...] = ()
    needs_record: bool = False
    """The manifest has to be written even if there is nothing to do."""
    release: str | None = None
    """What the site is to serve, where it has releases."""

    @property
    def steps(self) -> tuple[Action, ...]:
        """Every action between the claim and the reload."""
        return tuple(
            action
            for action in self.actions
            if not isinstance(action, SendRelease | Reload | RestartAlwaysOn) and not _is_late_hook(action)
        )

    @property
    def sending(self) -> SendRelease | None:
        """Before the claim, since it touches nothing that anybody uses."""
        return next((action for action in self.actions if isinstance(action, SendRelease)), None)

    @property
    def reload(self) -> Reload | None:
        """After the steps, where anything needs it."""
        return next((action for action in self.actions if isinstance(action, Reload)), None)

    @property
    def late_hooks(self) -> tuple[RunHook, ...]:
        """Once the site answers well, before anything that runs beside it follows."""
        return tuple(
            action for action in self.actions if isinstance(action, RunHook) and _is_late_hook(action)
        )

    @property
    def restarts(self) -> tuple[RestartAlwaysOn, ...]:
        """The last actions: once the site answers well, what runs beside it follows."""
        return tuple(action for action in self.actions if isinstance(action, RestartAlwaysOn))

    @property
    def starts_website(self) -> bool:
        """A website starts when it is created: it is asked as after a reload, and needs none."""
        return any(isinstance(action, CreateWebsite) and action.enabled for action in self.actions)

    @property
    def is_noop(self) -> bool:
        return not self.actions and not self.needs_record

    @property
    def bytes_sent(self) -> int:
        return sum(action.bytes_sent for action in self.actions)

    @property
    def requests(self) -> Mapping[Endpoint, int]:
        """Requests still to be made, per endpoint, without the reading that made the plan.

        With actions: intent, reading it back, and the record, besides one request each (two to look
        at a directory before it is removed, three to see what came of asking for a certificate). Before the
        first hook of a release it is built, by a command like the hook's, and ordered once they have run.
        Without: the record alone, where it is needed.
        """
        counted = Counter(action.endpoint for action in self.actions)
        counted[Endpoint.FILES_PATH] += sum(isinstance(a, RemoveEmptyDirectory) for a in self.actions)
        hooks = [action for action in self.actions if isinstance(action, RunHook)]
        counted[Endpoint.FILES_PATH] += FILES_OF_HOOK * len(hooks)
        if self.release is not None and len(hooks) > len(self.late_hooks):
            counted[Endpoint.FILES_PATH] += FILES_OF_HOOK + 1
            counted[Endpoint.CONSOLE_INPUT] += 1
        for asking in (a for a in self.actions if isinstance(a, RequestCertificate)):
            counted[asking.endpoint] += 2
        counted[Endpoint.FILES_PATH] += 3 if self.actions else int(self.needs_record)
        return {endpoint: count for endpoint, count in counted.items() if count}

    def seconds_under_limit(self, per_minute: int) -> float:
        """The least time that the platform's sliding minute allows for the requests, from an idle start."""
        if per_minute <= 0:
            return 0.0
        return max((60.0 * ((count - 1) // per_minute) for count in self.requests.values()), default=0.0)

    def seconds_left(self, per_minute: int, *, done: int, elapsed_s: float) -> float:
        """By the rate so far, but never less than the limit's own windows still to come."""
        by_rate = elapsed_s / done * (len(self.actions) - done) if done else 0.0
        by_limit = self.seconds_under_limit(per_minute) - elapsed_s
        return max(by_limit, 0.0) if per_minute else by_rate

    def counts(self) -> Mapping[str, int]:
        """How many actions of each kind, in the order in which they are carried out."""
        return Counter(action.kind for action in self.actions)

    def as_json(self, *, per_minute: int) -> dict[str, Any]:
        return {
            "domain": self.domain,
            "commit": self.commit,
            "base": self.base,
            "release": self.release,
            "actions": [action.as_json() for action in self.actions],
            "refusals": list(self.refusals),
            "notes": [{"subject": note.subject, "reason": note.reason} for note in self.notes],
            "cost": {
                "requests": {str(endpoint): count for endpoint, count in sorted(self.requests.items())},
                "bytes": self.bytes_sent,
                "seconds": self.seconds_under_limit(per_minute),
            },
            "in_sync": self.is_noop,
        }


def _is_late_hook(action: Action) -> bool:
    return isinstance(action, RunHook) and action.hook.at == "after_live"
