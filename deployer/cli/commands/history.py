"""status, history, show: what was, and what is live."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from deployer.cli.options import Config, Json, Repo, SiteName, Verbose
from deployer.model.deployment import Deployment

Most = Annotated[int, typer.Option("--limit", "-n", min=1, help="How many deployments at the most.")]


def status(
    *,
    repo: Repo = None,
    config: Config = None,
    site: SiteName = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Say what is live, since when, what is waiting, and what the account has left."""
    from deployer.cli.render import deployment_line, duration
    from deployer.cli.workplace import workplace
    from deployer.deployment.overview import overview

    with workplace(repo=repo, config=config, site=site, rev=None, as_json=as_json, verbose=verbose) as place:
        seen = overview(place.work)
        last = place.work.state.deployments(place.work.site.domain, most=3)
        ahead = place.commit.id if seen.live is None or seen.live.commit != place.commit.id else None
    if as_json:
        shown = asdict(seen) | {
            "branch_at": place.commit.id,
            "deployments": [_as_json(item) for item in last],
        }
        typer.echo(json.dumps(shown, default=str))
        return
    typer.echo(f"site      {place.public_url}")
    if seen.live is None:
        typer.echo("live      nothing that deployer knows of")
    else:
        since = f"{seen.live.since:%Y-%m-%d %H:%M:%S} UTC"
        typer.echo(f"live      {seen.live.commit[:10]} since {since} (deployment {seen.live.deployment})")
    typer.echo(f"newest    {place.commit.short} {place.commit.subject}{'' if ahead else ' (live)'}")
    if seen.pending:
        typer.echo(f"running   {seen.pending}")
    typer.echo(f"drift     {seen.drift}")
    typer.echo(f"web app   {seen.webapp}")
    for task in seen.tasks:
        typer.echo(f"task      {task}")
    typer.echo(f"cpu       {seen.cpu}")
    if seen.window_s:
        typer.echo(f"limit     the next request has to wait {duration(seen.window_s)}")
    for deployment in last:
        typer.echo(f"last      {deployment_line(deployment)}")


def history(
    *,
    repo: Repo = None,
    config: Config = None,
    site: SiteName = None,
    limit: Most = 20,
    as_json: Json = False,
) -> None:
    """List this machine's deployments, the newest first; with --site or --repo those of one site."""
    from deployer.cli.memory import open_state
    from deployer.cli.render import deployment_line

    domain = _domain(repo=repo, config=config, site=site) if site or repo else None
    with open_state(config=config) as state:
        found = state.deployments(domain, most=limit)
    for deployment in found:
        if as_json:
            typer.echo(json.dumps(_as_json(deployment), default=str, ensure_ascii=False))
        else:
            typer.echo(deployment_line(deployment))
    if not found and not as_json:
        typer.echo("No deployment from this machine yet: `deployer sync` makes the first one.")


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
        typer.echo(json.dumps(shown, default=str, ensure_ascii=False))
        return
    typer.echo(deployment_line(deployment))
    typer.echo(f"domain    {deployment.domain}")
    typer.echo(f"author    {deployment.author}")
    typer.echo(f"commit    {deployment.commit}, after {deployment.base or 'nothing'}")
    if deployment.detail:
        typer.echo(f"result    {deployment.detail}")
    typer.echo(f"actions   {len(steps)} of {len(plan['actions']) if plan else 0} planned were confirmed")
    for step in steps:
        typer.echo(
            f"  {step.number:>4}  {step.seconds:7.3f} s  {step.action}  {step.subject}  ({step.reason})"
        )
    typer.echo("log")
    for event in events:
        typer.echo(f"  {event_line(event)}")


def _as_json(deployment: Deployment) -> dict[str, Any]:
    return {**asdict(deployment), "seconds": deployment.seconds}


def _domain(*, repo: Path | None, config: Path | None, site: str | None) -> str:
    from deployer.cli.workplace import site_domain

    return site_domain(repo=repo, config=config, site=site)
