"""Scheduled tasks. Times are UTC."""

from typing import Any

from deployer.model.endpoints import Endpoint
from deployer.pythonanywhere.body import given, json_body
from deployer.pythonanywhere.call import Repeat
from deployer.pythonanywhere.family import Family, as_object, as_objects
from deployer.pythonanywhere.models import Task


class Schedule(Family):
    """A task that is not there raises NotFound."""

    def list(self) -> tuple[Task, ...]:
        return self._transport.call(self._call("GET", Endpoint.SCHEDULE), as_objects(Task.from_json))

    def create(
        self,
        *,
        command: str,
        interval: str,
        minute: int,
        hour: int | None = None,
        enabled: bool = True,
        description: str | None = None,
    ) -> Task:
        """`interval` "daily" needs an hour, "hourly" must not have one.

        Each call adds one, also the same again. Raises OutcomeUnknown: look into `list`.
        """
        body = json_body(_fields(command, interval, minute, hour, description, enabled=enabled))
        call = self._call("POST", Endpoint.SCHEDULE, body=body, repeat=Repeat.NEVER)
        return self._transport.call(call, as_object(Task.from_json))

    def get(self, id: int) -> Task:  # noqa: A002 - the platform's name
        call = self._call("GET", Endpoint.SCHEDULE_ITEM, id=id)
        return self._transport.call(call, as_object(Task.from_json))

    def update(self, id: int, **changes: str | int | bool | None) -> Task:  # noqa: A002 - the platform's name
        """Any of the fields of `create`. From hourly to daily an hour is needed, back it must not be sent."""
        call = self._call("PATCH", Endpoint.SCHEDULE_ITEM, id=id, body=json_body(changes))
        return self._transport.call(call, as_object(Task.from_json))

    def replace(
        self,
        id: int,  # noqa: A002 - the platform's name
        *,
        command: str,
        interval: str,
        minute: int,
        hour: int | None = None,
        enabled: bool = True,
        description: str | None = None,
    ) -> Task:
        """Everything anew; `hour` as in `create`."""
        body = json_body(_fields(command, interval, minute, hour, description, enabled=enabled))
        call = self._call("PUT", Endpoint.SCHEDULE_ITEM, id=id, body=body)
        return self._transport.call(call, as_object(Task.from_json))

    def delete(self, id: int) -> bool:  # noqa: A002 - the platform's name
        """True when it was there."""
        return self._deleted(self._call("DELETE", Endpoint.SCHEDULE_ITEM, id=id))


def _fields(
    command: str, interval: str, minute: int, hour: int | None, description: str | None, *, enabled: bool
) -> dict[str, Any]:
    return given(
        command=command,
        interval=interval,
        minute=minute,
        hour=hour,
        enabled=enabled,
        description=description,
    )
