"""exec: a command on the server, with its output and its exit status."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from deployer.cli.options import Config, Json, Repo, SiteName, Verbose, seconds
from deployer.errors import ConfigError, Interrupted, NeedsPerson, UsageError

if TYPE_CHECKING:  # the rooms are heavy, and --help needs none of them
    from deployer.config import Context
    from deployer.model.site import Site
    from deployer.pythonanywhere import PythonAnywhere
    from deployer.remote import Ended

UNREAD = 128 + 13
"""Whoever read the output has gone: as if SIGPIPE had ended the command, which it may have."""


def execute(
    command: Annotated[
        list[str],
        typer.Argument(
            metavar="COMMAND",
            help="What to run, after two dashes, with its arguments as they are: no shell reads them.",
            show_default=False,
        ),
    ],
    *,
    shell: Annotated[
        bool, typer.Option("--shell", help="COMMAND is a line for bash, with its pipes and variables.")
    ] = False,
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="TIME", help="How long it may run; then it is killed.")
    ] = "10m",
    via: Annotated[
        Literal["auto", "console", "task"],
        typer.Option(
            "--via",
            help="By a console that runs, or by a scheduled task of its own within two minutes. "
            "auto: a console, or else a task, or else a console that somebody opens.",
        ),
    ] = "auto",
    console: Annotated[
        int | None,
        typer.Option("--console", metavar="ID", help="This console and no other.", show_default=False),
    ] = None,
    wait: Annotated[
        str,
        typer.Option("--wait", metavar="TIME", help="How long to wait until somebody opens a console."),
    ] = "10m",
    directory: Annotated[
        str | None,
        typer.Option(
            "--directory",
            metavar="DIR",
            help="Where on the server it runs. Default: the site's folder, or the home.",
            show_default=False,
        ),
    ] = None,
    repo: Repo = None,
    config: Config = None,
    site: SiteName = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Run a command on the server, show its output as it comes, and end with its exit status. Ctrl-C ends
    it there, too.
    """
    from deployer.cli.command_output import AsItIs, AsJson
    from deployer.cli.stopping import stop_signal
    from deployer.cli.workplace import configure_events, context_for
    from deployer.deployment.rooms import open_account
    from deployer.deployment.site_work import Silent
    from deployer.deployment.surroundings import runs_root
    from deployer.model.site import LONGEST_RUN
    from deployer.remote import Command, Remote, run

    timeout_s, wait_s = seconds("--timeout", timeout), seconds("--wait", wait)
    if timeout_s > LONGEST_RUN.total_seconds():
        raise UsageError(f"--timeout {timeout}: nothing runs for longer than 12 hours on the platform")
    if console is not None and via == "task":
        raise UsageError("--console is one to type into: not with --via task")
    context = context_for(repo=repo, config=config, site=site)
    configure_events(as_json=as_json, verbose=verbose)
    described = _described(context, must=repo is not None or context.site is not None)
    home = f"/home/{context.account.username.value}"
    listener = AsJson() if as_json else AsItIs()
    with stop_signal() as stop, open_account(context, reporter=Silent(), stop=stop) as api:
        remote = Remote(
            api=api,
            root=runs_root(described) if described else f"{home}/.deployer/exec/run",
            listener=listener,
            pause=stop.pause,
            via=via,
            console=console,
            wait_s=wait_s,
            domain=described.domain if described else None,
        )
        try:
            place = _place(api, described, context.account.username.value, directory)
            arguments = _arguments(command, shell=shell)
            ended = run(remote, Command(arguments=arguments, timeout_s=timeout_s, **place))
        except Interrupted as error:
            error.hint = ""
            raise
        except BrokenPipeError:
            raise typer.Exit(UNREAD) from None
    _check_end(ended, timeout)
    listener.ended(ended)
    raise typer.Exit(ended.exit_status)


def _described(context: "Context", *, must: bool) -> "Site | None":
    """The site of the repository here, so that its virtualenv and folder are known; an account has consoles
    without one as well.
    """
    from deployer.cli.workplace import site_here

    try:
        return site_here(context)
    except ConfigError:
        raise
    except UsageError:
        if must:
            raise
        return None


def _place(
    api: "PythonAnywhere", site: "Site | None", username: str, directory: str | None
) -> dict[str, Any]:
    from deployer.config import on_server
    from deployer.deployment.surroundings import surroundings

    place = {"directory": f"/home/{username}"} if site is None else surroundings(api, site)
    if directory is not None:
        below = "" if directory.startswith(("~", "/")) else f"{place['directory']}/"
        place["directory"] = on_server(below + directory, username)
    return place


def _arguments(command: list[str], *, shell: bool) -> tuple[str, ...]:
    """As ssh has it, several words for a shell are one line."""
    from deployer.remote.command import SHELL

    return (SHELL, "-c", " ".join(command)) if shell else tuple(command)


def _check_end(ended: "Ended", timeout: str) -> None:
    """Raises NeedsPerson where the command did not end by itself: no exit status of its own tells of that."""
    if ended.by == "timeout":
        raise NeedsPerson(
            f"the command was killed on the server: it took longer than {timeout}",
            hint="--timeout lets it take longer.",
        )
    if ended.by in ("cancel", "signal"):
        raise NeedsPerson(
            "the command was ended on the server: by Ctrl-C in its console, or with the console"
        )
