"""What is to be run, and how it ended."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self, TypeAlias

from deployer.errors import NoAnswer

Stream: TypeAlias = Literal["stdout", "stderr"]
EndedBy: TypeAlias = Literal["command", "timeout", "cancel", "signal", "not-started"]

SHELL = "/bin/bash"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Paths are the server's."""

    arguments: tuple[str, ...]
    """The program and what it is given. What was no UTF-8 where it was typed has lone surrogates."""
    directory: str
    virtualenv: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 600.0

    @classmethod
    def of_line(cls, line: str, **others: Any) -> Self:
        """A line for bash."""
        return cls(arguments=(SHELL, "-c", line), **others)

    def order(self, *, start_within_s: float) -> bytes:
        """`order.json`: pure ASCII, so that no locale can spoil it."""
        return json.dumps(
            {
                "command": list(self.arguments),
                "directory": self.directory,
                "virtualenv": self.virtualenv,
                "environment": dict(self.environment),
                "timeout_s": self.timeout_s,
                "start_within_s": start_within_s,
            }
        ).encode("ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """`status.json`, and by which way the command was started."""

    by: EndedBy
    """"command": by itself; "not-started": there is no such program, or it may not be run."""
    status: int | None
    """None where a signal ended it."""
    signal: int | None
    segments: int
    lost: int
    """Bytes of output that could not be written on the server."""
    problem: str
    """Why they could not, or why the command was not started; empty when all went well."""
    seconds: float
    via: str = ""

    @classmethod
    def load(cls, data: bytes) -> Self:
        """Raises NoAnswer for anything but the whole file."""
        try:
            said = json.loads(data)
            return cls(
                by=said["ended_by"],
                status=said["exit_status"],
                signal=said["signal"],
                segments=int(said["segments"]),
                lost=int(said["lost"]),
                problem=said["problem"] or "",
                seconds=float(said["seconds"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise NoAnswer(f"status.json of the command is damaged: {error!r}") from error

    @property
    def exit_status(self) -> int:
        """As a shell tells it: 128 and the signal where one ended the command."""
        return 128 + (self.signal or 0) if self.status is None else self.status
