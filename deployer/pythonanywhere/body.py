"""Request bodies: forms, JSON, and a multipart upload that is never in memory as a whole."""

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Final, Protocol
from urllib.parse import urlencode

from deployer.errors import UsageError

BLOCK: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Body:
    content_type: str
    data: "bytes | Upload" = field(repr=False)
    """Not printed: it may be a private key."""

    @property
    def size(self) -> int:
        return len(self.data)


class Content(Protocol):
    """As much of an open file as an upload needs."""

    def tell(self) -> int: ...

    def seek(self, offset: int, /) -> int: ...

    def read(self, size: int, /) -> bytes: ...


class Upload:
    """The part `content` of the files endpoint, framed around an open file.

    requests sends what can be iterated and has a length, with that Content-Length and without buffering it;
    iterating again starts again, which is what a repeated attempt needs.
    """

    def __init__(self, content: Content, size: int, boundary: str) -> None:
        self._content = content
        self._start = content.tell()
        self._size = size
        # The platform ignores the file name, but Django takes a part without one for a text field.
        self._head = (
            f"--{boundary}\r\n"
            'Content-Disposition: form-data; name="content"; filename="content"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()

    def __len__(self) -> int:
        return len(self._head) + self._size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        """Raises UsageError when the file is not as long as was said.

        The server keeps nothing of it then, because the promised length never arrives.
        """
        self._content.seek(self._start)
        left = self._size
        pending = self._head
        while left:
            block = self._content.read(min(BLOCK, left))
            if not block:
                raise UsageError(f"the file to upload is {left} bytes shorter than announced ({self._size})")
            left -= len(block)
            if left:
                yield pending + block
                pending = b""
            else:  # a small file leaves in one piece
                pending += block
        if self._content.read(1):
            raise UsageError(f"the file to upload is longer than announced ({self._size} bytes)")
        yield pending + self._tail


def upload(content: bytes | Content, size: int) -> Body:
    """`content` is read from where it stands and must be seekable, or a lost answer could not be repeated."""
    source = BytesIO(content) if isinstance(content, bytes) else content
    boundary = secrets.token_hex(16)
    return Body(f"multipart/form-data; boundary={boundary}", Upload(source, size, boundary))


def form(fields: Mapping[str, str | bool]) -> Body:
    """Booleans go as True and False, which the platform's Django REST framework reads."""
    return Body("application/x-www-form-urlencoded", urlencode(fields).encode())


def json_body(value: Mapping[str, Any]) -> Body:
    return Body("application/json", json.dumps(value).encode())


def given(**fields: Any) -> dict[str, Any]:
    """The fields that are not None: what is not said is left to the platform."""
    return {name: value for name, value in fields.items() if value is not None}
