"""How an error is told: to a person on stderr, to a program as one more JSON line."""

import json
import platform
import sys
import traceback
from contextlib import suppress
from itertools import takewhile
from typing import Any

import typer

from deployer import __version__
from deployer.cli.output import say
from deployer.errors import DeployerError, ExitStatus, Interrupted
from deployer.model.manifest import ManifestUnreadable


def wants_json() -> bool:
    """Errors may come before the options are read, so the command line itself is asked; what stands behind
    two dashes belongs to another command.
    """
    return "--json" in takewhile(lambda each: each != "--", sys.argv[1:])


def show(error: DeployerError) -> None:
    """What happened, what was left behind, what to type next."""
    if wants_json():
        _line(
            event="failed",
            error=error.message,
            left=error.left,
            hint=error.hint,
            exit_status=int(error.exit_status),
        )
    else:
        parts = (f"deployer: {error.message}", error.left, error.hint)
        with suppress(OSError, ValueError):
            typer.echo("\n".join(part for part in parts if part), err=True)


def show_interrupted() -> None:
    """A second Ctrl-C, or one where nothing had begun: as safe as a kill."""
    show(Interrupted("interrupted", left="What was sent so far is recorded."))


def show_any(error: DeployerError | ManifestUnreadable) -> ExitStatus:
    """Show what ended the command and return its exit status.

    A line of the record's files may be damaged, which is noticed only where that line is needed.
    """
    from deployer.deployment.record import unreadable

    known = error if isinstance(error, DeployerError) else unreadable("the record on the server", error)
    show(known)
    return known.exit_status


def show_bug(error: Exception) -> None:
    """Everything that a report of the bug needs."""
    trace = "".join(traceback.format_exception(error))
    if wants_json():
        _line(event="bug", error=str(error), traceback=trace, exit_status=int(ExitStatus.BUG))
        return
    typer.echo(
        f"deployer: a bug of ours: {type(error).__name__}: {error}\n"
        f"Please report it with these lines (deployer {__version__}, Python {platform.python_version()}):\n\n"
        f"{trace}",
        err=True,
    )


def _line(**fields: Any) -> None:
    say(json.dumps(fields, ensure_ascii=False))
