"""service install, uninstall, status: the daemon as a systemd unit."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deployer.cli.options import Config
from deployer.cli.output import say
from deployer.errors import DeployerError, Refused, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deployer.cli.installing import Prepared
    from deployer.cli.unit_files import Manager
    from deployer.service import Installation

app = typer.Typer(
    help="Install, remove and look at the daemon as a systemd service.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

User = Annotated[bool, typer.Option("--user", help="Your own systemd (systemctl --user), not the machine's.")]
Instance = Annotated[
    str | None,
    typer.Option(
        "--name", metavar="NAME", help="One of several instances: deployer-NAME.service.", show_default=False
    ),
]
Root = Annotated[
    Path | None,
    typer.Option(
        "--root",
        metavar="DIR",
        help="Work on the units below DIR, as for an image, and run no systemctl.",
        show_default=False,
    ),
]


@app.command()
def install(
    *,
    user: User = False,
    config: Config = None,
    name: Instance = None,
    run_as: Annotated[
        str | None,
        typer.Option(
            "--run-as",
            metavar="USER",
            help="The user it runs as. Default: one that exists only while it runs.",
            show_default=False,
        ),
    ] = None,
    root: Root = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace units that deployer did not write.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the units, write nothing.")] = False,
) -> None:
    """Write the units that run this installation of deployer as a daemon, and start them."""
    from deployer.cli.installing import prepare
    from deployer.cli.unit_files import Manager, foreign, rivals, unit_folder
    from deployer.service import units

    if user and run_as:
        raise UsageError("--run-as names a user of the machine's systemd; with --user it is always you")
    manager = Manager(user)
    prepared = prepare(
        config=config, name=name, own_manager=user, run_as=run_as, systemd=0 if root else manager.version()
    )
    folder = unit_folder(own_manager=user, root=root)
    texts = units(prepared.installation)
    if dry_run:
        for unit, text in texts.items():
            say(f"=== {folder / unit}\n{text}")
    obstacles = [*prepared.obstacles, *rivals(folder, texts)]
    for words in (*prepared.notes, *(obstacles if dry_run or root else ())):
        say(f"note: {words}")
    if dry_run:
        return
    if obstacles and not root:
        raise Refused(obstacles, hint="`--dry-run` shows the units.")
    if (others := foreign(folder, texts)) and not force:
        raise UsageError(
            f"{', '.join(map(str, others))}: not written by deployer",
            left="Nothing was written.",
            hint="Move it away, or let --force replace it.",
        )
    _write(folder, texts, manager, prepared, root)


def _write(
    folder: Path, texts: "Mapping[str, str]", manager: "Manager", prepared: "Prepared", root: Path | None
) -> None:
    from deployer.cli.unit_files import there, write

    installation = prepared.installation
    before = {unit: there(folder, unit) for unit in texts}
    changed = [unit for unit, text in texts.items() if before[unit] != text]
    for unit, text in texts.items():
        try:
            if unit in changed:
                write(folder, unit, text)
        except OSError as error:
            raise UsageError(
                f"{folder / unit} cannot be written: {error.strerror}",
                hint="The machine's units need root: sudo, or --user for a service of your own.",
            ) from error
        say(f"{'wrote' if unit in changed else 'as it was:'} {folder / unit}")
    if root is not None:
        enable = "systemctl --user enable" if manager.own_manager else f"systemctl --root={root} enable"
        say(f"Next: {enable} {' '.join(installation.units)}")
        return
    ran = [manager.tell("daemon-reload")]
    replaced = [unit for unit in changed if before[unit] is not None]
    if any(unit in replaced for unit in installation.sockets):
        # A socket cannot be replaced below a service that runs.
        ran.append(manager.tell("stop", *installation.units))
    ran.append(manager.tell("enable", "--now", *installation.sockets, installation.service))
    if replaced == [installation.service]:
        ran.append(manager.tell("restart", installation.service))
    for words in ran:
        say(f"ran {words}")
    suffix = " --user" if manager.own_manager else ""
    say(f"{installation.service} runs. Its log: journalctl{suffix} --unit {installation.service}")
    if manager.own_manager:
        say("It ends when you log out, unless: loginctl enable-linger")


@app.command()
def uninstall(*, user: User = False, name: Instance = None, root: Root = None) -> None:
    """Stop the service and remove the units that `install` wrote; configuration and state stay."""
    from deployer.cli.installing import unit_name
    from deployer.cli.unit_files import Manager, there, unit_folder
    from deployer.service import Installation, is_ours

    manager = Manager(user)
    folder = unit_folder(own_manager=user, root=root)
    installation = Installation(name=unit_name(name), credentials={})
    found = {unit: text for unit in installation.units if (text := there(folder, unit)) is not None}
    ours = [unit for unit, text in found.items() if is_ours(text)]
    if not ours:
        raise UsageError(
            f"{folder} has no {installation.service} that `deployer service install` wrote",
            left="Nothing was removed.",
        )
    if root is None:
        say(f"ran {manager.tell('disable', '--now', *ours)}")
    for unit in ours:
        (folder / unit).unlink()
        say(f"removed {folder / unit}")
    if root is None:
        say(f"ran {manager.tell('daemon-reload')}")
    for words in _kept(folder, installation, found):
        say(f"kept {words}")


def _kept(folder: Path, installation: "Installation", found: "Mapping[str, str]") -> "Iterator[str]":
    """What `uninstall` leaves behind; `found` are the units that were there."""
    from deployer.service import about, is_ours

    for unit, text in found.items():
        if not is_ours(text):
            yield f"{folder / unit}: not written by deployer"
    for unit in installation.units:
        if (drop_ins := folder / f"{unit}.d").exists():
            yield f"{drop_ins}: your changes"
    made_from = about(found.get(installation.service, ""))
    for key, words in (("State", "its state"), ("Config", "its configuration")):
        if key in made_from:
            yield f"{made_from[key]}: {words}"


@app.command()
def status(*, user: User = False, name: Instance = None) -> None:
    """Say how the units are, and what the daemon says of its sites. Starts nothing."""
    from deployer.cli.installing import unit_name
    from deployer.cli.unit_files import Manager, there, unit_folder
    from deployer.control_client import ask
    from deployer.service import Installation, about

    manager = Manager(user)
    folder = unit_folder(own_manager=user, root=None)
    installation = Installation(name=unit_name(name), credentials={})
    text = there(folder, installation.service)
    if text is None:
        raise UsageError(
            f"{folder / installation.service} is not there", hint="`deployer service install` writes it."
        )
    for unit in installation.units:
        say(f"{unit:<28} {_state_of(manager, unit)}")
    service = manager.properties(
        installation.service, "ActiveState", "StatusText", "MainPID", "NRestarts", "Result"
    )
    if service["StatusText"]:
        say(f"says      {service['StatusText']}")
    if service["Result"] not in ("success", ""):
        say(f"ended     {service['Result']}")
    if service["NRestarts"] not in ("0", ""):
        say(f"restarted {service['NRestarts']} times by systemd")
    made_from = about(text)
    for key, value in made_from.items():
        say(f"{key.lower():<9} {value}")
    # Asking would start a service that is stopped.
    if service["ActiveState"] != "active":
        say("sites     not known: the service does not run")
        return
    try:
        answer = ask(Path(made_from["Control"]), {"do": "status"})
    except DeployerError as error:
        say(f"sites     not known: {error.message}")
        return
    for site in answer["sites"]:
        live = site["live"]
        say(
            f"site      {site['name']}: "
            + (f"{live['commit'][:10]} since {live['since']}" if live else "nothing live yet")
            + (f", deploying {site['running']['commit'][:10]}" if site["running"] else "")
            + (f", {len(site['waiting'])} waiting" if site["waiting"] else "")
            + (f"; {site['problem']}" if site["problem"] else "")
        )


def _state_of(manager: "Manager", unit: str) -> str:
    found = manager.properties(unit, "LoadState", "ActiveState", "SubState", "UnitFileState")
    if found["LoadState"] != "loaded":
        return found["LoadState"] or "unknown"
    return f"{found['ActiveState']} ({found['SubState']}), {found['UnitFileState']}"
