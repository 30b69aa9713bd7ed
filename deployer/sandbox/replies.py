"""Answers in the shapes the platform gives them, and answers that go wrong on purpose."""

import asyncio
import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

TRANSPORT = "deployer.transport"  # key of the connection's asyncio transport in the ASGI scope

OK = {"status": "OK"}
NOT_FOUND = "Not found."
FORBIDDEN = "You do not have permission to perform this action."
SURROGATE = re.compile("[\ud800-\udfff]")  # half a character: a str can hold it, UTF-8 cannot


class RefusalError(Exception):
    """Ends a request with an answer of its own."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


def reply(body: Any, status: int = 200, *, media_type: str = "application/json") -> Response:
    """JSON without spaces, as Django REST framework renders it.

    What UTF-8 cannot say, such as a file's name in another encoding, shows as U+FFFD.
    """
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    body = SURROGATE.sub("\ufffd", text).encode()
    return Response(body, status, {"content-type": media_type})  # no charset, which `text/...` would get else


def refusal(status: int, body: Any, *, headers: Mapping[str, str] | None = None) -> RefusalError:
    response = reply(body, status)
    response.headers.update(headers or {})
    return RefusalError(response)


def detail(status: int, text: str, *, headers: Mapping[str, str] | None = None) -> RefusalError:
    """The general shape of an error."""
    return refusal(status, {"detail": text}, headers=headers)


def page(status: int, text: str = "") -> Response:
    """An HTML page, which is what everything in front of the API answers with."""
    title = HTTPStatus(status).phrase
    head = f"<!DOCTYPE html>\n<html><head><title>{title}</title></head>"
    return Response(
        f"{head}<body><h1>{title}</h1><p>{text}</p></body></html>\n", status, media_type="text/html"
    )


class Cut(Response):
    """No answer: the connection ends."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - nothing is sent
        transport_of(scope).abort()
        await gone(receive)


class Stall(Response):
    """No answer, and the connection stays open until the client gives up or the sandbox closes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - nothing is sent
        await gone(receive)


class Half(Response):
    """Another answer whose connection ends in the middle of the body that its head has promised.

    An answer without a body is lost altogether.
    """

    def __init__(self, whole: Response) -> None:
        super().__init__()
        self._whole = whole

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        left = 0

        async def send_half(message: Message) -> None:
            nonlocal left
            if message["type"] == "http.response.start":
                left = int(dict(message["headers"]).get(b"content-length", b"0")) // 2
                if left:
                    await send(message)
            elif left:
                part = message["body"][:left]
                left -= len(part)
                await send({"type": "http.response.body", "body": part, "more_body": True})

        await self._whole(scope, receive, send_half)
        transport_of(scope).close()
        await gone(receive)


def transport_of(scope: Scope) -> asyncio.Transport:
    transport: asyncio.Transport = scope[TRANSPORT]
    return transport


async def gone(receive: Receive) -> None:
    """Wait until the connection has ended."""
    while (await receive())["type"] != "http.disconnect":
        pass
