"""Passes one visit on to a website's server: HTTP/1.1 over its socket, bodies as they come, both ways."""

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import h11
from starlette.types import Receive, Send

from deployer.sandbox.hosting import pages, tunnel
from deployer.sandbox.hosting.gateway import HOP_BY_HOP
from deployer.sandbox.hosting.model import SiteRequest, SiteResponse

HEAD_LIMIT_S = 300.0  # until an answer begins; for web apps it is five minutes (help pages on 504 errors)
CHUNK_BYTES = 64 * 1024
SWITCHING = 101
NOT_PASSED = HOP_BY_HOP | {"expect"}  # uvicorn has said "100 Continue" already

OURS = {"x-real-ip", "x-forwarded-for", "x-forwarded-proto"}

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(slots=True)
class Passed:
    """What the visitor got so far: nothing while there is no status."""

    status: int | None = None
    size: int = 0
    complete: bool = False


class Forwarding:
    """One visit: `run` it once, then read `passed`. A visitor who leaves ends it."""

    def __init__(self, receive: Receive, send: Send, connection: asyncio.Transport) -> None:
        """`connection` is the visitor's: a server that speaks WebSocket gets it for itself."""
        self._connection = connection
        self._receive = receive
        self._send = send
        self._http = h11.Connection(h11.CLIENT)
        self.passed = Passed()

    async def run(self, place: str, request: SiteRequest) -> None:
        """`place` is the server's socket; the body is read from the visitor, not from `request`.

        The visitor gets a page where no server answers; where one ends in the middle of its answer,
        `passed` is not complete.
        """
        try:
            reader, writer = await asyncio.open_unix_connection(place)
        except OSError:
            await self._show(pages.no_application(), request)
            return
        try:
            await self._exchange(request, reader, writer)
        finally:
            writer.close()

    async def _exchange(
        self, request: SiteRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(self._http.send(_head(request)) or b"")
        up = asyncio.create_task(self._pass_up(writer))
        down = asyncio.create_task(self._pass_down(reader))
        try:
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            if not down.done():
                return  # the visitor has left
            switched = down.result()
            if switched is not None:
                up.cancel()
                await asyncio.wait({up})
                await self._join(switched, reader, writer)
        except (OSError, h11.RemoteProtocolError) as error:
            if self.passed.status is None:
                slow = isinstance(error, TimeoutError)
                await self._show(pages.too_slow() if slow else pages.no_application(), request)
        finally:
            up.cancel()
            down.cancel()
            await asyncio.gather(up, down, return_exceptions=True)

    async def _pass_up(self, writer: asyncio.StreamWriter) -> None:
        """The visitor's body to the server; returns when the visitor has left."""
        more = True
        while (message := await self._receive())["type"] != "http.disconnect":
            if not more:
                continue
            more = message.get("more_body", False)
            event = h11.Data(data=message.get("body", b""))
            data = self._http.send(event) if event.data else b""
            with contextlib.suppress(OSError):  # it need not read everything before it answers
                writer.write((data or b"") + (b"" if more else self._http.send(h11.EndOfMessage()) or b""))
                await writer.drain()

    async def _pass_down(self, reader: asyncio.StreamReader) -> h11.InformationalResponse | None:
        """The server's answer to the visitor, unless it switches to another protocol: that one is returned.

        Raises TimeoutError, OSError and h11.RemoteProtocolError.
        """
        async with asyncio.timeout(HEAD_LIMIT_S):
            head = await self._next(reader)
            while isinstance(head, h11.InformationalResponse):
                if head.status_code == SWITCHING:
                    return head
                head = await self._next(reader)
        if not isinstance(head, h11.Response):
            raise h11.RemoteProtocolError("the connection ended before the answer")
        await self._begin(head.status_code, _kept(head.headers))
        while isinstance(event := await self._next(reader), h11.Data):
            await self._continue(bytes(event.data), more=True)
        await self._continue(b"", more=False)
        return None

    async def _join(
        self, switched: h11.InformationalResponse, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        lines = [b"HTTP/1.1 101 Switching Protocols", *(b"%s: %s" % pair for pair in switched.headers)]
        first = b"\r\n".join([*lines, b"", self._http.trailing_data[0]])
        self.passed.status = SWITCHING
        self.passed.size = await tunnel.join(self._connection, first, reader, writer)
        self.passed.complete = True

    async def _next(self, reader: asyncio.StreamReader) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await reader.read(CHUNK_BYTES))
        return event

    async def _begin(self, status: int, headers: Headers) -> None:
        self.passed.status = status
        await self._send({"type": "http.response.start", "status": status, "headers": list(headers)})

    async def _continue(self, body: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})
        self.passed.size += len(body)
        self.passed.complete = not more

    async def _show(self, page: SiteResponse, request: SiteRequest) -> None:
        headers = [(name.lower().encode(), value.encode()) for name, value in page.headers]
        await self._begin(page.status, headers)
        await self._continue(b"" if request.method == "HEAD" else page.body, more=False)


def _head(request: SiteRequest) -> h11.Request:
    """As the visitor sent it, and who that was; one connection serves one visit."""
    headers = [
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in request.headers
        if name.lower() not in NOT_PASSED | OURS
    ]
    if "chunked" in request.header("transfer-encoding").lower():
        headers.append((b"Transfer-Encoding", b"chunked"))
    before = request.header("x-forwarded-for")
    clients = f"{before}, {request.client}" if before else request.client
    headers += [
        (b"X-Real-IP", request.client.encode()),
        (b"X-Forwarded-For", clients.encode("latin-1")),
        (b"X-Forwarded-Proto", b"https" if request.is_secure else b"http"),
    ]
    upgrade = request.header("upgrade")
    if upgrade and "upgrade" in request.header("connection").lower():
        headers += [(b"Connection", b"Upgrade"), (b"Upgrade", upgrade.encode("latin-1"))]
    else:
        headers.append((b"Connection", b"close"))
    return h11.Request(
        method=request.method.encode(), target=request.target.encode("latin-1"), headers=headers
    )


def _kept(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    return [(name, value) for name, value in headers if name.decode("latin-1").lower() not in NOT_PASSED]
