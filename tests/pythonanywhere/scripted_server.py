"""A real HTTP server that answers each request with the next bytes of a script, right or wrong."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

KEPT_BYTES = 1 << 20
"""Of a request's body: what is longer is counted, not kept."""


@dataclass(frozen=True)
class Answer:
    raw: bytes
    """All that is sent."""
    then_close: bool = False


HANG = Answer(b"")
"""Nothing comes, and the connection stays."""
DROP = Answer(b"", then_close=True)


@dataclass(frozen=True)
class Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    length: int


def answer(
    status: int = 200,
    body: bytes = b"",
    content_type: str = "application/json",
    *,
    missing: int = 0,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Answer:
    """`missing` bytes at the end of the promised body never come."""
    lines = [f"HTTP/1.1 {status} Said", f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join([*lines, "", ""]).encode()
    return Answer(head + body[: len(body) - missing], then_close=missing > 0)


class ScriptedServer:
    """Listens on a free port; the last answer of the script is given for ever."""

    def __init__(self, *script: Answer, tls: ssl.SSLContext | None = None) -> None:
        self._script = list(script)
        self._tls = tls
        self.requests: list[Request] = []
        self.connections = 0
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]

    @property
    def host(self) -> str:
        scheme, name = ("https", "localhost") if self._tls else ("http", "127.0.0.1")
        return f"{scheme}://{name}:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):  # it is closed already
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=10)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, plain: socket.socket) -> None:
        try:
            connection = self._tls.wrap_socket(plain, server_side=True) if self._tls else plain
        except OSError:
            plain.close()
            return
        self._open.append(connection)
        with connection, connection.makefile("rb") as stream:
            try:
                while line := stream.readline():
                    method, target, _ = line.decode().split(" ", 2)
                    headers: dict[str, str] = {}
                    while (line := stream.readline().strip()) != b"":
                        name, _, value = line.decode().partition(":")
                        headers[name] = value.strip()
                    length = left = int(headers.get("Content-Length", "0"))
                    body = b""
                    while left:
                        block = stream.read(min(left, 1 << 16))
                        if not block:
                            return
                        left -= len(block)
                        if len(body) < KEPT_BYTES:
                            body += block
                    self.requests.append(Request(method, target, headers, body, length))
                    reply = self._script.pop(0) if len(self._script) > 1 else self._script[0]
                    connection.sendall(reply.raw)
                    if reply.then_close:
                        return
            except OSError:
                return  # the client went away
