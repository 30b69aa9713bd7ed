"""Always-on tasks: commands that the platform starts again whenever they end. Paid accounts only."""

from deployer.model.endpoints import Endpoint
from deployer.pythonanywhere import answers
from deployer.pythonanywhere.body import given, json_body
from deployer.pythonanywhere.call import Repeat
from deployer.pythonanywhere.family import Family, as_object, as_objects
from deployer.pythonanywhere.models import AlwaysOnTask


class AlwaysOn(Family):
    """A task that is not there raises NotFound. What a free account answers is an ApiError in the platform's
    words.
    """

    def list(self) -> tuple[AlwaysOnTask, ...]:
        return self._transport.call(self._call("GET", Endpoint.ALWAYS_ON), as_objects(AlwaysOnTask.from_json))

    def create(self, *, command: str, description: str | None = None, enabled: bool = True) -> AlwaysOnTask:
        """Also starts it. Each call adds one, the same again as well. Raises OutcomeUnknown: see `list`."""
        body = json_body(given(command=command, description=description, enabled=enabled))
        call = self._call("POST", Endpoint.ALWAYS_ON, body=body, repeat=Repeat.NEVER)
        return self._transport.call(call, as_object(AlwaysOnTask.from_json))

    def get(self, id: int) -> AlwaysOnTask:  # noqa: A002 - the platform's name
        call = self._call("GET", Endpoint.ALWAYS_ON_ITEM, id=id)
        return self._transport.call(call, as_object(AlwaysOnTask.from_json))

    def update(self, id: int, **changes: str | bool) -> AlwaysOnTask:  # noqa: A002 - the platform's name
        """Any of the fields of `create`. Whether a new command starts without `restart` is not known."""
        call = self._call("PATCH", Endpoint.ALWAYS_ON_ITEM, id=id, body=json_body(changes))
        return self._transport.call(call, as_object(AlwaysOnTask.from_json))

    def replace(
        self,
        id: int,  # noqa: A002 - the platform's name
        *,
        command: str,
        description: str | None = None,
        enabled: bool = True,
    ) -> AlwaysOnTask:
        body = json_body(given(command=command, description=description, enabled=enabled))
        call = self._call("PUT", Endpoint.ALWAYS_ON_ITEM, id=id, body=body)
        return self._transport.call(call, as_object(AlwaysOnTask.from_json))

    def delete(self, id: int) -> bool:  # noqa: A002 - the platform's name
        """True when it was there."""
        return self._deleted(self._call("DELETE", Endpoint.ALWAYS_ON_ITEM, id=id))

    def restart(self, id: int) -> None:  # noqa: A002 - the platform's name
        """Not repeated here: each repetition ends the process again.

        What a success says is not known, so one that says nothing is one, too.
        """
        call = self._call("POST", Endpoint.ALWAYS_ON_RESTART, id=id, repeat=Repeat.CALLERS_CHOICE)
        self._transport.call(call, lambda reply: answers.nothing(reply.content_type, reply.read()))
