"""Reading one key of an answer: what is not of its type is as good as missing."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from deployer.errors import NoAnswer
from deployer.pythonanywhere.answers import JsonObject


def _value(data: JsonObject, key: str, kind: type) -> Any:
    value = data.get(key)
    return value if isinstance(value, kind) else None


def text(data: JsonObject, key: str) -> str | None:
    value: str | None = _value(data, key, str)
    return value


def boolean(data: JsonObject, key: str) -> bool | None:
    value: bool | None = _value(data, key, bool)
    return value


def integer(data: JsonObject, key: str) -> int | None:
    value = data.get(key)
    return value if type(value) is int else None  # True is an int as well


def identity(data: JsonObject) -> int:
    found = integer(data, "id")
    if found is None:
        raise NoAnswer(f"an object without an id came, with the keys {', '.join(data) or 'none'}")
    return found


def named(data: JsonObject) -> str:
    name = text(data, "domain_name")
    if not name:
        raise NoAnswer(f"a site without a domain_name came, with the keys {', '.join(data) or 'none'}")
    return name


def texts(data: JsonObject, key: str) -> Mapping[str, str]:
    """What of an object is text; empty when it is none."""
    found = data.get(key)
    items = found.items() if isinstance(found, dict) else ()
    return {name: value for name, value in items if isinstance(value, str)}


def moment(data: JsonObject, key: str) -> datetime | None:
    """ISO 8601, with or without separators (both were seen for certificates); without a zone it is UTC."""
    try:
        found = datetime.fromisoformat(text(data, key) or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
