"""What the site is: `pythonanywhere.toml` of a commit, resolved against an account."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final, Literal

Prune = Literal["managed", "all", "never"]
Interval = Literal["daily", "hourly"]
Restart = Literal["deployment", "never"]
Kind = Literal["wsgi", "asgi"]
Strategy = Literal["files", "release"]
StaticPlace = Literal["current", "exact"]
Via = Literal["auto", "console", "task"]
HookTime = Literal["before_reload", "after_live"]

LONGEST_RUN: Final = timedelta(hours=12)
"""Nothing may run for longer on the platform (help page "ScheduledTasks")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebAppSettings:
    """The web app's own settings; None means not ours, leave it as it is. Paths are the server's."""

    python_version: str | None = None
    """"3.12": the spelling of replies and of PATCH, not the "python312" that creation wants."""
    source_directory: str | None = None
    working_directory: str | None = None
    virtualenv_path: str | None = None
    force_https: bool | None = None
    password_protection_enabled: bool | None = None
    """Whether visitors have to give a name and a password."""
    password_protection_username: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticMapping:
    """A URL prefix that the platform serves from a folder or file, without asking the application."""

    url: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticHeader:
    """A header that the web server adds to its answers below a URL prefix."""

    url: str
    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledTask:
    """A command that the platform runs daily or hourly. Times are UTC."""

    name: str
    """Identity: a changed command is an update of the same task."""
    command: str
    interval: Interval
    hour: int | None
    """0..23 for daily, None for hourly."""
    minute: int
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AlwaysOnTask:
    """A command that the platform starts again whenever it ends."""

    name: str
    """Identity: a changed command is an update of the same task."""
    command: str
    enabled: bool = True
    restart: Restart = field(default="deployment", compare=False)
    """"deployment": it is started anew when files have changed, since it runs the old code otherwise. Our own
    doing, which the platform knows nothing of: so two tasks that differ in it alone are the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A command that a deployment runs on the server."""

    at: HookTime
    """"before_reload": once all files are there, and the site still runs the old ones; "after_live": once it
    was seen to answer as it should."""
    command: str
    """A line for the shell."""
    changed: tuple[str, ...] = ()
    """Patterns of shipped paths: it is run when one of them changes. Empty: whenever anything changes."""
    timeout_s: float = 600.0
    via: Via = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """What the site must answer after a reload."""

    enabled: bool = True
    path: str = "/"
    status: int | None = None
    """The one status that is well; None: anything below 500."""
    contains: str | None = None
    timeout_s: float = 30.0
    in_a_row: int = 1
    """How many good answers in a row it takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxDelete:
    """How many deletes are plausible: a share of what we shipped, or a count."""

    share: float | None = 0.5
    count: int | None = None

    def allows(self, deletes: int, *, shipped: int) -> bool:
        """Up to five deletes are always plausible."""
        if deletes <= 5:
            return True
        if self.count is not None:
            return deletes <= self.count
        return deletes <= (self.share or 0.0) * shipped

    def __str__(self) -> str:
        return str(self.count) if self.count is not None else f"{100 * (self.share or 0.0):g}%"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRules:
    """What is shipped, and what is left alone on the server. Patterns are gitignore's."""

    source: str = ""
    """Subdirectory of the repository to ship, without slashes at its ends; "" is the whole."""
    exclude: tuple[str, ...] = ()
    """Relative to `source`; not shipped."""
    keep: tuple[str, ...] = ()
    """Relative to the target; never overwritten, never deleted."""
    prune: Prune = "managed"
    max_delete: MaxDelete = MaxDelete()
    links: Literal["copy", "keep"] = "copy"
    """What becomes of a symbolic link within the source: a copy of what it stands for, or itself."""
    allow: tuple[str, ...] = ()
    """Paths relative to `source` that the secrets guard lets pass, named one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRules:
    """Each commit in a folder of its own, switched at once (strategy "release")."""

    keep: int = 3
    """How many releases stay on the server beside the one that is live."""
    shared: tuple[str, ...] = ()
    """What the site itself writes: linked from `<target>/shared` into each release. Relative to the target;
    with a final slash where it is a folder."""
    static: StaticPlace = "current"
    """Whether static mappings go through the link, or into the folder of the release."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One site, fully resolved: every path absolute on the server, every default filled in."""

    username: str
    domain: str
    target: str
    """Absolute, below the account's home, without a final slash."""
    files: FileRules
    webapp: WebAppSettings
    wsgi: str | None
    """Path in the repository of what becomes the WSGI file; None: the WSGI file is not ours."""
    static: tuple[StaticMapping, ...]
    tasks: tuple[ScheduledTask, ...]
    health: HealthCheck
    command: str | None = None
    """What serves an ASGI site, listening on ${DOMAIN_SOCKET}: a website of version 1 of the platform's API.
    None: a web app, which runs the WSGI file."""
    enabled: bool | None = None
    """Whether the site is on the web; None: not ours."""
    headers: tuple[StaticHeader, ...] = ()
    always_on: tuple[AlwaysOnTask, ...] = ()
    releases: ReleaseRules | None = None
    """None: files go straight into the target (strategy "files")."""
    hooks: tuple[Hook, ...] = ()

    @property
    def root(self) -> str:
        """The folder whose files are those of the commit that is live."""
        return self.target if self.releases is None else f"{self.target}/current"

    def with_static_in(self, release: str) -> "Site":
        """Where static mappings name the release itself, they are this one's."""
        if self.releases is None or self.releases.static == "current":
            return self
        place = f"{self.target}/releases/{release}"
        static = (
            replace(each, path=place + each.path.removeprefix(self.root))
            if f"{each.path}/".startswith(f"{self.root}/")
            else each
            for each in self.static
        )
        return replace(self, static=tuple(static))

    @property
    def kind(self) -> Kind:
        return "wsgi" if self.command is None else "asgi"

    @property
    def has_platforms_certificate(self) -> bool:
        """The platform has one certificate for all names of its own."""
        return self.domain.lower().endswith(".pythonanywhere.com")

    @property
    def home(self) -> str:
        return f"/home/{self.username}"

    @property
    def record_directory(self) -> str:
        """Where we keep our own record on the server."""
        return f"{self.home}/.deployer/{self.domain}"

    @property
    def manifest_path(self) -> str:
        return f"{self.record_directory}/manifest.json"

    @property
    def wsgi_path(self) -> str:
        """The platform runs this file: /var/www/<domain, dots as underscores, lower case>_wsgi.py
        (help page "Deploying an existing Django project").
        """
        return f"/var/www/{self.domain.lower().replace('.', '_')}_wsgi.py"

    def task_label(self, name: str) -> str:
        """A task's description on the platform, scheduled or always on: tasks belong to the account, so it
        names the site, too.
        """
        return f"{name} ({self.domain})"

    def on_server(self, path: str) -> str:
        """The absolute server path of a shipped path."""
        return f"{self.root}/{path}"
