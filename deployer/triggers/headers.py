"""The headers of a webhook's request, read so that none can be told twice."""

import re
from collections.abc import Iterable, Mapping

from deployer.triggers.rejection import Rejected

TWICE = "\n"
"""Stands between the values of a header that came more than once. No header can contain it."""

_DELIVERY = re.compile(r"[A-Za-z0-9._:{}+/=-]{1,200}")
"""What services make ids of; Bitbucket puts braces around some. A comma, as a proxy joins two headers with,
is not among them."""


def by_name(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Lower-case name -> value. What came more than once has TWICE between its values."""
    found: dict[str, str] = {}
    for name, value in raw:
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        found[key] = f"{found[key]}{TWICE}{text}" if key in found else text
    return found


def only(headers: Mapping[str, str], name: str) -> str:
    """The value of a header that has to be there once. Raises Rejected."""
    value = headers.get(name.lower(), "")
    if not value:
        raise Rejected(401, f"the header {name} is missing")
    if TWICE in value:
        raise Rejected(401, f"the header {name} came more than once")
    return value


def delivery_id(headers: Mapping[str, str], *names: str) -> str:
    """What the service calls this delivery, from the first of the headers that is there. Raises Rejected."""
    name = next((name for name in names if headers.get(name.lower())), names[0])
    value = only(headers, name)
    if not _DELIVERY.fullmatch(value):
        raise Rejected(401, f"the header {name} holds no delivery id")
    return value
