"""`pythonanywhere.toml` resolved against an account: every path absolute on the server, every default in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from posixpath import normpath

from deployer.config.addresses import EU_HOST
from deployer.config.document import Document, read_document
from deployer.config.kinds import kind_problems
from deployer.config.positions import line_of
from deployer.config.problems import Problem, sentences
from deployer.config.site_file import AppTable, SiteFile, StaticTable, TaskTable, site_rules
from deployer.config.strategies import strategy_problems
from deployer.errors import ConfigError, Refused
from deployer.model.site import (
    AlwaysOnTask,
    FileRules,
    HealthCheck,
    Hook,
    ReleaseRules,
    ScheduledTask,
    Site,
    StaticHeader,
    StaticMapping,
    WebAppSettings,
)

OWN_RECORD = ".deployer"
"""The folder of the home where the deployer keeps its own record (`Site.record_directory`)."""


@dataclass(frozen=True, slots=True)
class AppOverrides:
    """What the deploying machine says in place of the repository's [app]."""

    app: AppTable
    """Only the keys that were given count (`model_fields_set`)."""
    source: str = "override"
    """The file they stand in."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """The line of each key in that file."""

    def origin(self, key: str) -> str:
        return f"{self.source} line {self.lines[key]}" if key in self.lines else self.source


def load_site(
    data: bytes, source: str, *, username: str, host: str, overrides: AppOverrides | None = None
) -> Site:
    """The site that the file describes, on that account.

    `source` names the file in messages; `host` is the platform's address as `platform_host` gives it.
    Raises ConfigError with every problem of the file, or Refused when all that is wrong is a target
    that could harm what is already in the account.
    """
    document = read_document(data, source, SiteFile, site_rules)
    given = overrides.app if overrides else None
    found = (*kind_problems(document.raw, given), *strategy_problems(document.raw, given))
    if document.problems or found or document.model is None:
        problems = sentences((*document.problems, *_in_file(found, overrides)), document.lines)
        problems += _in_overrides(found, overrides)
        problems += _refusals(document, "", username, overrides)
        raise ConfigError(source, problems, hint=_MEND)
    if refusals := _refusals(document, source, username, overrides):
        raise Refused(refusals)
    app = _overridden(document.model.app, overrides)
    return _resolved(document.model, app, username, app.domain or default_domain(username, host))


def _in_file(found: tuple[Problem, ...], overrides: AppOverrides | None) -> tuple[Problem, ...]:
    given = overrides.app.model_fields_set if overrides else ()
    return tuple(problem for problem in found if problem.path[-1] not in given)


def _in_overrides(found: tuple[Problem, ...], overrides: AppOverrides | None) -> list[str]:
    """The same for the keys that the machine's file says: with their place there."""
    if overrides is None:
        return []
    given = overrides.app.model_fields_set
    return [
        f"app.{problem.path[-1]} ({overrides.origin(str(problem.path[-1]))}): {problem.message}"
        for problem in found
        if problem.path[-1] in given
    ]


def default_domain(username: str, host: str) -> str:
    """The address of the account's own site (help pages "ASGIAPI" and "CustomPythonAnywhereSubdomains")."""
    region = "eu.pythonanywhere.com" if host == EU_HOST else "pythonanywhere.com"
    return f"{username.lower()}.{region}"


def default_target(domain: str) -> str:
    """One folder per site, so that two sites of an account never meet.

    The vendor's `pa` command puts a new project into the same place.
    """
    return f"~/{domain}"


def on_server(path: str, username: str) -> str:
    """The absolute path that a shell on the server would make of it: ~ is the account's home, ~bob bob's."""
    if path.startswith("~"):
        user, _, rest = path[1:].partition("/")
        path = f"/home/{user or username}/{rest}"
    return "/" + normpath(path).lstrip("/")


def _overridden(app: AppTable, overrides: AppOverrides | None) -> AppTable:
    if overrides is None:
        return app
    given = {key: getattr(overrides.app, key) for key in overrides.app.model_fields_set}
    return app.model_copy(update=given)


def _refusals(
    document: Document[SiteFile], source: str, username: str, overrides: AppOverrides | None
) -> list[str]:
    """The guard of the target, asked even when other keys are wrong: all of it shows at once."""
    if overrides is not None and overrides.app.target is not None:
        target: object = overrides.app.target
        where = overrides.origin("target")
    else:
        app = document.raw.get("app")
        target = app.get("target") if isinstance(app, dict) else None
        where = f"{source} line {line_of(document.lines, ('app', 'target'))}".lstrip()
    if not isinstance(target, str) or not target.startswith(("/", "~")):
        return []
    danger = _danger(on_server(target, username), username)
    advice = 'write a folder of its own below the home, as in target = "~/mysite"'
    return [f"app.target ({where}): {danger}; {advice}"] if danger else []


def _danger(target: str, username: str) -> str:
    """Why nothing may be written to that folder; empty when it is a folder of the account's own."""
    home = f"/home/{username}"
    if target == home:
        return f"{target} is the whole home of {username}, not a folder for one site"
    if f"{target}/".startswith(f"{home}/{OWN_RECORD}/"):
        return f"{target} is where the deployer keeps its own record"
    if target.startswith(f"{home}/"):
        return ""
    if target.startswith("/home/"):
        return f"{target} belongs to another user, not to {username}"
    return f"{target} is outside {home}"


def _resolved(file: SiteFile, app: AppTable, username: str, domain: str) -> Site:
    target = on_server(app.target or default_target(domain), username)
    root = f"{target}/current" if app.strategy == "release" else target
    return Site(
        username=username,
        domain=domain,
        target=target,
        files=FileRules(
            source=app.source,
            exclude=file.files.exclude,
            keep=file.files.keep,
            prune=file.files.prune,
            max_delete=file.files.max_delete,
            links="keep" if app.strategy == "release" else "copy",
            allow=file.files.allow,
        ),
        webapp=_webapp(app, target, username),
        wsgi=app.wsgi,
        command=app.command,
        enabled=app.enabled,
        static=tuple(_mapping(entry, root, username) for entry in file.static),
        headers=tuple(
            StaticHeader(url=entry.url, name=entry.name, value=entry.value) for entry in file.static_header
        ),
        tasks=tuple(map(_task, file.task)),
        releases=ReleaseRules(keep=app.keep_releases, shared=app.shared, static=app.static)
        if app.strategy == "release"
        else None,
        always_on=tuple(
            AlwaysOnTask(name=each.name, command=each.command, enabled=each.enabled, restart=each.restart)
            for each in file.always_on
        ),
        hooks=tuple(
            Hook(
                at=each.at,
                command=each.command,
                changed=each.when,
                timeout_s=each.timeout.total_seconds(),
                via=each.via,
            )
            for each in file.hook
        ),
        health=HealthCheck(
            enabled=file.health.check,
            path=file.health.path,
            status=file.health.status,
            contains=file.health.contains,
            timeout_s=file.health.timeout.total_seconds(),
            in_a_row=file.health.in_a_row,
        ),
    )


def _webapp(app: AppTable, target: str, username: str) -> WebAppSettings:
    """A website of the other kind has none of these."""
    if app.kind == "asgi":
        return WebAppSettings()

    def absolute(path: str | None) -> str | None:
        return None if path is None else on_server(path, username)

    protection = app.password_protection
    return WebAppSettings(
        python_version=app.python,
        source_directory=None if app.strategy == "release" else target,  # only the platform's pages show it
        working_directory=absolute(app.working_directory),
        virtualenv_path=absolute(app.virtualenv),
        force_https=app.force_https,
        password_protection_enabled=None if protection is None else protection is not False,
        password_protection_username=protection or None,
    )


def _mapping(entry: StaticTable, target: str, username: str) -> StaticMapping:
    """Keeps a final slash, as the platform's own pages write a folder."""
    path = entry.path if entry.path.startswith(("/", "~")) else f"{target}/{entry.path}"
    slash = "/" if path.endswith("/") else ""
    return StaticMapping(url=entry.url, path=on_server(path, username) + slash)


def _task(entry: TaskTable) -> ScheduledTask:
    daily = entry.interval == "daily"
    hour, minute = (entry.at or "00:00").split(":") if daily else ("0", str(entry.minute or 0))
    return ScheduledTask(
        name=entry.name,
        command=entry.command,
        interval=entry.interval,
        hour=int(hour) if daily else None,
        minute=int(minute),
        enabled=entry.enabled,
    )


_MEND = "Correct it and commit: the file is read from the commit that is deployed, not from the work tree."
