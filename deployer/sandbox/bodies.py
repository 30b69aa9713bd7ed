"""Request bodies: JSON, forms and multipart, with the refusals of Django REST framework."""

import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qsl

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from deployer.sandbox.replies import detail, refusal

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
MAX_FIELD_BYTES = 2_621_440  # Django's DATA_UPLOAD_MAX_MEMORY_SIZE: of all that is not a file

BOUNDARY = re.compile(rb"[ -~]{0,200}[!-~]")  # as much as Django takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """The fields of a body. In forms everything is text, and the last of several equal names counts."""

    fields: dict[str, Any]
    is_form: bool


class Sink(Protocol):
    def write(self, data: bytes, /) -> object: ...


def media_type(request: Request) -> str:
    return parse_options_header(request.headers.get("content-type"))[0].decode("latin-1").lower()


async def read(request: Request) -> Data:
    """The body of an ordinary request. Raises RefusalError: 400 for what cannot be read, or 415."""
    kind = media_type(request)
    if kind == MULTIPART:
        return Data(fields=await read_multipart(request, lambda _: None), is_form=True)
    body = await _small(request)
    if not body:
        return Data(fields={}, is_form=kind == FORM)
    if kind == FORM:
        return Data(
            fields=dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)), is_form=True
        )
    if kind == JSON:
        return Data(fields=_json_object(body), is_form=False)
    raise detail(415, f'Unsupported media type "{kind}" in request.')


async def read_multipart(request: Request, open_file: Callable[[str], Sink | None]) -> dict[str, str]:
    """The text fields of a multipart body; its files are written, as they arrive, to what `open_file` gives.

    `open_file` gets the name of each part that has a file name and may return None to pass it over.
    Raises RefusalError.
    """
    _, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary", b"")
    if not BOUNDARY.fullmatch(boundary):
        raise _bad_multipart(f"Invalid boundary in multipart: {boundary.decode('latin-1') or None}")
    parts = _Parts(open_file)
    parser = MultipartParser(
        boundary,
        {
            "on_part_begin": parts.begin,
            "on_header_field": parts.header_name,
            "on_header_value": parts.header_value,
            "on_header_end": parts.header_end,
            "on_headers_finished": parts.headers_end,
            "on_part_data": parts.data,
            "on_part_end": parts.end,
            "on_end": parts.complete,
        },
    )
    try:
        async for chunk in stream(request):
            parser.write(chunk)
        parser.finalize()
    except MultipartParseError as error:
        raise _bad_multipart(str(error)) from error
    if not parts.is_complete:
        raise _bad_multipart("the body ends before its last boundary")
    return parts.fields


async def stream(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes in. A client that goes away ends it early, as a short body does."""
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            return
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return


@dataclass(slots=True)
class _Parts:
    """What the parser has found so far; one method for each of its callbacks."""

    open_file: Callable[[str], Sink | None]
    fields: dict[str, str] = field(default_factory=dict)
    is_complete: bool = False
    _headers: dict[bytes, bytes] = field(default_factory=dict)
    _header: tuple[bytes, bytes] = (b"", b"")
    _name: str = ""
    _is_file: bool = False
    _file: Sink | None = None
    _text: bytearray = field(default_factory=bytearray)

    def begin(self) -> None:
        self._headers, self._text, self._file = {}, bytearray(), None

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._header = (self._header[0] + data[start:end], b"")

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._header = (self._header[0], self._header[1] + data[start:end])

    def header_end(self) -> None:
        name, value = self._header
        self._headers[name.lower()] = value
        self._header = (b"", b"")

    def headers_end(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        self._is_file = bool(options.get(b"filename"))  # Django takes a part without one for a text field
        if self._is_file:
            self._file = self.open_file(self._name)

    def data(self, data: bytes, start: int, end: int) -> None:
        if self._file:
            self._file.write(data[start:end])
        elif not self._is_file:
            self._text += data[start:end]
            if len(self._text) > MAX_FIELD_BYTES:
                raise refusal(400, {"detail": "Request body exceeded settings.DATA_UPLOAD_MAX_MEMORY_SIZE."})

    def end(self) -> None:
        if not self._is_file:
            self.fields[self._name] = self._text.decode("utf-8", "replace")

    def complete(self) -> None:
        self.is_complete = True


async def _small(request: Request) -> bytes:
    body = bytearray()
    async for chunk in stream(request):
        body += chunk
        if len(body) > MAX_FIELD_BYTES:
            raise detail(400, "Request body exceeded settings.DATA_UPLOAD_MAX_MEMORY_SIZE.")
    return bytes(body)


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise detail(400, f"JSON parse error - {error}") from error
    if not isinstance(document, dict):
        kind = type(document).__name__
        text = f"Invalid data. Expected a dictionary, but got {kind}."
        raise refusal(400, {"non_field_errors": [text]})
    return document


def _bad_multipart(reason: str) -> Exception:
    return detail(400, f"Multipart form parse error - {reason}")
