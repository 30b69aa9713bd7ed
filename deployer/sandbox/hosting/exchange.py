"""One request and its answer, on a socket of its own between the sandbox and the worker that takes it.

See `runner.py` for the other side.
"""

import contextlib
import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self


class WorkerEndedError(Exception):
    """Nobody answers any more: the process ended before it had, or none was there to take the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the application is to be asked."""

    environ: Mapping[str, str]
    scheme: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    failure: str  # "": none; "broken": no application; "exception": it raised
    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Exchange:
    """The sandbox's side. Every method raises WorkerEndedError, and TimeoutError after the limit."""

    def __init__(self, send: Callable[[socket.socket], None], limit_s: float) -> None:
        """`send` passes the other end to the workers."""
        self._deadline = time.monotonic() + limit_s
        with contextlib.ExitStack() as opened:
            self._ours, theirs = socket.socketpair()
            opened.enter_context(self._ours)
            with theirs, _told():
                send(theirs)
            self._stream = opened.enter_context(self._ours.makefile("rb"))
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def ask(self, question: Question) -> int:
        """Hand the question over; the number of the worker that takes it."""
        head = {"environ": question.environ, "scheme": question.scheme, "size": len(question.body)}
        with _told():
            self._hurry()
            self._ours.sendall(json.dumps(head).encode() + b"\n" + question.body)
            return int(self._line()["worker"])

    def answer(self) -> Answer:
        with _told():
            head = self._line()
            body = self._stream.read(head["size"])
        if len(body) != head["size"]:
            raise WorkerEndedError("half an answer")
        headers = tuple((name, value) for name, value in head.get("headers", ()))
        return Answer(head.get("failure", ""), head.get("status", ""), headers, body)

    def _line(self) -> dict[str, Any]:
        self._hurry()
        line = self._stream.readline()
        if not line.endswith(b"\n"):
            raise WorkerEndedError("no answer")
        told: dict[str, Any] = json.loads(line)
        return told

    def _hurry(self) -> None:
        self._ours.settimeout(max(0.001, self._deadline - time.monotonic()))


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """A socket that fails means that nobody is there any more."""
    try:
        yield
    except TimeoutError:
        raise
    except OSError as error:
        raise WorkerEndedError(str(error)) from error
