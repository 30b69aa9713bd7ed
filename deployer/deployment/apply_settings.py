"""Carries out the actions that change what the platform holds beside files."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from deployer.deployment.live import find_webapp, read_mappings, read_tasks
from deployer.deployment.site_work import SiteWork
from deployer.errors import OutcomeUnknown
from deployer.model.manifest import AppliedMapping, AppliedSettings, AppliedTask
from deployer.model.plan import (
    Action,
    ConfigureWebApp,
    CreateMapping,
    CreateTask,
    CreateWebApp,
    DeleteMapping,
    DeleteTask,
    UpdateMapping,
    UpdateTask,
)
from deployer.model.site import ScheduledTask, StaticMapping
from deployer.planning.settings import LiveSettings, is_announced, same_mapping

CREATION_TRIES = 3
Created = TypeVar("Created")
Thing = TypeVar("Thing")


@dataclass(slots=True)
class SettingsChange:
    """`applied` grows with what was done and with the ids that the server gave."""

    work: SiteWork
    live: LiveSettings
    applied: AppliedSettings

    def carry_out(self, action: Action) -> None:
        """One request, or more where a creating call's answer was lost."""
        api, domain = self.work.api, self.work.site.domain
        match action:
            case CreateWebApp():
                self._create_webapp(action)
            case ConfigureWebApp():
                api.webapps.update(domain, **dict(action.changes))
            case CreateMapping():
                self._note_mapping(self._create_mapping(action.mapping), action.mapping)
            case UpdateMapping():
                api.static_files.update(domain, action.id, url=action.mapping.url, path=action.mapping.path)
                self._note_mapping(action.id, action.mapping)
            case DeleteMapping():
                api.static_files.delete(domain, action.id)
            case CreateTask():
                self._note_task(self._create_task(action.task), action.task)
            case UpdateTask():
                self._update_task(action.id, action.task)
                self._note_task(action.id, action.task)
            case DeleteTask():
                api.schedule.delete(action.id)
            case _:
                raise AssertionError(f"not a setting: {action!r}")

    def _create_webapp(self, action: CreateWebApp) -> None:
        api, site = self.work.api, self.work.site

        def create() -> bool:
            api.webapps.create(site.domain, action.python_version)
            return True

        _created(create, lambda: find_webapp(api, site) is not None or None)

    def _create_mapping(self, mapping: StaticMapping) -> int:
        api, site = self.work.api, self.work.site
        known = {item.id for item in (*self.applied.static, *self.live.static)}
        return _created(
            lambda: api.static_files.create(site.domain, url=mapping.url, path=mapping.path).id,
            lambda: _new_one(
                ((item.id, item.mapping) for item in read_mappings(api, site)), known, mapping, same_mapping
            ),
        )

    def _create_task(self, task: ScheduledTask) -> int:
        api, site = self.work.api, self.work.site
        known = {item.id for item in (*self.applied.tasks, *self.live.tasks)}
        return _created(
            lambda: (
                api.schedule.create(
                    command=task.command,
                    interval=task.interval,
                    hour=task.hour,
                    minute=task.minute,
                    enabled=task.enabled,
                    description=self.work.site.task_label(task.name),
                ).id
            ),
            lambda: _new_one(
                ((item.id, item.task) for item in read_tasks(api, site)), known, task, is_announced
            ),
        )

    def _update_task(self, id_: int, task: ScheduledTask) -> None:
        """Hourly tasks must not carry an hour: the platform's own message."""
        at_hour = {} if task.hour is None else {"hour": task.hour}
        self.work.api.schedule.update(
            id_,
            command=task.command,
            enabled=task.enabled,
            description=self.work.site.task_label(task.name),
            interval=task.interval,
            minute=task.minute,
            **at_hour,
        )

    def _note_mapping(self, id_: int, mapping: StaticMapping) -> None:
        item = AppliedMapping(id=id_, mapping=mapping)
        self.applied = replace(self.applied, static=(*self.applied.static, item))

    def _note_task(self, id_: int, task: ScheduledTask) -> None:
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
