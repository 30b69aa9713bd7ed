"""Scheduled tasks."""

from deployer.model.actions import CreateTask, DeleteTask, UpdateTask
from deployer.model.site import ScheduledTask
from deployer.planning.settings.listed import Listed


def same_task(one: ScheduledTask, other: ScheduledTask) -> bool:
    """Whether both run the same command at the same time, by whatever name."""
    return (one.command, one.interval, one.hour, one.minute, one.enabled) == (
        other.command,
        other.interval,
        other.hour,
        other.minute,
        other.enabled,
    )


def when(task: ScheduledTask) -> str:
    """For people: "daily at 04:10" or "hourly at :10", UTC."""
    if task.hour is None:
        return f"hourly at :{task.minute:02}"
    return f"daily at {task.hour:02}:{task.minute:02}"


TASKS: Listed[ScheduledTask] = Listed(
    name="tasks",
    word="task",
    of_account=True,
    title=lambda task: task.name,
    shown=lambda task: f"{when(task)} {task.command}",
    identity=lambda task: task.name,
    same=same_task,
    create=CreateTask,
    update=UpdateTask,
    delete=DeleteTask,
)
