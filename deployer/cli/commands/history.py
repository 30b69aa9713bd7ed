"""status, history, show: what was, and what is live."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from deployer.cli.options import Config, Json, Repo, SiteName, Verbose
from deployer.cli.output import say
from deployer.model.deployment import Deployment

Most = Annotated[int, typer.Option("--limit", "-n", min=1, help="How many deployments at the most.")]


def status(
    *,
    repo: Repo = None,
    config: Config = None,
    site: SiteName = None,
    via_daemon: Annotated[
        bool,
        typer.Option("--via-daemon", help="What the daemon knows of its sites; asks nobody else."),
    ] = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Say what is live, since when, what is waiting, what ends when, and what the account has left."""
    if via_daemon:
        from deployer.cli.commands.daemon import status_via_daemon

        status_via_daemon(config=config, site=site, as_json=as_json)
        return
    from deployer.cli.overview_text import overview_json, overview_lines
    from deployer.cli.render import deployment_line
    from deployer.cli.workplace import workplace
    from deployer.deployment.overview import overview

    with workplace(repo=repo, config=config, site=site, rev=None, as_json=as_json, verbose=verbose) as place:
        seen = overview(place.work)
        last = place.work.state.deployments(place.work.site.domain, most=3, unchanged=False)
        ahead = place.commit.id if seen.live is None or seen.live.commit != place.commit.id else None
    if as_json:
        shown = overview_json(seen) | {
            "domain": place.work.site.domain,
            "url": place.work.site_url,
            "branch_at": place.commit.id,
            "deployments": [_as_json(item) for item in last],
        }
        say(json.dumps(shown, default=str, ensure_ascii=False))
        return
    newest = f"{place.commit.short} {place.commit.subject}{'' if ahead else ' (live)'}"
    say(f"site      {place.public_url}")
    say("\n".join(overview_lines(seen, newest=newest)))
    for deployment in last:
        say(f"last      {deployment_line(deployment)}")


def history(
    *,
    repo: Repo = None,
    config: Config = None,
    site: SiteName = None,
    limit: Most = 20,
    every: Annotated[bool, typer.Option("--all", help="Also the runs that had nothing to do.")] = False,
    as_json: Json = False,
) -> None:
    """List this machine's deployments, the newest first; with --site or --repo those of one site."""
    from deployer.cli.memory import open_state
    from deployer.cli.render import deployment_line

    domain = _domain(repo=repo, config=config, site=site) if site or repo else None
    with open_state(config=config) as state:
        found = state.deployments(domain, most=limit, unchanged=every)
    for deployment in found:
        if as_json:
            say(json.dumps(_as_json(deployment), default=str, ensure_ascii=False))
        else:
            say(deployment_line(deployment))
    if not found and not as_json:
        say("No deployment from this machine yet: `deployer sync` makes the first one.")


def show(
    deployment_id: Annotated[
        str, typer.Argument(metavar="ID", help="From `deployer history`; its beginning will do.")
    ],
    *,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Show one deployment with its actions, timings and log."""
    from deployer.cli.memory import open_state
    from deployer.cli.render import deployment_line, event_line

    with open_state(config=config) as state:
        deployment = state.deployment(deployment_id)
        steps, events = state.steps(deployment.id), state.events(deployment.id)
        plan = state.planned(deployment.id)
    if as_json:
        shown = _as_json(deployment) | {
            "plan": plan,
            "actions": [asdict(step) for step in steps],
            "log": events,
        }
        say(json.dumps(shown, default=str, ensure_ascii=False))
        return
    say(deployment_line(deployment))
    say(f"domain    {deployment.domain}")
    say(f"author    {deployment.author}")
    say(f"commit    {deployment.commit}, after {deployment.base or 'nothing'}")
    if deployment.detail:
        say(f"result    {deployment.detail}")
    say(f"actions   {len(steps)} of {len(plan['actions']) if plan else 0} planned were confirmed")
    for step in steps:
        say(f"  {step.number:>4}  {step.seconds:7.3f} s  {step.action}  {step.subject}  ({step.reason})")
    say("log")
    for event in events:
        say(f"  {event_line(event)}")


def _as_json(deployment: Deployment) -> dict[str, Any]:
    return {**asdict(deployment), "seconds": deployment.seconds}


def _domain(*, repo: Path | None, config: Path | None, site: str | None) -> str:
    from deployer.cli.workplace import site_domain

    return site_domain(repo=repo, config=config, site=site)
