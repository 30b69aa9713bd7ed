"""Accepts TLS connections, and lets go of every one of them when it closes, half-made ones included."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from weakref import WeakSet

import structlog

HANDSHAKE_LIMIT_S = 60.0  # as nginx
FAREWELL_LIMIT_S = 2.0  # for the other side's last word; cut after that
TURNS = 20  # of the loop, in which connections end that were told to
PAUSE_S = 0.1  # after an accept that failed, which would be repeated without end

log = structlog.get_logger()


class Door:
    """On a listening socket, which stays the caller's to close."""

    def __init__(
        self, listener: socket.socket, context: ssl.SSLContext, serve: Callable[[], asyncio.Protocol]
    ) -> None:
        """`serve` makes what gets each connection when its handshake is over."""
        self._listener = listener
        self._context = context
        self._serve = serve
        self._connections: WeakSet[socket.socket] = WeakSet()
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        self._listener.setblocking(False)
        self._start(asyncio.create_task(self._accept()))

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)  # also where a farewell is waited for
        for _ in range(TURNS):
            if all(connection.fileno() < 0 for connection in list(self._connections)):
                break
            await asyncio.sleep(0)
        for connection in list(self._connections):
            connection.close()  # one that nobody had greeted yet; the others are closed

    def _start(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self._listener)
            except OSError as error:  # one that left before it was accepted, or too many open files
                log.warning("a TLS connection could not be accepted", error=str(error))
                await asyncio.sleep(PAUSE_S)
                continue
            self._connections.add(connection)
            self._start(asyncio.create_task(self._greet(connection)))

    async def _greet(self, connection: socket.socket) -> None:
        with suppress(OSError):  # TLS that went wrong, a client that left: nobody to tell
            await asyncio.get_running_loop().connect_accepted_socket(
                self._serve,
                connection,
                ssl=self._context,
                ssl_handshake_timeout=HANDSHAKE_LIMIT_S,
                ssl_shutdown_timeout=FAREWELL_LIMIT_S,
            )
