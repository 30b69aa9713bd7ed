"""Speaks to the daemon of this machine, through its control socket.

The client sends one JSON object on one line, and after it the raw bytes that `gate.bytes` of the request
announces, where there are any. The daemon answers with JSON lines and closes: the first is
{"ok": true, …} or {"error", "left", "hint", "exit_status"}; the rest tell how a deployment goes.
"""

import errno
import grp
import json
import os
import pwd
import shlex
import socket
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from deployer.errors import DeployerError, ExitStatus

CONNECT_S = 5.0
ANSWER_S = 60.0
"""For the first line; an order is on the daemon's disk by then, and so is a commit that is held back."""

LONGEST_ADDRESS = 107
"""Of `sun_path`, see unix(7)."""

Line = Mapping[str, Any]


class NotReached(DeployerError):
    """No daemon answers at the socket, or this user may not speak to it."""

    exit_status = ExitStatus.TEMPORARY


class Declined(DeployerError):
    """The daemon's own error, with its exit status."""

    def __init__(self, answer: Line) -> None:
        super().__init__(
            str(answer.get("error")), left=str(answer.get("left") or ""), hint=str(answer.get("hint") or "")
        )
        with suppress(ValueError, TypeError):
            self.exit_status = ExitStatus(int(answer.get("exit_status") or ExitStatus.NEEDS_PERSON))


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A request that was accepted."""

    answer: Line
    """The first line."""
    lines: Iterator[Line]
    """The others, as they come; they end early when the daemon goes away."""


def ask(path: Path, request: Line) -> Line:
    """The answer to a request that has only one line of it. Raises NotReached and Declined."""
    with conversation(path, request) as answered:
        return answered.answer


@contextmanager
def conversation(
    path: Path, request: Line, *, content: tuple[BinaryIO, int] | None = None
) -> Iterator[Conversation]:
    """Ask, and listen as long as the block lasts; leaving it changes nothing for what was asked.

    `content` is a file at its start and how many bytes of it follow the request. Raises NotReached and
    Declined.
    """
    with _connected(path) as connection, connection.makefile("rb") as stream:
        with _failing(path):
            connection.settimeout(ANSWER_S)
            _send(connection, request, content)
            answer = _parsed(stream.readline())
        if answer is None:
            raise NotReached(
                f"what listens at {path} does not answer like a daemon of deployer",
                hint="`deployer status` on that machine tells whether it runs.",
            )
        if not answer.get("ok"):
            raise Declined(answer)
        connection.settimeout(None)
        yield Conversation(answer=answer, lines=_lines(stream))


def _send(connection: socket.socket, request: Line, content: tuple[BinaryIO, int] | None) -> None:
    """A daemon that declines at once has stopped reading: its answer is waiting all the same."""
    with suppress(BrokenPipeError):
        connection.sendall(json.dumps(request, ensure_ascii=False).encode() + b"\n")
        if content is not None:
            file, size = content
            connection.sendfile(file, count=size)


def _lines(stream: BinaryIO) -> Iterator[Line]:
    with suppress(OSError):
        while (line := _parsed(stream.readline())) is not None:
            yield line


def _parsed(line: bytes) -> Line | None:
    """None: nothing more, or a line that was cut off."""
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


@contextmanager
def reachable(path: Path) -> Iterator[str]:
    """The path as an address of a Unix socket, which holds 107 bytes: a longer one goes by its folder."""
    if len(os.fsencode(path)) <= LONGEST_ADDRESS:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


@contextmanager
def _connected(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(CONNECT_S)
        with _failing(path), reachable(path) as address:
            connection.connect(address)
        yield connection


@contextmanager
def _failing(path: Path) -> Iterator[None]:
    try:
        yield
    except PermissionError:
        raise _not_permitted(path) from None
    except TimeoutError:
        raise NotReached(f"the daemon at {path} does not answer") from None
    except OSError as error:
        gone = error.errno in (errno.ENOENT, errno.ECONNREFUSED)
        why = "no daemon listens there" if gone else (error.strerror or str(error))
        raise NotReached(
            f"{path}: {why}", hint="`deployer run` is the daemon; under systemd: systemctl start deployer"
        ) from None


def _not_permitted(path: Path) -> NotReached:
    """Says which group would be let in, where the file or the folder above it tells."""
    me = _name(pwd.getpwuid, os.geteuid())
    message = f"{me} may not speak to the daemon at {path}"
    owner = "[daemon] socket_group in deployer.toml names a group that may; restart the daemon after that."
    for place in (path, *path.parents):
        try:
            found = place.stat()
        except PermissionError:
            continue
        except OSError:
            break
        if os.access(place, os.W_OK if place == path else os.X_OK):
            break
        if not found.st_mode & (stat.S_IWGRP if place == path else stat.S_IXGRP):
            return NotReached(f"{message}: {place} is open to its owner only", hint=owner)
        group = _name(grp.getgrgid, found.st_gid)
        return NotReached(
            f"{message}: {place} is open to the group {group}",
            hint=f"sudo usermod --append --groups {shlex.quote(group)} {shlex.quote(me)}, then log in anew",
        )
    return NotReached(message, hint=owner)


def _name(look_up: Any, number: int) -> str:
    """A container may have users and groups without a name."""
    try:
        return str(look_up(number)[0])
    except KeyError:
        return str(number)
