"""Reading the body of a request from somebody who may be slow, huge, or one of very many."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from deployer.triggers.rejection import Rejected

MOST_BYTES = 2**20
"""Of one body."""
MOST_BYTES_AT_ONCE = 8 * 2**20
"""Of all bodies that are being read. Beyond it the one that has been at it longest has to go."""
IN_TIME_S = 10.0


class Intake:
    """All bodies that are being read in one event loop."""

    def __init__(
        self,
        *,
        most: int = MOST_BYTES,
        most_at_once: int = MOST_BYTES_AT_ONCE,
        in_time_s: float = IN_TIME_S,
    ) -> None:
        self._most = most
        self._most_at_once = most_at_once
        self._in_time_s = in_time_s
        self._reading: dict[asyncio.Timeout, bytearray] = {}
        """The oldest first."""

    async def body(self, scope: Scope, receive: Receive) -> bytes:
        """All of it. Raises Rejected: 413 too large, 408 too slow; ClientDisconnect when there is no end."""
        length = Headers(scope=scope).get("content-length", "0")
        if len(length) > 12 or not length.isdecimal() or int(length) > self._most:
            raise self._too_large()
        try:
            async with asyncio.timeout(self._in_time_s) as deadline:
                with self._counted(deadline) as body:
                    await self._fill(body, receive)
                    return bytes(body)
        except TimeoutError:
            raise Rejected(
                408, f"the body did not come within {self._in_time_s:g} seconds, or too many came at once"
            ) from None

    async def _fill(self, body: bytearray, receive: Receive) -> None:
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunk = message.get("body", b"")
            if len(body) + len(chunk) > self._most:
                raise self._too_large()
            body += chunk
            self._make_room()
            more = message.get("more_body", False)

    @contextmanager
    def _counted(self, deadline: asyncio.Timeout) -> Iterator[bytearray]:
        self._reading[deadline] = bytearray()
        try:
            yield self._reading[deadline]
        finally:
            self._reading.pop(deadline, None)

    def _make_room(self) -> None:
        """A body that comes in good faith is read in milliseconds, so it is never the oldest for long."""
        total = sum(map(len, self._reading.values()))
        while total > self._most_at_once and len(self._reading) > 1:
            oldest = next(iter(self._reading))
            total -= len(self._reading.pop(oldest))
            oldest.reschedule(asyncio.get_running_loop().time())

    def _too_large(self) -> Rejected:
        return Rejected(413, f"the body is larger than {self._most // 1024} KiB")
