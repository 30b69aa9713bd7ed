"""Headers that the web server adds for a URL prefix. Changes take effect at the next reload."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from deployer.model.endpoints import Endpoint
from deployer.pythonanywhere.body import json_body
from deployer.pythonanywhere.call import Repeat
from deployer.pythonanywhere.family import Family, as_object, as_objects
from deployer.pythonanywhere.models import StaticHeader

HeaderValue: TypeAlias = str | Mapping[str, Any]
"""The platform's page does not say which of the two it wants; it goes as it is given."""


class StaticHeaders(Family):
    """A web app or header that is not there raises NotFound."""

    def list(self, domain: str) -> tuple[StaticHeader, ...]:
        call = self._call("GET", Endpoint.STATIC_HEADERS, domain=domain)
        return self._transport.call(call, as_objects(StaticHeader.from_json))

    def create(self, domain: str, *, url: str, name: str, value: HeaderValue) -> StaticHeader:
        """Each call adds one, also the same again. Raises OutcomeUnknown: look into `list`."""
        body = json_body({"url": url, "name": name, "value": value})
        call = self._call("POST", Endpoint.STATIC_HEADERS, domain=domain, body=body, repeat=Repeat.NEVER)
        return self._transport.call(call, as_object(StaticHeader.from_json))

    def get(self, domain: str, id: int) -> StaticHeader:  # noqa: A002 - the platform's name
        call = self._call("GET", Endpoint.STATIC_HEADER, domain=domain, id=id)
        return self._transport.call(call, as_object(StaticHeader.from_json))

    def update(self, domain: str, id: int, **changes: HeaderValue) -> StaticHeader:  # noqa: A002 - the platform's name
        """`url`, `name` and `value`, or some of them."""
        call = self._call("PATCH", Endpoint.STATIC_HEADER, domain=domain, id=id, body=json_body(changes))
        return self._transport.call(call, as_object(StaticHeader.from_json))

    def replace(self, domain: str, id: int, *, url: str, name: str, value: HeaderValue) -> StaticHeader:  # noqa: A002 - the platform's name
        body = json_body({"url": url, "name": name, "value": value})
        call = self._call("PUT", Endpoint.STATIC_HEADER, domain=domain, id=id, body=body)
        return self._transport.call(call, as_object(StaticHeader.from_json))

    def delete(self, domain: str, id: int) -> bool:  # noqa: A002 - the platform's name
        """True when it was there."""
        return self._deleted(self._call("DELETE", Endpoint.STATIC_HEADER, domain=domain, id=id))
