"""Follows a log that grows on the server, through its rotation, truncation and deletion.

The platform gives only whole files, and no size, time or version of one. So the whole log comes each time,
and what was shown of it is told apart by its digest: a log that still begins with that has grown, any other
is a new one.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Self

from deployer.deployment.logs import LogPart, part_of, read, rotated
from deployer.model.endpoints import Endpoint
from deployer.pythonanywhere import PythonAnywhere

SHARE: Final = 10
"""One request in so many of the limit is ours: four a minute of the platform's 40."""
UNLIMITED_S: Final = 1.0
"""Between two looks where there is no limit, as in a sandbox."""
BYTES_PER_S: Final = 64 * 1024
"""What following may take of a line on average: a log of 10 MB is looked at every two and a half minutes."""
LONGEST_S: Final = 300.0
GIVE_WAY_S: Final = 120.0
"""How much longer a look waits at the most while somebody deploys: that may take half an hour."""

Pause = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What of a file people have seen: so many bytes from its beginning."""

    size: int
    digest: bytes

    @classmethod
    def of(cls, content: bytes | memoryview) -> Self:
        return cls(size=len(content), digest=hashlib.blake2b(content).digest())

    def begins(self, content: bytes) -> bool:
        return len(content) >= self.size and Shown.of(memoryview(content)[: self.size]) == self


NOTHING: Final = Shown.of(b"")


class Following:
    """One log. `current` is what it held when it was first read, None where there was none."""

    def __init__(self, api: PythonAnywhere, path: str, current: bytes | None) -> None:
        self._api = api
        self._path = path
        self._size = len(current or b"")
        self._is_there = current is not None
        self._shown = Shown.of(_whole_lines(current or b""))

    @property
    def interval_s(self) -> float:
        """Until the next look: longer for a large log, and where the limit is small."""
        limit = self._api.budget.limit(Endpoint.FILES_PATH)
        least = SHARE * 60 / limit if limit else UNLIMITED_S
        return min(max(least, self._size / BYTES_PER_S), LONGEST_S)

    def wait(self, pause: Pause) -> None:
        """Until the next look is due. While a deployment needs the limit, that takes longer."""
        pause(self.interval_s)
        limit = self._api.budget.limit(Endpoint.FILES_PATH)
        busy = self._api.budget.estimate({Endpoint.FILES_PATH: limit // 2}) if limit else 0.0
        pause(min(busy, GIVE_WAY_S))

    def look(self) -> Iterator[LogPart | str]:
        """What has come since the last look, the oldest first, and notes on what became of the file.

        One request, and one more for <log>.1 when the log is not the one that it was. Raises ApiError; the
        next look then goes on from the same place.
        """
        content = read(self._api, self._path)
        if content is None:
            yield from self._gone()
            return
        if not self._shown.begins(content):
            yield from self._begun_anew(content)
        elif not self._is_there:
            yield f"{self._path} is there now"
        self._is_there = True
        # A last line without its end may be half of one; one that two looks found alike is not.
        end = len(content) if len(content) == self._size else len(_whole_lines(content))
        self._size = len(content)
        yield from self._new(content[:end])

    def _new(self, content: bytes) -> Iterator[LogPart]:
        if len(content) > self._shown.size:
            part = part_of(self._path, content[self._shown.size :])
            self._shown = Shown.of(content)
            yield part

    def _begun_anew(self, content: bytes) -> Iterator[LogPart | str]:
        before = read(self._api, rotated(self._path, 1))
        if before is not None and self._shown.begins(before):
            rest = self._rest(before)
            note = f"{self._path} was rotated"
        else:
            rest = ()
            lost = "what came between is lost, or in an older file: --all"
            shorter = len(content) < self._shown.size
            note = f"{self._path} was {'cut short' if shorter else 'written anew'}; {lost}"
        self._size, self._shown = 0, NOTHING
        yield from rest
        yield note

    def _gone(self) -> Iterator[LogPart | str]:
        if not self._is_there:
            return
        before = read(self._api, rotated(self._path, 1)) if self._shown.size else None
        is_rotated = before is not None and self._shown.begins(before)
        rest = self._rest(before) if before is not None and is_rotated else ()
        self._size, self._shown, self._is_there = 0, NOTHING, False
        yield from rest
        yield f"{self._path} was {'rotated' if is_rotated else 'deleted'}; nothing has been written since"

    def _rest(self, before: bytes) -> tuple[LogPart, ...]:
        rest = before[self._shown.size :]
        return (part_of(rotated(self._path, 1), rest),) if rest else ()


def _whole_lines(content: bytes) -> bytes:
    return content[: content.rfind(b"\n") + 1]
