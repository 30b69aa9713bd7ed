"""Scheduled tasks. Times are UTC."""

from deployer.errors import NotFound
from deployer.model.endpoints import Endpoint
from deployer.pythonanywhere.body import json_body
from deployer.pythonanywhere.call import Repeat
from deployer.pythonanywhere.family import Family, as_object, as_objects, confirmed
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
        fields = {
            "command": command,
            "interval": interval,
            "minute": minute,
            "hour": hour,
            "enabled": enabled,
            "description": description,
        }
        given = {key: value for key, value in fields.items() if value is not None}
        call = self._call("POST", Endpoint.SCHEDULE, body=json_body(given), repeat=Repeat.NEVER)
        return self._transport.call(call, as_object(Task.from_json))

    def update(self, id: int, **changes: str | int | bool | None) -> Task:  # noqa: A002 - the platform's name
        """Any of the fields of `create`. From hourly to daily an hour is needed, back it must not be sent."""
        call = self._call("PATCH", Endpoint.SCHEDULE_ITEM, id=id, body=json_body(changes))
        return self._transport.call(call, as_object(Task.from_json))

    def delete(self, id: int) -> bool:  # noqa: A002 - the platform's name
        """True when it was there."""
        try:
            self._transport.call(self._call("DELETE", Endpoint.SCHEDULE_ITEM, id=id), confirmed)
        except NotFound:
            return False
        return True
