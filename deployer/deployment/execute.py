"""Carries out a plan, action by action, and writes down each one that the server confirmed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import monotonic
from typing import TypeVar

from deployer.deployment.live import find_webapp, read_mappings, read_tasks
from deployer.deployment.observe import Observation
from deployer.deployment.site_work import SiteWork
from deployer.errors import ApiError, NeedsPerson, OutcomeUnknown
from deployer.events import log
from deployer.model.deployment import Step
from deployer.model.files import FileEntry
from deployer.model.manifest import AppliedMapping, AppliedSettings, AppliedTask
from deployer.model.plan import (
    Action,
    ConfigureWebApp,
    CreateMapping,
    CreateTask,
    CreateWebApp,
    DeleteFile,
    DeleteMapping,
    DeleteTask,
    KeepWsgiCopy,
    Reload,
    RemoveEmptyDirectory,
    UpdateMapping,
    UpdateTask,
    Upload,
    UploadWsgi,
)
from deployer.model.site import ScheduledTask, StaticMapping
from deployer.planning.settings import same_mapping, same_task

CREATION_TRIES = 3
Created = TypeVar("Created")
Thing = TypeVar("Thing")


@dataclass(slots=True)
class Execution:
    """One plan being carried out. `applied` grows with the ids that the server gives."""

    work: SiteWork
    observation: Observation
    deployment: str
    applied: AppliedSettings
    done: int = field(default=0)

    def run(self, actions: tuple[Action, ...]) -> None:
        """Every action but the reload, in order. The first that fails ends it, with what was done so far."""
        for number, action in enumerate(actions, start=1):
            began = monotonic()
            try:
                entry = self._carry_out(action)
            except ApiError as error:
                error.left = self.what_is_left(actions)
                raise
            self._confirm(number, action, entry, monotonic() - began)

    def what_is_left(self, actions: tuple[Action, ...]) -> str:
        """For the message of a failure in the middle."""
        if not self.done:
            return "Nothing of the plan was carried out."
        return (
            f"{self.done} of {len(actions)} steps were carried out, the site was not reloaded; "
            "the next run goes on from there."
        )

    def _confirm(self, number: int, action: Action, entry: FileEntry | None, seconds: float) -> None:
        step = Step(
            number=number,
            action=action.kind,
            subject=action.subject,
            reason=action.reason,
            entry=entry,
            ended=datetime.now(UTC),
            seconds=round(seconds, 3),
        )
        self.work.state.confirm(self.deployment, step)
        self.done = number
        log.info(
            "action_confirmed",
            action=action.kind,
            subject=action.subject,
            reason=action.reason,
            bytes=action.bytes_sent,
            seconds=step.seconds,
        )
        self.work.reporter.advanced(action)

    def _carry_out(self, action: Action) -> FileEntry | None:
        """One request (two for a directory). Returns what is at the path afterwards, for file actions."""
        api, domain = self.work.api, self.work.site.domain
        match action:
            case Upload():
                self._fence(action.subject)
                with self.observation.contents.open(action.path) as content:
                    api.files.write(action.subject, content, action.entry.size)
                return action.entry
            case UploadWsgi():
                api.files.write(action.subject, self.observation.wsgi or b"")
                self.applied = replace(self.applied, wsgi=action.entry.digest)
                return action.entry
            case KeepWsgiCopy():
                api.files.write(action.copy, action.content)
            case DeleteFile():
                self._fence(action.subject)
                api.files.delete(action.subject)
            case RemoveEmptyDirectory():
                self._fence(action.subject)
                self._remove_empty_directory(action.subject)
            case CreateWebApp():
                self._create_webapp(action)
            case ConfigureWebApp():
                api.webapps.update(domain, **dict(action.changes))
            case CreateMapping():
                self._applied_mapping(self._create_mapping(action.mapping), action.mapping)
            case UpdateMapping():
                api.static_files.update(domain, action.id, url=action.mapping.url, path=action.mapping.path)
                self._applied_mapping(action.id, action.mapping)
            case DeleteMapping():
                api.static_files.delete(domain, action.id)
            case CreateTask():
                self._applied_task(self._create_task(action.task), action.task)
            case UpdateTask():
                self._update_task(action.id, action.task)
                self._applied_task(action.id, action.task)
            case DeleteTask():
                api.schedule.delete(action.id)
            case _:
                raise AssertionError(f"no way to carry out {action!r}")
        return None

    def _fence(self, path: str) -> None:
        """Whatever the plan says: no file action ever leaves the target."""
        if not path.startswith(f"{self.work.site.target}/") or ".." in path.split("/"):
            raise AssertionError(f"{path} is outside of {self.work.site.target}")

    def _remove_empty_directory(self, path: str) -> None:
        """The platform deletes a directory with everything in it, so it is looked at just before."""
        if names := self.work.api.files.list_directory(path):
            raise NeedsPerson(
                f"{path} has to make room for a file of the same name, but now holds {', '.join(names)}",
                left="Files of the new commit are beside the old ones, the site was not reloaded.",
                hint="Move them away on the server and run again.",
            )
        self.work.api.files.delete(path)

    def _create_webapp(self, action: CreateWebApp) -> None:
        api, domain = self.work.api, action.subject
        _created(
            lambda: api.webapps.create(domain, action.python_version) is None,
            lambda: find_webapp(api, self.work.site) is not None or None,
        )

    def _create_mapping(self, mapping: StaticMapping) -> int:
        api, site = self.work.api, self.work.site
        known = {item.id for item in self.applied.static}
        return _created(
            lambda: api.static_files.create(site.domain, url=mapping.url, path=mapping.path).id,
            lambda: _new_one(
                ((item.id, item.mapping) for item in read_mappings(api, site)), known, mapping, same_mapping
            ),
        )

    def _create_task(self, task: ScheduledTask) -> int:
        api = self.work.api
        known = {item.id for item in (*self.applied.tasks, *self.observation.facts.live.tasks)}
        return _created(
            lambda: api.schedule.create(
                command=task.command,
                interval=task.interval,
                hour=task.hour,
                minute=task.minute,
                enabled=task.enabled,
                description=task.name,
            ).id,
            lambda: _new_one(((item.id, item.task) for item in read_tasks(api)), known, task, same_task),
        )

    def _update_task(self, id_: int, task: ScheduledTask) -> None:
        """Hourly tasks must not carry an hour: the platform's own message."""
        timing = {"interval": task.interval, "minute": task.minute}
        at_hour = {} if task.hour is None else {"hour": task.hour}
        self.work.api.schedule.update(
            id_, command=task.command, enabled=task.enabled, description=task.name, **timing, **at_hour
        )

    def _applied_mapping(self, id_: int, mapping: StaticMapping) -> None:
        item = AppliedMapping(id=id_, mapping=mapping)
        self.applied = replace(self.applied, static=(*self.applied.static, item))

    def _applied_task(self, id_: int, task: ScheduledTask) -> None:
        item = AppliedTask(id=id_, task=task)
        self.applied = replace(self.applied, tasks=(*self.applied.tasks, item))


def _created(create: Callable[[], Created], find: Callable[[], Created | None]) -> Created:
    """A creating call is never repeated on a guess: when its answer is lost, the list tells."""
    for _ in range(CREATION_TRIES - 1):
        try:
            return create()
        except OutcomeUnknown:
            if (found := find()) is not None:
                return found
    return create()


def _new_one(
    listed: Iterable[tuple[int, Thing]], known: set[int], wanted: Thing, same: Callable[[Thing, Thing], bool]
) -> int | None:
    """The id that a creating call gave, found in a list: what is as wanted and was not there before."""
    return next((id_ for id_, thing in listed if id_ not in known and same(thing, wanted)), None)


def without_reload(actions: tuple[Action, ...]) -> tuple[Action, ...]:
    """The reload is the story's, not one of the steps that make it ready."""
    return tuple(action for action in actions if not isinstance(action, Reload))
