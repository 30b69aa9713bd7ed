"""What the families of endpoints have in common: how they make a call and read its answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from deployer.errors import NoAnswer, NotFound
from deployer.model.endpoints import Endpoint
from deployer.pythonanywhere import answers
from deployer.pythonanywhere.answers import JsonObject
from deployer.pythonanywhere.body import Body
from deployer.pythonanywhere.call import Call, Repeat
from deployer.pythonanywhere.endpoints import address
from deployer.pythonanywhere.reply import Reply
from deployer.pythonanywhere.transport import Transport

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Access:
    """What every family makes its calls with."""

    transport: Transport
    username: str
    read_timeout_s: float


class Family:
    def __init__(self, access: Access) -> None:
        self._transport = access.transport
        self._username = access.username
        self._read_timeout_s = access.read_timeout_s

    def _call(
        self,
        method: str,
        endpoint: Endpoint,
        *,
        body: Body | None = None,
        repeat: Repeat = Repeat.SAFE,
        read_timeout_s: float = 0.0,
        **names: str | int,
    ) -> Call:
        """`names` fill the URL pattern; `read_timeout_s` is for what takes longer than the rest."""
        return Call(
            method=method,
            endpoint=endpoint,
            address=address(self._username, endpoint, **names),
            read_timeout_s=max(self._read_timeout_s, read_timeout_s),
            body=body,
            repeat=repeat,
        )

    def _deleted(self, call: Call) -> bool:
        """True when it was there. After a lost answer the repetition may find nothing: also done, False."""
        try:
            self._transport.call(call, confirmed)
        except NotFound:
            return False
        return True


def as_object(parse: Callable[[JsonObject], T]) -> Callable[[Reply], T]:
    return lambda reply: parse(answers.json_object(reply.content_type, reply.read()))


def as_objects(parse: Callable[[JsonObject], T]) -> Callable[[Reply], tuple[T, ...]]:
    return lambda reply: tuple(map(parse, answers.json_objects(reply.content_type, reply.read())))


def confirmed(reply: Reply) -> None:
    """204, or some words that do not say ERROR; mostly {"status": "OK"}. Raises NoAnswer for silence."""
    body = reply.read()
    if reply.status != 204 and not body.strip():
        raise NoAnswer("an empty body came instead of a confirmation")
    answers.nothing(reply.content_type, body)
