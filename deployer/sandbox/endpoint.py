"""What an endpoint is, and what its handlers get to see."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from deployer.sandbox.account import Account
from deployer.sandbox.bodies import read
from deployer.sandbox.fields import Body, Kind, check
from deployer.sandbox.shapes import Shape
from deployer.sandbox.switches import Switches
from deployer.sandbox.throttle import REQUESTS_PER_WINDOW

PLACEHOLDERS = {
    "{user}": r"(?P<user>[^/]+)",
    "{domain}": r"(?P<domain>[^/]+)",
    "{id}": r"(?P<id>[0-9]+)",
    "{path}": r"(?P<path>/.*)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request that has passed the checks all endpoints share."""

    account: Account
    request: Request
    params: Mapping[str, str]  # from the URL, decoded

    @property
    def switches(self) -> Switches:
        return self.account.switches

    async def fields(self, kinds: Mapping[str, Kind], *, required: tuple[str, ...] = ()) -> dict[str, Any]:
        """The body's fields, checked; unknown ones are ignored. Raises RefusalError."""
        return check(await read(self.request), kinds, required=required)


Handler = Callable[[Call], Awaitable[Response]]


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A URL pattern below `/api/<version>/user/<user>/` with one handler per method."""

    name: str  # such as "webapps/{domain}/reload/"
    handlers: Mapping[str, Handler]
    version: str = "v0"
    limit: int = REQUESTS_PER_WINDOW
    unslashed: tuple[str, ...] = ()  # methods that are known to work without the final slash
    takes: Mapping[str, Body | Callable[[Account], Body]] = field(default_factory=dict)  # by method
    asks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # fields of the query, by method
    gives: Mapping[str, Mapping[int, Shape | None]] = field(default_factory=dict)
    """By method and status what success looks like; None: no body."""

    @cached_property
    def regex(self) -> re.Pattern[str]:
        pattern = re.escape(f"/api/{self.version}/user/") + "{user}/" + self.name
        for placeholder, expression in PLACEHOLDERS.items():
            pattern = pattern.replace(placeholder, expression)
        return re.compile(pattern, re.DOTALL)

    @property
    def allow(self) -> str:
        """The methods, as Django REST framework lists them in `Allow`."""
        head = ["HEAD"] if "GET" in self.handlers else []
        order = [method for method in ("GET", "POST", "PUT", "PATCH", "DELETE") if method in self.handlers]
        return ", ".join([*order, *head, "OPTIONS"])
