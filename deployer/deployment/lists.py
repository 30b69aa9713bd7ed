"""The platform's listed settings in the words of the model: how each of them is read and changed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from deployer.model.endpoints import Endpoint
from deployer.model.manifest import Applied
from deployer.model.site import AlwaysOnTask, ScheduledTask, Site, StaticHeader, StaticMapping
from deployer.planning.settings import ALWAYS_ON, HEADERS, MAPPINGS, TASKS, Listed
from deployer.pythonanywhere import PythonAnywhere
from deployer.pythonanywhere import Task as PlatformTask

Thing = TypeVar("Thing")
Read = Callable[[PythonAnywhere, Site], tuple[Applied[Any], ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls(Generic[Thing]):
    """The requests for one list. Creating gives the new id, and raises OutcomeUnknown where that was lost."""

    listed: Listed[Thing]
    endpoint: Endpoint
    """What reading the list costs."""
    read: Read
    create: Callable[[PythonAnywhere, Site, Thing], int]
    update: Callable[[PythonAnywhere, Site, int, Thing], object]
    delete: Callable[[PythonAnywhere, Site, int], object]


def read_mappings(api: PythonAnywhere, site: Site) -> tuple[Applied[StaticMapping], ...]:
    return tuple(
        Applied(id=item.id, thing=StaticMapping(url=item.url or "", path=item.path or ""))
        for item in api.static_files.list(site.domain)
    )


def read_headers(api: PythonAnywhere, site: Site) -> tuple[Applied[StaticHeader], ...]:
    return tuple(
        Applied(
            id=item.id,
            thing=StaticHeader(url=item.url or "", name=item.name or "", value=item.value_text or ""),
        )
        for item in api.static_headers.list(site.domain)
    )


def read_tasks(api: PythonAnywhere, site: Site) -> tuple[Applied[ScheduledTask], ...]:
    """Every task of the account; those with this site's label by their names, all others without."""
    return tuple(Applied(id=item.id, thing=_scheduled(item, site)) for item in api.schedule.list())


def _scheduled(item: PlatformTask, site: Site) -> ScheduledTask:
    hourly = item.interval == "hourly"
    return ScheduledTask(
        name=_name(item.description, site),
        command=item.command or "",
        interval="hourly" if hourly else "daily",
        hour=None if hourly else item.hour,
        minute=item.minute or 0,
        enabled=item.enabled is not False,
    )


def read_always_on(api: PythonAnywhere, site: Site) -> tuple[Applied[AlwaysOnTask], ...]:
    """As `read_tasks`."""
    return tuple(
        Applied(
            id=item.id,
            thing=AlwaysOnTask(
                name=_name(item.description, site),
                command=item.command or "",
                enabled=item.enabled is not False,
            ),
        )
        for item in api.always_on.list()
    )


def _name(description: str | None, site: Site) -> str:
    """The name in this site's label; empty for any other description."""
    name, _, domain = (description or "").rpartition(" (")
    return name if f"{name} ({domain}" == site.task_label(name) else ""


def _timed(task: ScheduledTask) -> dict[str, Any]:
    """Hourly tasks must not carry an hour: the platform's own message."""
    at_hour = {} if task.hour is None else {"hour": task.hour}
    return {
        "command": task.command,
        "enabled": task.enabled,
        "interval": task.interval,
        "minute": task.minute,
        **at_hour,
    }


def _create_task(api: PythonAnywhere, site: Site, task: ScheduledTask) -> int:
    return api.schedule.create(**_timed(task), description=site.task_label(task.name)).id


def _create_always_on(api: PythonAnywhere, site: Site, task: AlwaysOnTask) -> int:
    label = site.task_label(task.name)
    return api.always_on.create(command=task.command, description=label, enabled=task.enabled).id


def _header(header: StaticHeader) -> dict[str, str]:
    return {"url": header.url, "name": header.name, "value": header.value}


CALLS: Mapping[str, Calls[Any]] = {
    calls.listed.name: calls
    for calls in (
        Calls(
            listed=MAPPINGS,
            endpoint=Endpoint.STATIC_FILES,
            read=read_mappings,
            create=lambda api, site, it: api.static_files.create(site.domain, url=it.url, path=it.path).id,
            update=lambda api, site, id_, it: api.static_files.update(
                site.domain, id_, url=it.url, path=it.path
            ),
            delete=lambda api, site, id_: api.static_files.delete(site.domain, id_),
        ),
        Calls(
            listed=HEADERS,
            endpoint=Endpoint.STATIC_HEADERS,
            read=read_headers,
            create=lambda api, site, it: api.static_headers.create(site.domain, **_header(it)).id,
            update=lambda api, site, id_, it: api.static_headers.update(site.domain, id_, **_header(it)),
            delete=lambda api, site, id_: api.static_headers.delete(site.domain, id_),
        ),
        Calls(
            listed=TASKS,
            endpoint=Endpoint.SCHEDULE,
            read=read_tasks,
            create=_create_task,
            update=lambda api, site, id_, it: api.schedule.update(
                id_, **_timed(it), description=site.task_label(it.name)
            ),
            delete=lambda api, _, id_: api.schedule.delete(id_),
        ),
        Calls(
            listed=ALWAYS_ON,
            endpoint=Endpoint.ALWAYS_ON,
            read=read_always_on,
            create=_create_always_on,
            update=lambda api, site, id_, it: api.always_on.update(
                id_, command=it.command, enabled=it.enabled, description=site.task_label(it.name)
            ),
            delete=lambda api, _, id_: api.always_on.delete(id_),
        ),
    )
}
"""By the list's name."""
