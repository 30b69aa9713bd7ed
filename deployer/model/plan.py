"""A plan: what a deployment will do, in order, each step with its reason and its cost.

A plan is a value: it can be printed, stored, compared and thrown away.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from deployer.model.endpoints import Endpoint
from deployer.model.files import FileEntry
from deployer.model.site import ScheduledTask, StaticMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One request that changes something. `subject` is what it changes, in the server's own terms."""

    kind: ClassVar[str]
    endpoint: ClassVar[Endpoint]
    subject: str
    reason: str

    @property
    def bytes_sent(self) -> int:
        return 0

    def as_json(self) -> dict[str, Any]:
        return {
            "action": self.kind,
            "subject": self.subject,
            "reason": self.reason,
            "endpoint": str(self.endpoint),
            "bytes": self.bytes_sent,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload(Action):
    """Send one file of the commit to below the target."""

    endpoint = Endpoint.FILES_PATH
    path: str
    """Relative to the target."""
    entry: FileEntry

    @property
    def bytes_sent(self) -> int:
        return self.entry.size


class CreateFile(Upload):
    """The path is not on the server, or is not recorded as ours."""

    __slots__ = ()
    kind = "create"


class UpdateFile(Upload):
    """The path is recorded as ours with other content."""

    __slots__ = ()
    kind = "update"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteFile(Action):
    """Remove one file that we shipped (or that `prune = "all"` gives up)."""

    kind = "delete"
    endpoint = Endpoint.FILES_PATH


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveEmptyDirectory(Action):
    """Make room for a file that has the name of a directory which has become empty."""

    kind = "rmdir"
    endpoint = Endpoint.FILES_PATH


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateWebApp(Action):
    kind = "create-webapp"
    endpoint = Endpoint.WEBAPPS
    python_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigureWebApp(Action):
    kind = "configure-webapp"
    endpoint = Endpoint.WEBAPP
    changes: tuple[tuple[str, str | bool], ...]
    """Field of the platform's web app object -> value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateMapping(Action):
    kind = "create-static"
    endpoint = Endpoint.STATIC_FILES
    mapping: StaticMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateMapping(Action):
    kind = "update-static"
    endpoint = Endpoint.STATIC_FILE
    id: int
    mapping: StaticMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteMapping(Action):
    kind = "delete-static"
    endpoint = Endpoint.STATIC_FILE
    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTask(Action):
    kind = "create-task"
    endpoint = Endpoint.SCHEDULE
    task: ScheduledTask


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateTask(Action):
    kind = "update-task"
    endpoint = Endpoint.SCHEDULE_ITEM
    id: int
    task: ScheduledTask


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteTask(Action):
    kind = "delete-task"
    endpoint = Endpoint.SCHEDULE_ITEM
    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepWsgiCopy(Action):
    """Put a copy of somebody else's WSGI file beside the manifest before it is overwritten."""

    kind = "keep-wsgi"
    endpoint = Endpoint.FILES_PATH
    copy: str
    """Absolute server path of the copy."""
    content: bytes

    @property
    def bytes_sent(self) -> int:
        return len(self.content)


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadWsgi(Action):
    """Send the file that the platform runs; last, since touching it may reload the site by itself."""

    kind = "wsgi"
    endpoint = Endpoint.FILES_PATH
    entry: FileEntry

    @property
    def bytes_sent(self) -> int:
        return self.entry.size


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload(Action):
    kind = "reload"
    endpoint = Endpoint.RELOAD


SETTINGS_ACTIONS = (
    CreateWebApp,
    ConfigureWebApp,
    CreateMapping,
    UpdateMapping,
    DeleteMapping,
    CreateTask,
    UpdateTask,
    DeleteTask,
)
"""Actions that change what the platform holds beside files."""


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

    @property
    def steps(self) -> tuple[Action, ...]:
        """Every action before the reload."""
        return tuple(action for action in self.actions if not isinstance(action, Reload))

    @property
    def reload(self) -> Reload | None:
        """The last action, where anything needs it."""
        return next((action for action in self.actions if isinstance(action, Reload)), None)

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
        at a directory before it is removed). Without: the record alone, where it is needed.
        """
        counted = Counter(action.endpoint for action in self.actions)
        counted[Endpoint.FILES_PATH] += sum(isinstance(a, RemoveEmptyDirectory) for a in self.actions)
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
