"""When a scheduled task runs next."""

from datetime import datetime, timedelta

from deployer.pythonanywhere import Task


def next_run(task: Task, now: datetime) -> datetime | None:
    """None for a task that is switched off, and where the platform does not say when. `now` in UTC, as the
    platform's times are. A run that begins in this very minute may have begun: the one after it counts.
    """
    if task.enabled is False or task.minute is None or not 0 <= task.minute < 60:
        return None
    if task.interval == "hourly":
        due, step = now.replace(minute=task.minute, second=0, microsecond=0), timedelta(hours=1)
    elif task.hour is not None and 0 <= task.hour < 24:
        due = now.replace(hour=task.hour, minute=task.minute, second=0, microsecond=0)
        step = timedelta(days=1)
    else:
        return None
    return due if due > now else due + step
