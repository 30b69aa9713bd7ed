"""HTTP on a socket that somebody else has bound (systemd, or the daemon), from a thread of its own."""

import socket
import threading
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette

from deployer.web.guard import guarded_config

_REQUESTS_END_S = 1
"""Requests under way may finish for so long when the server stops; streams end at once."""


class WebServer:
    """Serves between start() and stop(), and only once."""

    def __init__(self, app: Starlette, sock: socket.socket, **config: Any) -> None:
        """`sock` is bound; it is closed in the end. `config` goes to uvicorn.Config."""
        self._app = app
        self._socket = sock
        settings: dict[str, Any] = {
            **guarded_config(),
            "loop": "asyncio",
            "lifespan": "off",
            "proxy_headers": False,  # nothing here believes what they say
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
