"""What the platform answers, as frozen values.

Unknown keys are ignored and missing ones are None, because the platform adds and leaves out as it likes;
only without the key that names the thing (`id`, `domain_name`) an answer is none: NoAnswer.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Self, TypeAlias

from deployer.errors import NoAnswer
from deployer.pythonanywhere.answers import JsonObject

EntryType: TypeAlias = str
""" "file" or "directory"; what else the platform may say is not known."""


class ReloadOutcome(StrEnum):
    OK = "ok"
    NO_CNAME = "no CNAME found"
    """Reloaded, but the custom domain does not point at the platform: the vendor's client
    pythonanywhere-core takes the 409 for a success with a warning."""


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
            limit_s=_integer(data, "daily_cpu_limit_seconds"),
            used_s=float(used) if isinstance(used, int | float) else None,
            resets_at=_moment(data, "next_reset_time"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WebApp:
    domain_name: str
    id: int | None
    python_version: str | None
    source_directory: str | None
    working_directory: str | None
    virtualenv_path: str | None
    expiry: str | None
    """ "YYYY-MM-DD" on free accounts."""
    force_https: bool | None
    enabled: bool | None

    @classmethod
    def from_json(cls, data: JsonObject) -> Self:
        return cls(
            domain_name=_named(data),
            id=_integer(data, "id"),
            python_version=_text(data, "python_version"),
            source_directory=_text(data, "source_directory"),
            working_directory=_text(data, "working_directory"),
            virtualenv_path=_text(data, "virtualenv_path"),
            expiry=_text(data, "expiry"),
            force_https=_boolean(data, "force_https"),
            enabled=_boolean(data, "enabled"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticFile:
    """A mapping of a URL prefix to a folder or file."""

    id: int
    url: str | None
    path: str | None

    @classmethod
    def from_json(cls, data: JsonObject) -> Self:
        return cls(id=_identity(data), url=_text(data, "url"), path=_text(data, "path"))


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
            id=_identity(data),
            command=_text(data, "command"),
            interval=_text(data, "interval"),
            hour=_integer(data, "hour"),
            minute=_integer(data, "minute"),
            enabled=_boolean(data, "enabled"),
            description=_text(data, "description"),
            expiry=_text(data, "expiry"),
            logfile=_text(data, "logfile"),
        )

    @property
    def log_path(self) -> str | None:
        """Where the file is that `logfile`, "/user/<name>/files/var/log/…", shows in a browser."""
        _, files, path = (self.logfile or "").partition("/files/")
        return f"/{path}" if files else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    cert_type: str | None
    """ "pythonanywhere-subdomain" for the platform's own names; its other words are not known."""
    not_after: datetime | None
    issuer_name: str | None
    subject_name: str | None
    subject_alternate_names: tuple[str, ...]

    @classmethod
    def from_json(cls, data: JsonObject) -> Self:
        names = data.get("subject_alternate_names")
        return cls(
            cert_type=_text(data, "cert_type"),
            not_after=_moment(data, "not_after"),
            issuer_name=_text(data, "issuer_name"),
            subject_name=_text(data, "subject_name"),
            subject_alternate_names=tuple(map(str, names)) if isinstance(names, list) else (),
        )


def _value(data: JsonObject, key: str, kind: type) -> Any:
    value = data.get(key)
    return value if isinstance(value, kind) else None


def _text(data: JsonObject, key: str) -> str | None:
    value: str | None = _value(data, key, str)
    return value


def _boolean(data: JsonObject, key: str) -> bool | None:
    value: bool | None = _value(data, key, bool)
    return value


def _integer(data: JsonObject, key: str) -> int | None:
    value = data.get(key)
    return value if type(value) is int else None  # True is an int as well


def _identity(data: JsonObject) -> int:
    identity = _integer(data, "id")
    if identity is None:
        raise NoAnswer(f"an object without an id came, with the keys {', '.join(data) or 'none'}")
    return identity


def _named(data: JsonObject) -> str:
    name = _text(data, "domain_name")
    if not name:
        raise NoAnswer(f"a web app without a domain_name came, with the keys {', '.join(data) or 'none'}")
    return name


def _moment(data: JsonObject, key: str) -> datetime | None:
    """ISO 8601, with or without separators (both were seen for certificates); without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(_text(data, key) or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
