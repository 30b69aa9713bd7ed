"""demo, sandbox: the product without an account."""

import json
import os
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from deployer.errors import UsageError


class Plan(Enum):
    """The kinds of account that the sandbox plays."""

    FREE_2025 = "free-2025"
    FREE = "free"
    PAID = "paid"


def demo() -> None:
    """Tell the whole story on an embedded sandbox and end by itself, in under a minute."""
    from rich.console import Console

    from deployer.demo import run

    run(Console(soft_wrap=True))


def sandbox(
    *,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            help="Where the account lives; survives a restart. Default: ~/.local/share/deployer/sandbox.",
            show_default=False,
        ),
    ] = None,
    user: Annotated[str, typer.Option("--user", help="Name of the account.")] = "alice",
    token: Annotated[
        str | None,
        typer.Option(
            "--token", help="Its API token. Default: made once and kept in --data.", show_default=False
        ),
    ] = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any free one.")] = 8000,
    https_port: Annotated[
        int, typer.Option("--https-port", min=0, max=65535, help="The same by HTTPS. 0: any free one.")
    ] = 0,
    plain_is_http: Annotated[
        bool,
        typer.Option(
            "--plain-is-http",
            help="Visitors of sites at --port come by HTTP. Otherwise they count as HTTPS.",
        ),
    ] = False,
    plan: Annotated[Plan, typer.Option("--plan", help="The account's limits.")] = Plan.FREE_2025,
    switch: Annotated[
        list[str] | None,
        typer.Option(
            "--switch",
            metavar="NAME=VALUE",
            help="Play an open question of the platform the other way; may be repeated.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Run a local PythonAnywhere: the API, real web apps, the real limits. Only on 127.0.0.1."""
    from deployer.sandbox import SandboxOptions, Switches
    from deployer.sandbox.server import DataFolderInUseError, serve

    try:
        switches = Switches().changed(dict(_answer(text) for text in switch or []))
        serve(
            SandboxOptions(
                data=data or _usual_folder(),
                user=user,
                token=token,
                port=port,
                https_port=https_port,
                plain_is_http=plain_is_http,
                plan=plan.value,
                switches=switches,
            )
        )
    except (ValueError, OSError, DataFolderInUseError) as error:
        raise UsageError(f"the sandbox cannot be started: {error}") from error


def _usual_folder() -> Path:
    """Not the current one: that may be a repository, whose next commit would hold the account."""
    home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(home).expanduser() / "deployer" / "sandbox"


def _answer(text: str) -> tuple[str, Any]:
    """NAME=VALUE, where the value is JSON or, as most are, a bare word."""
    name, sign, value = text.partition("=")
    if not sign:
        raise UsageError(f"--switch {text}: NAME=VALUE is wanted, like tree_depth=two-levels")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
