"""A plan: what a deployment will do, in order, each step with its reason and its cost.

A plan is a value: it can be printed, stored, compared and thrown away.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from deployer.model.endpoints import Endpoint
from deployer.model.files import FileEntry
from deployer.model.site import AlwaysOnTask, Hook, ScheduledTask, StaticHeader, StaticMapping

Thing = TypeVar("Thing", StaticMapping, StaticHeader, ScheduledTask, AlwaysOnTask)


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
class SendRelease(Action):
    """Send what a release has that the one before has not; nothing runs it before it is ordered."""

    kind = "send-release"
    endpoint = Endpoint.FILES_PATH
    files: int
    """How many it consists of; against the release before: """
    new: int
    changed: int
    gone: int
    content_bytes: int
    """Of the files that are sent, before they are packed."""

    @property
    def bytes_sent(self) -> int:
        return self.content_bytes

    def as_json(self) -> dict[str, Any]:
        counted = {"files": self.files, "new": self.new, "changed": self.changed, "gone": self.gone}
        return {**Action.as_json(self), **counted}


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
    password: bool = False
    """Whether the site's password is sent as well; it is no part of a plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnableWebApp(Action):
    kind = "enable"
    endpoint = Endpoint.ENABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class DisableWebApp(Action):
    kind = "disable"
    endpoint = Endpoint.DISABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteWebApp(Action):
    """Make room for a website of the same domain."""

    kind = "delete-webapp"
    endpoint = Endpoint.WEBAPP


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateWebsite(Action):
    """A site that a command serves, of version 1 of the API. It is started at once."""

    kind = "create-website"
    endpoint = Endpoint.WEBSITES
    command: str
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchWebsite(Action):
    kind = "switch-website"
    endpoint = Endpoint.WEBSITE
    enabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteWebsite(Action):
    """Make room for a web app of the same domain, or for the same website with another command."""

    kind = "delete-website"
    endpoint = Endpoint.WEBSITE


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateThing(Action, Generic[Thing]):
    """Add one of the settings that the platform keeps as a list. `family` is that list's name here."""

    family: ClassVar[str]
    thing: Thing


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateThing(Action, Generic[Thing]):
    family: ClassVar[str]
    id: int
    thing: Thing


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteThing(Action):
    family: ClassVar[str]
    id: int


class CreateMapping(CreateThing[StaticMapping]):
    __slots__ = ()
    kind = "create-static"
    endpoint = Endpoint.STATIC_FILES
    family = "static"


class UpdateMapping(UpdateThing[StaticMapping]):
    __slots__ = ()
    kind = "update-static"
    endpoint = Endpoint.STATIC_FILE
    family = "static"


class DeleteMapping(DeleteThing):
    __slots__ = ()
    kind = "delete-static"
    endpoint = Endpoint.STATIC_FILE
    family = "static"


class CreateHeader(CreateThing[StaticHeader]):
    __slots__ = ()
    kind = "create-header"
    endpoint = Endpoint.STATIC_HEADERS
    family = "headers"


class UpdateHeader(UpdateThing[StaticHeader]):
    __slots__ = ()
    kind = "update-header"
    endpoint = Endpoint.STATIC_HEADER
    family = "headers"


class DeleteHeader(DeleteThing):
    __slots__ = ()
    kind = "delete-header"
    endpoint = Endpoint.STATIC_HEADER
    family = "headers"


class CreateTask(CreateThing[ScheduledTask]):
    __slots__ = ()
    kind = "create-task"
    endpoint = Endpoint.SCHEDULE
    family = "tasks"


class UpdateTask(UpdateThing[ScheduledTask]):
    __slots__ = ()
    kind = "update-task"
    endpoint = Endpoint.SCHEDULE_ITEM
    family = "tasks"


class DeleteTask(DeleteThing):
    __slots__ = ()
    kind = "delete-task"
    endpoint = Endpoint.SCHEDULE_ITEM
    family = "tasks"


class CreateAlwaysOn(CreateThing[AlwaysOnTask]):
    """The platform starts it at once."""

    __slots__ = ()
    kind = "create-always-on"
    endpoint = Endpoint.ALWAYS_ON
    family = "always_on"


class UpdateAlwaysOn(UpdateThing[AlwaysOnTask]):
    __slots__ = ()
    kind = "update-always-on"
    endpoint = Endpoint.ALWAYS_ON_ITEM
    family = "always_on"


class DeleteAlwaysOn(DeleteThing):
    __slots__ = ()
    kind = "delete-always-on"
    endpoint = Endpoint.ALWAYS_ON_ITEM
    family = "always_on"


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
class InstallCertificate(Action):
    """Send a certificate and its key, which is no part of a plan."""

    kind = "install-certificate"
    endpoint = Endpoint.SSL


class InstallDomainCertificate(InstallCertificate):
    """The same for a website: its certificate belongs to its domain."""

    __slots__ = ()
    endpoint = Endpoint.DOMAIN_SSL


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCertificate(Action):
    """Have the platform get a certificate of Let's Encrypt, and renew it."""

    kind = "request-certificate"
    endpoint = Endpoint.SSL


class RequestDomainCertificate(RequestCertificate):
    __slots__ = ()
    endpoint = Endpoint.DOMAIN_SSL


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload(Action):
    kind = "reload"
    endpoint = Endpoint.RELOAD


class ReloadWebsite(Reload):
    __slots__ = ()
    endpoint = Endpoint.WEBSITE_RELOAD


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartAlwaysOn(Action):
    """End an always-on task, which the platform starts again at once: with what is there now."""

    kind = "restart-always-on"
    endpoint = Endpoint.ALWAYS_ON_RESTART
    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHook(Action):
    """Run a command of the site's on the server; `subject` is its line."""

    kind = "hook"
    endpoint = Endpoint.CONSOLE_INPUT
    hook: Hook


FILES_OF_HOOK = 6
"""Requests of a hook at the least: what was left behind, order, wrapper, two looks, the end of its folder."""

SETTINGS_ACTIONS = (
    CreateWebApp,
    ConfigureWebApp,
    EnableWebApp,
    DisableWebApp,
    DeleteWebApp,
    CreateWebsite,
    SwitchWebsite,
    DeleteWebsite,
    CreateThing,
    UpdateThing,
    DeleteThing,
    InstallCertificate,
    RequestCertificate,
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
