"""The logs of a site and of its tasks: where they are on the server, and what is in them."""

import gzip
import io
import posixpath
import re
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, TypeVar

from deployer.errors import NotFound, UsageError
from deployer.model.site import Site
from deployer.pythonanywhere import AlwaysOnTask, PythonAnywhere, Task

SiteLog = Literal["error", "server", "access"]
OLDEST: Final = 9
"""Rotated logs are <log>.1, then <log>.2.gz up to this (the vendor's clients pythonanywhere-core and pa)."""

AnyTask = TypeVar("AnyTask", Task, AlwaysOnTask)

_STAMP: Final = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)")
_ACCESS_STAMP: Final = re.compile(r"[^\[]*\[(\d\d)/(\w{3})/(\d{4}):(\d\d:\d\d:\d\d) ([+-]\d{4})\]")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_PIECE_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPart:
    """Lines of one file, in its order."""

    path: str
    lines: tuple[str, ...]
    damage: str = ""
    """Why no more of the file could be read; empty: nothing is missing."""


def site_log(site: Site, kind: SiteLog) -> str:
    """Help page "API" and others: /var/log/<domain>.<kind>.log."""
    return f"/var/log/{site.domain}.{kind}.log"


def task_log(api: PythonAnywhere, site: Site, name: str) -> str:
    """Where the output of a scheduled task of this site goes. One request. Raises UsageError for another."""
    path = _named("task", name, site, api.schedule.list()).log_path
    if path is None:
        raise NotFound(f"the platform does not say where the log of the task {name} is")
    return path


def always_on_log(api: PythonAnywhere, site: Site, name: str) -> str:
    """The same for an always-on task."""
    return _named("always-on task", name, site, api.always_on.list()).log_path


def _named(kind: str, name: str, site: Site, tasks: Iterable[AnyTask]) -> AnyTask:
    label = site.task_label("")
    ours = {
        description.removesuffix(label): task
        for task in tasks
        if (description := task.description or "").endswith(label)
    }
    if name not in ours:
        names = ", ".join(sorted(ours))
        raise UsageError(
            f"{site.domain} has no {kind} {name} on the server",
            hint=f"It has {names}." if names else f"It has no {kind} at all that deployer made.",
        )
    return ours[name]


def rotated(path: str, number: int) -> str:
    """The log as it was so many rotations ago; 0 is the log itself."""
    match number:
        case 0:
            return path
        case 1:
            return f"{path}.1"
    return f"{path}.{number}.gz"


def read(api: PythonAnywhere, path: str) -> bytes | None:
    """The whole file, since the platform gives no part of one; None: there is none."""
    try:
        return api.files.read(path)
    except NotFound:
        return None


def rotated_there(api: PythonAnywhere, path: str) -> tuple[str, ...]:
    """Which rotated logs are there, the newest first. One request: some may have been deleted between."""
    names = api.files.list_directory(posixpath.dirname(path))
    older = (rotated(path, number) for number in range(1, OLDEST + 1))
    return tuple(each for each in older if posixpath.basename(each) in names)


def part_of(path: str, content: bytes, *, most: int | None = None) -> LogPart:
    """The last `most` lines; None: all. What cannot be decompressed any more is told in `damage`."""
    damage: list[str] = []
    pieces = _decompressed(content, damage) if path.endswith(".gz") else iter((content,))
    lines = tuple(deque(_lines(pieces), maxlen=most))
    return LogPart(path=path, lines=lines, damage="".join(damage))


def _decompressed(content: bytes, damage: list[str]) -> Iterator[bytes]:
    """Piece by piece: a small file may hold a very large log."""
    came = 0
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        try:
            while piece := file.read1(_PIECE_BYTES):
                came += len(piece)
                yield piece
        except (OSError, EOFError, zlib.error) as error:
            damage.append(f"it is damaged after {came} bytes of text: {error}")


def _lines(pieces: Iterable[bytes]) -> Iterator[str]:
    begun = b""
    for piece in pieces:
        *whole, begun = (begun + piece).split(b"\n")
        yield from map(_text, whole)
    if begun:
        yield _text(begun)


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode(errors="replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class Newer:
    """The lines of a log from a moment on."""

    lines: tuple[str, ...]
    """All of them where none is older, also where none has a time at all."""
    begins_before: bool
    """Whether it has older lines, so that older files need not be looked at."""
    is_dated: bool


def newer(lines: tuple[str, ...], since: datetime) -> Newer:
    """From the first line on whose time is not before `since`.

    The platform's logs begin their lines with the time, UTC, access logs have it behind the visitor; the
    lines of a traceback may have none.
    """
    stamped = ((number, stamp) for number, line in enumerate(lines) if (stamp := stamp_of(line)))
    begins_before = is_dated = False
    for number, stamp in stamped:
        is_dated = True
        if stamp >= since:
            return Newer(
                lines=lines[number:] if begins_before else lines, begins_before=begins_before, is_dated=True
            )
        begins_before = True
    return Newer(lines=() if is_dated else lines, begins_before=begins_before, is_dated=is_dated)


def stamp_of(line: str) -> datetime | None:
    """When it was written; None: it does not say."""
    try:
        if found := _STAMP.match(line):
            return datetime.fromisoformat(f"{found[1]}+00:00")
        if found := _ACCESS_STAMP.match(line):
            day, month, year, time, zone = found.groups()
            number = _MONTHS.index(month) + 1
            return datetime.fromisoformat(f"{year}-{number:02}-{day}T{time}{zone}").astimezone(UTC)
    except ValueError:  # the 31st of February: somebody's own words
        return None
    return None
