"""Platform settings: what is wanted, what we applied, what is there, and the way between.

While what is wanted equals what we recorded as applied, nobody asks the server: settings cost
nothing until they change. What somebody else made is told from ours by the recorded ids.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

from deployer.model.manifest import AppliedMapping, AppliedSettings, AppliedTask, Manifest, Pending
from deployer.model.plan import (
    Action,
    ConfigureWebApp,
    CreateMapping,
    CreateTask,
    CreateWebApp,
    DeleteMapping,
    DeleteTask,
    Note,
    UpdateMapping,
    UpdateTask,
)
from deployer.model.site import ScheduledTask, Site, StaticMapping, WebAppSettings
from deployer.planning.pairing import Pairing, pair

DEFAULT_PYTHON = "3.13"
"""For a web app that has to be created while `app.python` says nothing: the newest of the platform's
current system image (help page "Python versions")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InDoubt:
    """Which families of settings have to be read before a plan can be made."""

    webapp: bool
    static: bool
    tasks: bool
    wsgi: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSettings:
    """What was read from the platform. Only the families in doubt are filled in."""

    webapp_exists: bool = True
    webapp: WebAppSettings = WebAppSettings()
    static: tuple[AppliedMapping, ...] = ()
    tasks: tuple[AppliedTask, ...] = ()
    """A task's name is that of its label (`Site.task_label`), "" for any other description."""
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


def in_doubt(site: Site, manifest: Manifest, wsgi_digest: str | None, *, force: bool = False) -> InDoubt:
    """Compare what is wanted with what we recorded."""
    applied = manifest.settings
    interrupted = force or (manifest.pending is not None and manifest.pending.settings)
    return InDoubt(
        webapp=interrupted or applied.webapp != site.webapp,
        static=interrupted or {item.mapping for item in applied.static} != set(site.static),
        tasks=interrupted or {item.task for item in applied.tasks} != set(site.tasks),
        wsgi=wsgi_digest is not None and (interrupted or applied.wsgi is None),
    )


def claim_created(applied: AppliedSettings, pending: Pending | None, live: LiveSettings) -> AppliedSettings:
    """Add what a cut-off deployment created without learning the id: it announced what it would create."""
    if pending is None:
        return applied
    mappings = {item.id: item for item in applied.static}
    for announced in pending.static:
        for item in live.static:
            if item.id not in mappings and same_mapping(item.mapping, announced):
                mappings[item.id] = replace(item, mapping=announced)
                break
    tasks = {item.id: item for item in applied.tasks}
    for task in pending.tasks:
        for there in live.tasks:
            if there.id not in tasks and is_announced(there.task, task):
                tasks[there.id] = replace(there, task=task)
                break
    return replace(applied, static=tuple(mappings.values()), tasks=tuple(tasks.values()))


def plan_settings(
    site: Site, applied: AppliedSettings, doubt: InDoubt, live: LiveSettings, *, overwrite: bool
) -> SettingsPlan:
    """Web app first, since mappings hang on it; then mappings, then tasks."""
    actions: list[Action] = list(_webapp(site, live)) if doubt.webapp or not live.webapp_exists else []
    refusals: list[str] = []
    notes: list[Note] = []
    static, tasks = applied.static, applied.tasks
    if doubt.static or not live.webapp_exists:
        mappings = _pair_mappings(site, applied, live)
        refusals += [] if overwrite else _foreign_mappings(mappings, live)
        static = tuple(AppliedMapping(id=i, mapping=m) for i, m in (*mappings.settled, *mappings.adopted))
        notes += [
            Note(subject=mapping.url, reason="mapping was there already and is ours now")
            for _, mapping in mappings.adopted
        ]
        actions += _mapping_actions(mappings, live)
    if doubt.tasks:
        scheduled = _pair_tasks(site, applied, live)
        tasks = tuple(AppliedTask(id=i, task=t) for i, t in scheduled.settled)
        actions += _task_actions(scheduled)
    return SettingsPlan(
        actions=tuple(actions),
        refusals=tuple(refusals),
        notes=tuple(notes),
        settled=AppliedSettings(webapp=site.webapp, static=static, tasks=tasks, wsgi=applied.wsgi),
    )


def _webapp(site: Site, live: LiveSettings) -> Iterator[Action]:
    wanted, there = site.webapp, live.webapp
    if not live.webapp_exists:
        version = wanted.python_version or DEFAULT_PYTHON
        yield CreateWebApp(
            subject=site.domain, python_version=version, reason="the account has no such web app"
        )
        there = WebAppSettings(python_version=version)
    if changes := setting_changes(wanted, there):
        listed = ", ".join(f"{name} = {value}" for name, value in changes)
        yield ConfigureWebApp(subject=site.domain, changes=changes, reason=f"wanted: {listed}")


def setting_changes(wanted: WebAppSettings, there: WebAppSettings) -> tuple[tuple[str, str | bool], ...]:
    """Name and wanted value of every setting that is ours and differs."""
    return tuple(
        (name, value)
        for name in (field.name for field in fields(WebAppSettings))
        if (value := getattr(wanted, name)) is not None and not _same_setting(value, getattr(there, name))
    )


def _same_setting(wanted: object, there: object) -> bool:
    """The platform's own samples give directories with and without a final slash."""
    if isinstance(wanted, str) and isinstance(there, str):
        return wanted.rstrip("/") == there.rstrip("/")
    return wanted == there


def same_url(one: StaticMapping, other: StaticMapping) -> bool:
    """With and without a final slash both work and mean the same (help page "Static files")."""
    return one.url.rstrip("/") == other.url.rstrip("/")


def same_mapping(one: StaticMapping, other: StaticMapping) -> bool:
    return same_url(one, other) and one.path.rstrip("/") == other.path.rstrip("/")


def _pair_mappings(site: Site, applied: AppliedSettings, live: LiveSettings) -> Pairing[StaticMapping]:
    return pair(
        site.static,
        [(item.id, item.mapping) for item in applied.static],
        {item.id: item.mapping for item in live.static},
        identity=lambda mapping: mapping.url.rstrip("/"),
        same=same_mapping,
    )


def _foreign_mappings(mappings: Pairing[StaticMapping], live: LiveSettings) -> list[str]:
    return [
        f"static mapping {mapping.url} -> {item.mapping.path} (id {item.id}) is there and not ours, "
        f"{mapping.path} is wanted: delete it on the web app's page, or pass --overwrite to take it over"
        for mapping in mappings.create
        for item in live.static
        if same_url(item.mapping, mapping)
    ]


def _mapping_actions(mappings: Pairing[StaticMapping], live: LiveSettings) -> Iterator[Action]:
    there = {item.id: item.mapping for item in live.static}
    for mapping in mappings.create:
        foreign = next((id_ for id_, other in there.items() if same_url(mapping, other)), None)
        if foreign is None:
            reason = f"serve {mapping.path}"
            yield CreateMapping(subject=mapping.url, mapping=mapping, reason=reason)
        else:
            reason = f"take over {there[foreign].path} (--overwrite)"
            yield UpdateMapping(subject=mapping.url, id=foreign, mapping=mapping, reason=reason)
    for id_, mapping in mappings.update:
        reason = f"{there[id_].path} -> {mapping.path}"
        yield UpdateMapping(subject=mapping.url, id=id_, mapping=mapping, reason=reason)
    for id_, mapping in mappings.delete:
        yield DeleteMapping(subject=mapping.url, id=id_, reason="no longer in the configuration")


def same_task(one: ScheduledTask, other: ScheduledTask) -> bool:
    """Whether both run the same command at the same time, by whatever name."""
    return (one.command, one.interval, one.hour, one.minute, one.enabled) == (
        other.command,
        other.interval,
        other.hour,
        other.minute,
        other.enabled,
    )


def is_announced(there: ScheduledTask, announced: ScheduledTask) -> bool:
    """Whether a task is the one that we meant to create: by its label, or where the platform keeps no
    label, by what it does.
    """
    return there.name == announced.name or (not there.name and same_task(there, announced))


def _pair_tasks(site: Site, applied: AppliedSettings, live: LiveSettings) -> Pairing[ScheduledTask]:
    """A task that carries our label is ours even when its id is not recorded; one that only looks alike
    is somebody else's, perhaps another site's of the same account.
    """
    known = {item.id for item in applied.tasks}
    labelled = [(item.id, item.task) for item in live.tasks if item.task.name and item.id not in known]
    return pair(
        site.tasks,
        [*labelled, *((item.id, item.task) for item in applied.tasks)],
        {item.id: item.task for item in live.tasks},
        identity=lambda task: task.name,
        same=same_task,
        adopts=False,
    )


def _task_actions(tasks: Pairing[ScheduledTask]) -> Iterator[Action]:
    for id_, task in tasks.delete:
        yield DeleteTask(subject=task.name, id=id_, reason="no longer in the configuration")
    for id_, task in tasks.update:
        yield UpdateTask(subject=task.name, id=id_, task=task, reason=f"wanted: {when(task)} {task.command}")
    for task in tasks.create:
        yield CreateTask(subject=task.name, task=task, reason=f"{when(task)} {task.command}")


def when(task: ScheduledTask) -> str:
    """For people: "daily at 04:10" or "hourly at :10", UTC."""
    if task.hour is None:
        return f"hourly at :{task.minute:02}"
    return f"daily at {task.hour:02}:{task.minute:02}"
