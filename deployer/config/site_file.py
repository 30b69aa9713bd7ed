"""`pythonanywhere.toml`: what the site is. It travels with the repository: no account, no token."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from deployer.config.positions import KeyPath, spell
from deployer.config.problems import Problem, tables
from deployer.config.values import (
    AllowedFile,
    Conditions,
    Deletes,
    Domain,
    Duration,
    HeaderName,
    HeaderValue,
    OneLine,
    Pattern,
    Protection,
    PythonVersion,
    RepositoryFile,
    RepositoryPath,
    ServerPath,
    SharedPath,
    SocketCommand,
    Table,
    TimeOfDay,
    UrlPath,
)
from deployer.model.site import (
    LONGEST_RUN,
    HookTime,
    Interval,
    Kind,
    MaxDelete,
    Prune,
    Restart,
    StaticPlace,
    Strategy,
    Via,
)

SITE_FILE = "pythonanywhere.toml"
"""Its usual place in the repository."""


class AppTable(Table):
    """The site: where it is served, with what, and where its files go."""

    kind: Kind = "wsgi"
    """What serves it: "wsgi", a web app that runs a WSGI file; "asgi", a command that listens on a socket,
    which the platform calls a website. Such a one has no `python`, `wsgi`, `virtualenv`, `working_directory`,
    `force_https`, `password_protection`, [[static]] and [[static_header]]."""
    command: SocketCommand | None = Field(
        default=None, examples=["~/.virtualenvs/mysite/bin/uvicorn --uds ${DOMAIN_SOCKET} main:app"]
    )
    """What serves a site of kind "asgi": it has to listen on ${DOMAIN_SOCKET}. The platform cannot change it:
    with another one the website is deleted and made anew, and is away for some seconds."""
    enabled: bool | None = None
    """false: take the site off the web; it is neither reloaded nor asked until true puts it back.
    Default: left as it is."""
    password_protection: Protection | None = Field(default=None, examples=["staff"])
    """The name that visitors have to give, together with a password, which `password` of the site in
    deployer.toml tells; false: they need none. Default: left as it is."""
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
    when it changed. Default: the server's WSGI file is left as it is. With releases it stays among the
    files of its release, and the deployer's own WSGI file imports it."""
    strategy: Strategy = "files"
    """How a commit gets there: "files", each changed file by a request of its own, straight into `target`;
    "release", all of them in one archive into a folder of their own, switched at once and undone at once."""
    keep_releases: int = Field(default=3, ge=1, le=50)
    """How many earlier releases stay on the server, to go back to."""
    shared: Annotated[tuple[SharedPath, ...], Field(strict=False, examples=[["media/", "db.sqlite3"]])] = ()
    """What the site itself writes: kept in `<target>/shared` and linked into each release. Relative to
    `target`, folders with a final slash."""
    static: StaticPlace = "current"
    """Where [[static]] paths below `target` lead with releases: "current", through the link to the live one;
    "exact", into the folder of the release, changed with each (a request for each of them)."""


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


class StaticHeaderTable(Table):
    """A header that the web server adds to what it serves below a URL prefix, a [[static]] one above all."""

    url: UrlPath = Field(examples=["/static/"])
    """The beginning of the URL's path."""
    name: HeaderName = Field(examples=["Cache-Control"])
    """The header; with `url` its identity."""
    value: HeaderValue = Field(examples=["public, max-age=31536000"])
    """What it says."""


class AlwaysOnTable(Table):
    """A command that the platform starts again whenever it ends. Paid accounts only."""

    name: OneLine = Field(examples=["worker"])
    """Its identity: a changed command is an update of the same task, and a restart."""
    command: OneLine = Field(examples=["~/.virtualenvs/mysite/bin/python ~/mysite/manage.py worker"])
    """What runs on the server, in a shell."""
    enabled: bool = True
    """Whether it runs."""
    restart: Restart = "deployment"
    """"deployment": it is started anew when files have changed and the site answers well with them, since it
    would go on with the old ones; "never": it sees to that itself."""


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


def _bearable(timeout: timedelta) -> timedelta:
    if timeout > LONGEST_RUN:
        raise ValueError('must be at most "12h": nothing runs for longer on the platform')
    return timeout


class HookTable(Table):
    """A command that a deployment runs on the server. It may be run again, and must bear that."""

    at: HookTime = Field(examples=["before_reload"])
    """"before_reload": when all files are there, before the site runs them; "after_live": when the site was
    seen to answer well with them. A command that fails, fails the deployment."""
    command: OneLine = Field(examples=["python manage.py migrate --noinput"])
    """A line for bash. It runs in `app.working_directory` or `app.target`, with the site's virtualenv."""
    when: Conditions = Field(
        default=(), examples=["changed:requirements.txt", ["changed:requirements.txt", "changed:deploy/"]]
    )
    """"changed:<pattern>": only when a shipped file that this gitignore pattern names has changed; a list:
    any of them. Relative to `app.source`. Default: whenever the deployment changes anything."""
    timeout: Annotated[Duration, AfterValidator(_bearable)] = Field(
        default=timedelta(minutes=10), json_schema_extra={"default": "10m"}, examples=["10m"]
    )
    """How long it may take; then it is killed, and has failed. Default: "10m"."""
    via: Via = "auto"
    """"console": typed into a console that runs; "task": by a scheduled task of its own, a minute or two
    later; "auto": the first, or else the second."""


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
    static_header: Annotated[tuple[StaticHeaderTable, ...], Field(strict=False)] = ()
    task: Annotated[tuple[TaskTable, ...], Field(strict=False)] = ()
    always_on: Annotated[tuple[AlwaysOnTable, ...], Field(strict=False)] = ()
    hook: Annotated[tuple[HookTable, ...], Field(strict=False)] = ()
    health: HealthTable = HealthTable()


def site_rules(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """What can only be said of several keys together; `raw` may hold anything that TOML can."""
    tasks, mappings = tables(raw, "task"), tables(raw, "static")
    for path, task in tasks:
        yield from _task_time(path, task)
    yield from _repeated(tasks, "name", lambda name: name)
    yield from _repeated(tables(raw, "always_on"), "name", lambda name: name)
    yield from _repeated(mappings, "url", lambda url: url.rstrip("/"))
    yield from _repeated_headers(raw)


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


def _repeated_headers(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """A prefix has each header once; the names of headers have no case."""
    by_url: dict[str, list[tuple[KeyPath, Mapping[str, Any]]]] = {}
    for path, header in tables(raw, "static_header"):
        if isinstance(header.get("url"), str):
            by_url.setdefault(header["url"].rstrip("/"), []).append((path, header))
    for headers in by_url.values():
        yield from _repeated(headers, "name", str.lower)


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
