"""What a deployment can do, one request or a few each. `plan.py` puts them in order."""

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
