"""Always-on tasks, and when they have to be started anew."""

from collections.abc import Iterable, Iterator, Sequence

from deployer.model.actions import (
    Action,
    CreateAlwaysOn,
    DeleteAlwaysOn,
    RestartAlwaysOn,
    UpdateAlwaysOn,
)
from deployer.model.manifest import Applied
from deployer.model.site import AlwaysOnTask
from deployer.planning.settings.listed import Listed


def _shown(task: AlwaysOnTask) -> str:
    return task.command if task.enabled else f"{task.command} (switched off)"


ALWAYS_ON: Listed[AlwaysOnTask] = Listed(
    name="always_on",
    word="always-on task",
    of_account=True,
    title=lambda task: task.name,
    shown=_shown,
    identity=lambda task: task.name,
    same=lambda one, other: (one.command, one.enabled) == (other.command, other.enabled),
    create=CreateAlwaysOn,
    update=UpdateAlwaysOn,
    delete=DeleteAlwaysOn,
)


def restarts(
    wanted: Iterable[AlwaysOnTask],
    settled: Sequence[Applied[AlwaysOnTask]],
    changing: Iterable[Action],
    *,
    because: str | None,
) -> Iterator[RestartAlwaysOn]:
    """One for each task that was there before and shall run what is there now.

    `because` says why those that follow deployments are restarted; None: nothing that they run has changed.
    One whose command has changed is restarted anyway: whether the platform does so by itself is not known.
    One that is created starts by itself, after the files were sent.
    """
    updates = {action.thing.name: action.id for action in changing if isinstance(action, UpdateAlwaysOn)}
    ids = {item.thing.name: item.id for item in settled}
    for task in wanted:
        if not task.enabled:
            continue
        if (id_ := updates.get(task.name)) is not None:
            yield RestartAlwaysOn(subject=task.name, id=id_, reason="so that it runs as it is wanted now")
        elif because is not None and task.restart == "deployment" and task.name in ids:
            yield RestartAlwaysOn(subject=task.name, id=ids[task.name], reason=because)
