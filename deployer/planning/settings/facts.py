"""What has to be read of the platform's settings, what was read, and what follows from it."""

from dataclasses import dataclass

from deployer.model.actions import Action
from deployer.model.manifest import Applied, AppliedSettings
from deployer.model.plan import Note
from deployer.model.site import AlwaysOnTask, ScheduledTask, StaticHeader, StaticMapping, WebAppSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class InDoubt:
    """Which families of settings have to be read before a plan can be made."""

    webapp: bool = False
    """The site itself, whether web app or website: is it there, and as it shall be?"""
    enabled: bool = False
    """Whether it is on the web. The platform need not tell, so it is said again unless it does."""
    password: bool = False
    """The password that is there may be another one. Nothing tells, so it is sent again."""
    static: bool = False
    headers: bool = False
    tasks: bool = False
    always_on: bool = False
    wsgi: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSettings:
    """What was read from the platform. Only the families in doubt are filled in."""

    exists: bool = True
    """The site is there, as the kind of site that is wanted; also where nobody asked."""
    other_kind: bool = False
    """The domain is held by a site of the other kind: a website in place of a web app, or the other way."""
    webapp: WebAppSettings = WebAppSettings()
    command: str | None = None
    """What serves the website that is there."""
    enabled: bool | None = None
    """Whether the site is on the web; None: the platform does not say."""
    static: tuple[Applied[StaticMapping], ...] = ()
    headers: tuple[Applied[StaticHeader], ...] = ()
    tasks: tuple[Applied[ScheduledTask], ...] = ()
    """A task's name is that of its label (`Site.task_label`), "" for any other description."""
    always_on: tuple[Applied[AlwaysOnTask], ...] = ()
    """As `tasks`."""
    wsgi: bytes | None = None
    """Content of a WSGI file that is not recorded as ours; None: there is none."""
    virtualenv_exists: bool | None = None
    """Whether the wanted virtualenv is there; None: not asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsPlan:
    """Actions in order, what is refused, and what is ours when they are done."""

    actions: tuple[Action, ...]
    refusals: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    settled: AppliedSettings
    """What needs no action; ids that creating calls will give are added as they come."""
