"""An answer whose head has come; knows nothing of the library that brought it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    """Looked up without regard to case."""
    body: Iterator[bytes]
    """What is still on the way; raises Failure when it breaks off."""
    close: Callable[[], None]
    """Gives the connection back if the body was read, else ends it."""
    received: int = 0
    """Bytes of the body so far."""
    _peeked: bytes = b""

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "")

    def read(self) -> bytes:
        """The whole body."""
        return b"".join(self.chunks())

    def peek(self) -> bytes:
        """The whole body, which can then be read as if it had not been."""
        self._peeked = self.read()
        return self._peeked

    def chunks(self) -> Iterator[bytes]:
        if self._peeked:
            peeked, self._peeked = self._peeked, b""
            yield peeked
        for chunk in self.body:
            self.received += len(chunk)
            yield chunk
