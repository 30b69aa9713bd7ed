"""The commands, in the order in which a user meets them."""

from typing import Annotated

import typer

from deployer import __version__
from deployer.cli.commands import (
    daemon,
    deploy,
    execute,
    history,
    push,
    releases,
    service,
    setup,
    site_logs,
    trial,
)

app = typer.Typer(
    name="deployer",
    help="Turns git commits into live PythonAnywhere sites, whole and checked, under the platform's limit.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"deployer {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print it and end.")
    ] = False,
) -> None:
    pass


app.command("demo")(trial.demo)
app.command("sandbox")(trial.sandbox)
app.command("init")(setup.init)
app.command("adopt")(setup.adopt)
app.command("doctor")(setup.doctor)
app.command("config")(setup.config)
app.command("plan")(deploy.plan)
app.command("sync")(deploy.sync)
app.command("rollback")(deploy.rollback)
app.command("releases")(releases.releases)
app.command("unlock")(deploy.unlock)
app.command("verify")(deploy.verify)
app.command("status")(history.status)
app.command("history")(history.history)
app.command("show")(history.show)
app.command("run")(daemon.run)
app.command("logs")(site_logs.logs)
app.command("exec", context_settings={"allow_interspersed_args": False})(execute.execute)
app.command("cancel")(daemon.cancel)
app.command("freeze")(daemon.freeze)
app.command("thaw")(daemon.thaw)
app.command("reload")(daemon.reload)
app.command("push-target")(push.push_target)
app.command("hook", hidden=True)(push.hook)
app.add_typer(service.app, name="service")
