"""run, and what is said to a daemon that runs: cancel, freeze, thaw, reload; following a deployment."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployer.cli.options import Config, SiteName, Verbose
from deployer.cli.output import say
from deployer.errors import ExitStatus, UsageError

if TYPE_CHECKING:
    from deployer.control_client import Conversation

Every = Annotated[bool, typer.Option("--all", help="All sites of the daemon, in place of one.")]


def run(*, config: Config = None, verbose: Verbose = False) -> None:
    """Run the daemon: deploy what is pushed for any site of deployer.toml, until it is stopped."""
    from deployer.cli.running import run as run_daemon

    run_daemon(config, verbose=verbose)


def cancel(*, config: Config = None, site: SiteName = None) -> None:
    """Stop the daemon's deployment of a site after the request in flight, and drop what waits. The next push
    goes on from there.
    """
    name = _site(config, site)
    answer = _ask(config, {"do": "cancel", "site": name})
    say(f"{name}: cancelled" if answer["cancelled"] else f"{name}: nothing was running or waiting")


def freeze(
    *,
    message: Annotated[
        str,
        typer.Option("--message", "-m", metavar="TEXT", help="Why; everybody who looks or pushes sees it."),
    ],
    config: Config = None,
    site: SiteName = None,
    every: Every = False,
) -> None:
    """Let the daemon's deployments wait until `thaw`. What is pushed meanwhile is kept; what is under way
    goes on.
    """
    name = None if every else _site(config, site)
    _ask(config, {"do": "freeze", "site": name, "message": message})
    say(f"{name or 'all sites'}: frozen, deployments wait until `deployer thaw`")


def thaw(*, config: Config = None, site: SiteName = None, every: Every = False) -> None:
    """End a freeze: the daemon deploys what has waited."""
    name = None if every else _site(config, site)
    _ask(config, {"do": "thaw", "site": name})
    if still := _frozen(config, name):
        say(f"{name}: still frozen with all the others, {still}")
        say("Next: `deployer thaw --all`")
    else:
        say(f"{name or 'all sites'}: thawed")


def reload(*, config: Config = None) -> None:
    """Let the daemon read deployer.toml again. A bad one changes nothing, and the daemon's log says why."""
    _ask(config, {"do": "reload"})
    say("asked the daemon to read its configuration again")


def follow_deployment(deployment: str, *, config: Path | None, as_json: bool) -> None:
    """`deployer logs --deployment`: what it has done so far, and up to its end."""
    from deployer.control_client import conversation

    with conversation(_socket(config), {"do": "follow", "deployment": deployment}) as talk:
        _show(talk, as_json=as_json)


def sync_via_daemon(*, config: Path | None, site: str | None, force: bool, as_json: bool) -> None:
    """`deployer sync --via-daemon`: order it, and follow it."""
    from deployer.control_client import conversation

    request = {"do": "deploy", "site": _site(config, site), "source": "command", "force": force}
    with conversation(_socket(config), {**request, "follow": True}) as talk:
        _show(talk, as_json=as_json)


def status_via_daemon(*, config: Path | None, site: str | None, as_json: bool) -> None:
    """`deployer status --via-daemon`: every site as the daemon sees it, without asking the platform."""
    import json

    answer = _ask(config, {"do": "status"})
    views = [view for view in answer["sites"] if site in (None, view["name"])]
    if site is not None and not views:
        known = ", ".join(view["name"] for view in answer["sites"])
        raise UsageError(f"the daemon has no site {site}", hint=f"It has {known}.")
    if as_json:
        say(json.dumps(views, ensure_ascii=False))
        return
    for view in views:
        say("\n".join(_status_lines(view)))


def _status_lines(view: dict[str, Any]) -> list[str]:
    live = view["live"]
    domain = view["domain"] or "not read yet"
    shown = [f"site      {view['name']}: {domain}, {view['branch']} of {view['repo']}"]
    if live:
        shown.append(f"live      {live['commit'][:10]} {live['subject']} since {live['since'][:19]}Z")
    else:
        shown.append("live      nothing that deployer knows of")
    if running := view["running"]:
        steps = f" ({running['done']} of {running['steps']})" if running["steps"] else ""
        shown.append(f"running   {running['commit'][:10]} {running['subject']}: {running['phase']}{steps}")
    shown += [
        f"waiting   {order['work']}, asked for by {', '.join(order['sources'])}" for order in view["waiting"]
    ]
    if view["frozen"]:
        shown.append(f"frozen    {view['frozen']}")
    if view["problem"]:
        shown.append(f"problem   {view['problem'].splitlines()[0]}")
    if drift := view["drift"]:
        found = "; ".join(drift["findings"]) or "no difference"
        shown.append(f"drift     {found} (looked at {drift['checked'][:19]}Z)")
    shown += [f"expires   {item['what']} on {item['on']}: {item['what_to_do']}" for item in view["expiry"]]
    return shown


def _frozen(config: Path | None, site: str | None) -> str | None:
    """Why the site's deployments wait; None: they do not, or no site was named."""
    if site is None:
        return None
    views = _ask(config, {"do": "status"})["sites"]
    return next((view["frozen"] for view in views if view["name"] == site), None)


def _ask(config: Path | None, request: dict[str, Any]) -> dict[str, Any]:
    from deployer.control_client import ask

    return dict(ask(_socket(config), request))


def _socket(config: Path | None) -> Path:
    import os

    from deployer.config import control_socket, find_machine, load_machine

    path = find_machine(config, os.environ)
    return control_socket(load_machine(path) if path else None, os.environ).value


def _site(config: Path | None, site: str | None) -> str:
    """The one that was named, or the only one."""
    import os

    from deployer.config import find_machine, load_machine

    if site is not None:
        return site
    path = find_machine(config, os.environ)
    names = sorted(load_machine(path).sites) if path else []
    if len(names) != 1:
        raise UsageError(
            f"which site? There is {', '.join(names) or 'no deployer.toml with one'}", hint="Say --site NAME."
        )
    return names[0]


def _show(talk: "Conversation", *, as_json: bool) -> None:
    """Until it has ended; the exit status is the one that the deployment would have had here."""
    import json

    from deployer.cli.following import follow

    if not as_json:
        say(f"deployment {talk.answer['deployment']}, also at {talk.answer['status_url']}")
        status = int(follow(talk.lines))
    else:
        status = int(ExitStatus.TEMPORARY)
        for line in talk.lines:
            say(json.dumps(line, ensure_ascii=False))
            status = int(line.get("exit_status", status))
    if status:
        raise typer.Exit(status)
