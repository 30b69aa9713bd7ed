"""HTTP on a socket that somebody else has bound (systemd, or the daemon), from a thread of its own."""

import asyncio
import socket
import threading
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

_REQUESTS_END_S = 1
"""Requests under way may finish for so long when the server stops; streams end at once."""
_HEAD_S = 10.0
"""A request's head has to be complete in this time, or slow senders could hold every connection."""
_KEEP_ALIVE_S = 30


class WebServer:
    """Serves between start() and stop(), and only once."""

    def __init__(self, app: Starlette, sock: socket.socket, **config: Any) -> None:
        """`sock` is bound; it is closed in the end. `config` goes to uvicorn.Config."""
        self._app = app
        self._socket = sock
        settings: dict[str, Any] = {
            "http": _Connection,
            "ws": "none",
            "loop": "asyncio",
            "lifespan": "off",
            "log_config": None,
            "access_log": False,
            "server_header": False,
            "proxy_headers": False,  # nothing here believes what they say
            "timeout_keep_alive": _KEEP_ALIVE_S,
            "timeout_graceful_shutdown": _REQUESTS_END_S,
        }
        self._server = _Server(uvicorn.Config(app, **(settings | config)))
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    def start(self) -> None:
        """Returns when connections are accepted. Raises RuntimeError when that fails; the log says why."""
        self._thread.start()
        self._server.answered.wait()
        if not self._server.started:
            self._thread.join()
            raise RuntimeError("the HTTP server did not start")

    def stop(self) -> None:
        """Returns within two seconds, with every connection closed. Stopping twice does no harm."""
        self._server.should_exit = True
        feed = getattr(self._app.state, "feed", None)
        if feed is not None:
            feed.close()
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()
            self._server.answered.set()


class _Server(uvicorn.Server):
    """Tells when it has started, so that nobody has to look again and again."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answered = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.answered.set()


class _Connection(H11Protocol):
    """Closes when a request's head does not come to its end in time: uvicorn would wait for ever."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        before = self._cycle()
        super().data_received(data)
        if self._cycle() is not before:
            self._head_came()
        elif self._late is None and (before is None or before.response_complete):
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_came()
        super().connection_lost(exc)

    def _cycle(self) -> RequestResponseCycle | None:
        """The request that is being answered, or was last; uvicorn's own hint leaves out the None."""
        return self.cycle

    def _expect_head(self) -> None:
        self._late = self.loop.call_later(_HEAD_S, self.transport.close)

    def _head_came(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
