"""Server-sent events as a program reads them."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import requests


@dataclass(frozen=True)
class Message:
    name: str
    data: Any
    id: str | None


class Listener:
    """One open stream. Iterating waits for what comes, for ten seconds at most; it ends with the stream."""

    def __init__(self, url: str, *, last: str | None = None) -> None:
        headers = {"Last-Event-ID": last} if last else {}
        self._session = requests.Session()
        self.answer = self._session.get(url, headers=headers, stream=True, timeout=10)
        self.answer.raise_for_status()
        self._messages = self._read()

    def __iter__(self) -> Iterator[Message]:
        return self._messages

    def next(self, name: str) -> Message:
        """The next message of that name; others are passed over."""
        return next(message for message in self._messages if message.name == name)

    def close(self) -> None:
        self.answer.close()
        self._session.close()

    def _read(self) -> Iterator[Message]:
        fields: dict[str, str] = {}
        for raw in self.answer.iter_lines(chunk_size=1):
            key, _, value = raw.decode().partition(": ")
            if key:
                fields[key] = value
            elif "event" in fields:
                yield Message(fields["event"], json.loads(fields["data"]), fields.get("id"))
                fields = {}


Listen = Callable[..., Listener]
"""What the fixture `listen` gives: opens a stream that is closed when the test ends."""
