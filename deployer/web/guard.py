"""Keeps the HTTP server answering while strangers hold its connections open."""

import asyncio
from time import monotonic
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 5.0
"""From the first byte of a request, or from the connection, to the end of its headers."""
BODY_S = 12.0
"""From the end of the headers to the end of the body. An endpoint that reads one gives up sooner, and says
so; this is for bodies that nobody reads."""
MOST_CONNECTIONS = 400
"""Of all kinds. Beyond it, a new one displaces the one that has kept us waiting for longest. Well below
1,024, the usual limit of open files."""
KEEP_ALIVE_S = 15

_TOO_SLOW = (
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-type: application/json\r\n"
    b'content-length: 58\r\n\r\n{"error":"the head of the request did not come in time."}\n'
)


def guarded_config() -> dict[str, Any]:
    """Keyword arguments for `uvicorn.Config`: HTTP/1.1 without upgrades, for strangers."""
    return {
        "http": GuardedProtocol,
        "ws": "none",
        "limit_concurrency": MOST_CONNECTIONS + 100,
        "timeout_keep_alive": KEEP_ALIVE_S,
        "backlog": 1024,
        "server_header": False,
        "access_log": False,
        "log_config": None,
        "log_level": "error",  # uvicorn warns of each malformed request: strangers would write our log
    }


class GuardedProtocol(H11Protocol):
    """uvicorn's own, which waits for the end of a request for ever; this one does not."""

    head_s = HEAD_S
    body_s = BODY_S
    most_connections = MOST_CONNECTIONS

    waiting_since: float | None = None
    """Since when it is the client's turn; None: it is ours, an answer is due."""
    _phase: object = None
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            self._displace_another()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        self._enter(None, None)
        super().connection_lost(exc)
        self._unset_keepalive_if_required()  # uvicorn leaves it running after an error

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look()

    def _look(self) -> None:
        """Whose turn it is after what just happened."""
        state = self.conn.their_state
        if self.transport.is_closing() or state not in {h11.IDLE, h11.SEND_BODY}:
            self._enter(None, None)
        elif state is h11.SEND_BODY:
            self._enter("body", self.body_s)
        elif self.conn.trailing_data[0] or self.timeout_keep_alive_task is None:
            # Without a request uvicorn has no timer at first, nor after a body that nobody read.
            self._enter("head", self.head_s)
        else:
            self._enter("pause", None)

    def _enter(self, part: str | None, seconds: float | None) -> None:
        """Another byte of the same part of the same request does not give it more time."""
        phase = None if part is None else (part, self.cycle)
        if phase == self._phase:
            return
        if self._deadline is not None:
            self._deadline.cancel()
        self._phase = phase
        self.waiting_since = None if phase is None else monotonic()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self._give_up, part)

    def _give_up(self, part: str | None) -> None:
        if part == "head" and self.conn.our_state is h11.IDLE:
            self.transport.write(_TOO_SLOW)
            self.transport.close()
        else:
            self.transport.abort()

    def _displace_another(self) -> None:
        waiting = [
            (other.waiting_since, other)
            for other in self.connections
            if isinstance(other, GuardedProtocol) and other is not self and other.waiting_since is not None
        ]
        if waiting:
            _, longest = min(waiting, key=lambda pair: pair[0])
            longest.transport.abort()
