"""The command's own words on stdout. A reader that went away never stops a deployment."""

from contextlib import suppress

import typer


def say(text: str = "") -> None:
    """One line or several; lost where stdout is closed or full."""
    with suppress(OSError, ValueError):
        typer.echo(text)
