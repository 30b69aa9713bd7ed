"""demo, sandbox: the product without an account."""

from pathlib import Path
from typing import Annotated

import typer

from deployer.errors import UsageError


def demo() -> None:
    """Tell the whole story on an embedded sandbox and end by itself, in under a minute."""
    from rich.console import Console

    from deployer.demo import run

    run(Console(soft_wrap=True))


def sandbox(
    *,
    data: Annotated[Path, typer.Option("--data", help="Where the account lives; survives a restart.")] = Path(
        "sandbox"
    ),
    user: Annotated[str, typer.Option("--user", help="Name of the account.")] = "alice",
    token: Annotated[
        str | None,
        typer.Option(
            "--token", help="Its API token. Default: made once and kept in --data.", show_default=False
        ),
    ] = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any free one.")] = 8000,
    plan: Annotated[
        str, typer.Option("--plan", help="free, free-2025 or paid: the account's limits.")
    ] = "free-2025",
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
    from deployer.sandbox import SandboxOptions, Switches, serve

    try:
        switches = Switches.parse(dict(_pair(text) for text in switch or []))
        options = SandboxOptions(data=data, user=user, token=token, port=port, plan=plan, switches=switches)
    except ValueError as error:
        raise UsageError(str(error)) from error
    serve(options)


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise UsageError(f"--switch {text}: NAME=VALUE is wanted")
    return name, value
