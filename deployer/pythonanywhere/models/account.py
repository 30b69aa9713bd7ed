"""What runs as the account: consoles, scheduled and always-on tasks, and the CPU seconds they use."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self, TypeAlias

from deployer.pythonanywhere.answers import JsonObject
from deployer.pythonanywhere.models.fields import boolean, identity, integer, moment, text

EntryType: TypeAlias = str
""" "file" or "directory"; what else the platform may say is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuUsage:
    """CPU seconds of consoles and tasks; web apps do not count (help page "What are CPU seconds?")."""

    limit_s: int | None
    used_s: float | None
    resets_at: datetime | None

    @classmethod
    def from_json(cls, data: JsonObject) -> Self:
        used = data.get("daily_cpu_total_usage_seconds")
        return cls(
            limit_s=integer(data, "daily_cpu_limit_seconds"),
            used_s=float(used) if isinstance(used, int | float) else None,
            resets_at=moment(data, "next_reset_time"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """A console's record; whether its process runs shows only in what its output and input answer."""

    id: int
    name: str | None
    executable: str | None
    arguments: str | None
    working_directory: str | None
    user: str | None
    console_url: str | None
    """A path on the host: the page that starts the process when a browser opens it."""
    console_frame_url: str | None
    """The same without the platform's page around it."""

    @classmethod
    def from_json(cls, data: JsonObject) -> Self:
        return cls(
            id=identity(data),
            name=text(data, "name"),
            executable=text(data, "executable"),
            arguments=text(data, "arguments"),
            working_directory=text(data, "working_directory"),
            user=text(data, "user"),
            console_url=text(data, "console_url"),
            console_frame_url=text(data, "console_frame_url"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A scheduled task. Times are UTC."""

    id: int
    command: str | None
    interval: str | None
    """ "daily" or "hourly"."""
    hour: int | None
    minute: int | None
    enabled: bool | None
    description: str | None
    expiry: str | None
    logfile: str | None
    """A path of the web site; `log_path` is the file."""

    @classmethod
    def from_json(cls, data: JsonObject) -> Self:
        return cls(
            id=identity(data),
            command=text(data, "command"),
            interval=text(data, "interval"),
            hour=integer(data, "hour"),
            minute=integer(data, "minute"),
            enabled=boolean(data, "enabled"),
            description=text(data, "description"),
            expiry=text(data, "expiry"),
            logfile=text(data, "logfile"),
        )

    @property
    def log_path(self) -> str | None:
        """Where the file is that `logfile`, "/user/<name>/files/var/log/…", shows in a browser."""
        _, files, path = (self.logfile or "").partition("/files/")
        return f"/{path}" if files else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlwaysOnTask:
    """A command that the platform starts again whenever it ends."""

    id: int
    command: str | None
    description: str | None
    enabled: bool | None

    @classmethod
    def from_json(cls, data: JsonObject) -> Self:
        return cls(
            id=identity(data),
            command=text(data, "command"),
            description=text(data, "description"),
            enabled=boolean(data, "enabled"),
        )

    @property
    def log_path(self) -> str:
        """The file with its output (help page "Always-on tasks")."""
        return f"/var/log/alwayson-log-{self.id}.log"
