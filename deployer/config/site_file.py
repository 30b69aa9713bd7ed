"""`pythonanywhere.toml`: what the site is. It travels with the repository: no account, no token."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field

from deployer.config.positions import KeyPath, spell
from deployer.config.problems import Problem, tables
from deployer.config.values import (
    AllowedFile,
    Deletes,
    Domain,
    Duration,
    OneLine,
    Pattern,
    PythonVersion,
    RepositoryFile,
    RepositoryPath,
    ServerPath,
    Table,
    TimeOfDay,
    UrlPath,
)
from deployer.model.site import Interval, MaxDelete, Prune

SITE_FILE = "pythonanywhere.toml"
"""Its usual place in the repository."""


class AppTable(Table):
    """The web app: where it is served, with what, and where its files go."""

    domain: Domain | None = None
    """Where the site is served. Default: <username>.pythonanywhere.com, on the EU host
    <username>.eu.pythonanywhere.com."""
    python: PythonVersion | None = Field(default=None, examples=["3.12"])
    """The web app is created with this Python when it is missing, and kept at it.
    Default: an existing web app keeps its own."""
    source: RepositoryPath = ""
    """The folder of the repository to ship. Default: all of it."""
    target: ServerPath | None = Field(default=None, examples=["~/mysite"])
    """The folder on the server where the files go, below the account's home.
    Default: ~/<domain>, the folder that the platform's own `pa` command would use."""
    virtualenv: ServerPath | None = Field(default=None, examples=["~/.virtualenvs/mysite"])
    """The virtual environment that the web app runs in. Default: left as it is."""
    working_directory: ServerPath | None = Field(default=None, examples=["~/mysite"])
    """The directory that the web app starts in. Default: left as it is."""
    force_https: bool | None = None
    """Send visitors who come by http to https. Default: left as it is."""
    wsgi: RepositoryFile | None = Field(default=None, examples=["deploy/wsgi.py"])
    """The file of the repository that becomes /var/www/<domain>_wsgi.py. It is uploaded last, and only
    when it changed. Default: the server's WSGI file is left as it is."""


class FilesTable(Table):
    """What is shipped, and what is left alone on the server. Patterns are gitignore's."""

    exclude: Annotated[tuple[Pattern, ...], Field(strict=False, examples=[["tests/", "*.md"]])] = ()
    """Not shipped. Relative to `app.source`."""
    keep: Annotated[tuple[Pattern, ...], Field(strict=False, examples=[["media/", "*.sqlite3"]])] = ()
    """Never overwritten and never deleted on the server. Relative to `app.target`."""
    prune: Prune = "managed"
    """What is deleted on the server: "managed", only what was once shipped; "all", everything that
    the platform's tree names and the commit does not ship (no dot-files, nothing behind links); "never",
    nothing."""
    max_delete: Deletes = Field(
        default=MaxDelete(), json_schema_extra={"default": "50%"}, examples=["50%", 20]
    )
    """A plan with more deletes is refused: a share of what was shipped, or a number of files.
    Up to five are always fine. Default: "50%"."""
    allow: Annotated[tuple[AllowedFile, ...], Field(strict=False, examples=[["config/demo.env"]])] = ()
    """Tracked files that would be refused as secrets, named one by one. Relative to `app.source`."""


class StaticTable(Table):
    """A URL prefix that the platform serves from a folder or file, without asking the application."""

    url: UrlPath = Field(examples=["/static/"])
    """The beginning of the URL's path."""
    path: OneLine = Field(examples=["static/"])
    """The folder or file: relative to `app.target`, or absolute, or below the home with ~/."""


class TaskTable(Table):
    """A command that the platform runs by itself, daily or hourly."""

    name: OneLine = Field(examples=["nightly"])
    """Its identity: a changed command is an update of the same task."""
    command: OneLine = Field(examples=["python manage.py clearsessions"])
    """What runs on the server, in a shell."""
    interval: Interval = "daily"
    """"daily" or "hourly"."""
    at: TimeOfDay | None = Field(default=None, examples=["04:10"])
    """The time of a daily task, UTC."""
    minute: int | None = Field(default=None, ge=0, le=59, examples=[10])
    """The minute of an hourly task."""
    enabled: bool = True
    """Whether it runs."""


class HealthTable(Table):
    """What the site must answer after a reload. Without this table: GET /, anything below 500 is well."""

    check: bool = True
    """false: do not ask."""
    path: UrlPath = "/"
    """What is asked for."""
    status: int | None = Field(default=None, ge=100, le=599, examples=[200])
    """The one status that is well. Default: any below 500."""
    contains: Annotated[str, Field(min_length=1)] | None = Field(default=None, examples=["ok"])
    """What the body must contain."""
    timeout: Duration = Field(
        default=timedelta(seconds=30), json_schema_extra={"default": "30s"}, examples=["30s"]
    )
    """How long the site may take until it answers like that. Default: "30s"."""
    in_a_row: int = Field(default=1, ge=1, le=20, examples=[3])
    """How many good answers in a row it takes, a quarter of a second apart."""


class SiteFile(Table):
    """pythonanywhere.toml: what the site is."""

    misplaced = dict.fromkeys(
        ("account", "daemon", "host", "site", "token", "username"),
        "is not said in the repository, but in deployer.toml or the environment of the machine that deploys",
    )

    app: AppTable = AppTable()
    files: FilesTable = FilesTable()
    static: Annotated[tuple[StaticTable, ...], Field(strict=False)] = ()
    task: Annotated[tuple[TaskTable, ...], Field(strict=False)] = ()
    health: HealthTable = HealthTable()


def site_rules(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """What can only be said of several keys together; `raw` may hold anything that TOML can."""
    tasks, mappings = tables(raw, "task"), tables(raw, "static")
    for path, task in tasks:
        yield from _task_time(path, task)
    yield from _repeated(tasks, "name", lambda name: name)
    yield from _repeated(mappings, "url", lambda url: url.rstrip("/"))


def _task_time(path: KeyPath, task: Mapping[str, Any]) -> Iterator[Problem]:
    """The platform gives an hourly task no hour, and a daily one needs it."""
    wanted, other = ("minute", "at") if task.get("interval", "daily") == "hourly" else ("at", "minute")
    kind, example = ("an hourly", "minute = 10") if wanted == "minute" else ("a daily", 'at = "04:10"')
    if task.get("interval", "daily") not in ("daily", "hourly"):
        return
    if wanted not in task:
        yield Problem((*path, wanted), f"is missing: {kind} task needs it, as in {example} (UTC)")
    if other in task:
        yield Problem((*path, other), f"does not belong to {kind} task, which runs at its `{wanted}`")


def _repeated(
    entries: Sequence[tuple[KeyPath, Mapping[str, Any]]], key: str, same: Callable[[str], str]
) -> Iterator[Problem]:
    first: dict[str, KeyPath] = {}
    for path, entry in entries:
        value = entry.get(key)
        if not isinstance(value, str):
            continue
        earlier = first.setdefault(same(value), path)
        if earlier != path:
            yield Problem((*path, key), f'"{value}" is already the {key} of {spell(earlier)}')
