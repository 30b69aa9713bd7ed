"""Sites as the platform describes them: web apps, websites of version 1, and what belongs to them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from deployer.pythonanywhere.answers import JsonObject
from deployer.pythonanywhere.models.fields import boolean, identity, integer, moment, named, text, texts


class ReloadOutcome(StrEnum):
    OK = "ok"
    NO_CNAME = "no CNAME found"
    """Reloaded, but the custom domain does not point at the platform: the vendor's client
    pythonanywhere-core takes the 409 for a success with a warning."""


class EnableOutcome(StrEnum):
    ON = "on"
    AT_LIMIT = "refused at the account's limit"
    """The platform also says so of a web app that is on already, as the author of the client pypawapi found:
    whether it is shows at the site."""


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
    password_protection_enabled: bool | None = None
    password_protection_username: str | None = None
    """The password comes as well, and is not taken in here."""

    @classmethod
    def from_json(cls, data: JsonObject) -> Self:
        return cls(
            domain_name=named(data),
            id=integer(data, "id"),
            python_version=text(data, "python_version"),
            source_directory=text(data, "source_directory"),
            working_directory=text(data, "working_directory"),
            virtualenv_path=text(data, "virtualenv_path"),
            expiry=text(data, "expiry"),
            force_https=boolean(data, "force_https"),
            enabled=boolean(data, "enabled"),
            password_protection_enabled=boolean(data, "password_protection_enabled"),
            password_protection_username=text(data, "password_protection_username"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticFile:
    """A mapping of a URL prefix to a folder or file."""

    id: int
    url: str | None
    path: str | None

    @classmethod
    def from_json(cls, data: JsonObject) -> Self:
        return cls(id=identity(data), url=text(data, "url"), path=text(data, "path"))


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticHeader:
    """A header that the web server adds to its answers for a URL prefix."""

    id: int
    url: str | None
    name: str | None
    value: str | Mapping[str, Any] | None
    """Text in the clients pypawapi and pythonanywhere-client, a JSON object in pyaww: here as it came."""

    @classmethod
    def from_json(cls, data: JsonObject) -> Self:
        value = data.get("value")
        return cls(
            id=identity(data),
            url=text(data, "url"),
            name=text(data, "name"),
            value=value if isinstance(value, str | dict) else None,
        )

    @property
    def value_text(self) -> str | None:
        """For comparing and showing: an object as JSON, its keys sorted."""
        if isinstance(self.value, Mapping):
            return json.dumps(self.value, sort_keys=True)
        return self.value


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
            cert_type=text(data, "cert_type"),
            not_after=moment(data, "not_after"),
            issuer_name=text(data, "issuer_name"),
            subject_name=text(data, "subject_name"),
            subject_alternate_names=tuple(map(str, names)) if isinstance(names, list) else (),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Website:
    """A site that a command serves, of version 1 of the API."""

    domain_name: str
    id: int | None
    command: str | None
    enabled: bool | None
    logfiles: Mapping[str, str]
    """ "access", "error", "server" -> path on the server; empty where the platform does not say."""

    @classmethod
    def from_json(cls, data: JsonObject) -> Self:
        webapp = data.get("webapp")
        return cls(
            domain_name=named(data),
            id=integer(data, "id"),
            command=text(webapp, "command") if isinstance(webapp, dict) else None,
            enabled=boolean(data, "enabled"),
            logfiles=texts(data, "logfiles"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A domain name of the account, of version 1 of the API."""

    domain_name: str
    id: int | None
    enabled: bool | None
    webapp: Any
    """What serves it. Its shape is not known (the help page names the key and no more): as it came."""

    @classmethod
    def from_json(cls, data: JsonObject) -> Self:
        return cls(
            domain_name=named(data),
            id=integer(data, "id"),
            enabled=boolean(data, "enabled"),
            webapp=data.get("webapp"),
        )
