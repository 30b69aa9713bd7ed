"""The end of a log, which may reach back into rotated files."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from deployer.deployment.logs import LogPart, newer, part_of, read, rotated, rotated_there
from deployer.pythonanywhere import PythonAnywhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which end of a log."""

    lines: int | None
    """At most so many, over all files; None: as many as there are."""
    since: datetime | None = None
    """Nothing older; older files are looked at as far as that needs."""
    number: int | None = None
    """This rotated file alone."""
    every: bool = False
    """All files that there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    parts: tuple[LogPart, ...]
    """The oldest first. None at all: there is no such log."""
    current: bytes | None
    """The log itself as it was read; None: there is none, or it was not asked for."""
    undated: tuple[str, ...]
    """Files in which no line has a time, so that nothing can be left out for being old."""


def tail(api: PythonAnywhere, path: str, wanted: Wanted, *, whole_lines: bool = False) -> Tail:
    """Read as few files as will do: one; with `since` or `every` the older ones, by a list of what is there.

    With `whole_lines` a last line of the log without its end is left out. Raises ApiError.
    """
    current: bytes | None = None
    parts: list[LogPart] = []
    undated: list[str] = []
    left = wanted.lines
    for each in _paths(api, path, wanted):
        content = read(api, each)
        if each == path:
            current = content
        if content is None:
            continue
        if whole_lines and each == path:
            content = content[: content.rfind(b"\n") + 1]
        part = part_of(each, content, most=left if wanted.since is None else None)
        reaches = False
        if wanted.since is not None:
            found = newer(part.lines, wanted.since)
            if part.lines and not found.is_dated:
                undated.append(each)
            reaches = found.begins_before or each in undated
            part = replace(part, lines=_last(found.lines, left))
        parts.append(part)
        if left is not None:
            left -= len(part.lines)
        if left == 0 or (reaches and not wanted.every):
            break
    return Tail(parts=tuple(reversed(parts)), current=current, undated=tuple(undated))


def _paths(api: PythonAnywhere, path: str, wanted: Wanted) -> Iterator[str]:
    """The newest first; what rotated files there are is asked only once the log itself is not enough."""
    if wanted.number is not None:
        yield rotated(path, wanted.number)
        return
    yield path
    if wanted.every or wanted.since is not None:
        yield from rotated_there(api, path)


def _last(lines: tuple[str, ...], most: int | None) -> tuple[str, ...]:
    if most is None:
        return lines
    return lines[-most:] if most else ()
