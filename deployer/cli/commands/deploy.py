"""plan, sync, rollback, unlock, verify: what is to be done, doing it, undoing it, and proving it."""

import json
from typing import Annotated

import typer

from deployer.cli.options import (
    AllowEmpty,
    Config,
    Force,
    Json,
    MaxDeletes,
    Overwrite,
    Repo,
    Rev,
    SiteName,
    Verbose,
    overrides,
)
from deployer.cli.output import say
from deployer.errors import ExitStatus, Refused, UsageError


def plan(
    rev: Rev = None,
    *,
    repo: Repo = None,
    config: Config = None,
    site: SiteName = None,
    allow_empty: AllowEmpty = False,
    overwrite: Overwrite = False,
    force: Force = False,
    max_delete: MaxDeletes = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with 10 when there are changes.")
    ] = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Print what `sync` would do, why, and what it costs. Changes nothing."""
    from deployer.cli.render import plan_lines
    from deployer.cli.workplace import workplace
    from deployer.deployment.deploy import preview

    wishes = overrides(allow_empty=allow_empty, overwrite=overwrite, force=force, max_delete=max_delete)
    with workplace(repo=repo, config=config, site=site, rev=rev, as_json=as_json, verbose=verbose) as place:
        seen = preview(place.work, place.commit, wishes)
        made = seen.plan
        if as_json:
            say(json.dumps(made.as_json(per_minute=place.work.requests_per_minute), ensure_ascii=False))
        else:
            home, per_minute = place.work.site.home, place.work.requests_per_minute
            say("\n".join(plan_lines(made, place.commit, home=home, per_minute=per_minute)))
            if place.note and rev is None:
                say(place.note)
            if seen.busy:
                say(f"note: {seen.busy}")
    if made.refusals:
        raise Refused(made.refusals)
    if exit_code and not made.is_noop:
        raise typer.Exit(ExitStatus.CHANGES)


def sync(
    rev: Rev = None,
    *,
    repo: Repo = None,
    config: Config = None,
    site: SiteName = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="The same as `plan`.")] = False,
    allow_empty: AllowEmpty = False,
    overwrite: Overwrite = False,
    force: Force = False,
    max_delete: MaxDeletes = None,
    via_daemon: Annotated[
        bool,
        typer.Option("--via-daemon", help="Let the daemon deploy the site's branch, and watch it."),
    ] = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Deploy one commit now: send what changed, reload, check, record."""
    if via_daemon:
        from deployer.cli.commands.daemon import sync_via_daemon

        if rev or repo or dry_run or allow_empty or overwrite or max_delete:
            raise UsageError(
                "--via-daemon deploys the branch of the site, as deployer.toml has it",
                hint="Only --site, --config, --force and --json go with it.",
            )
        sync_via_daemon(config=config, site=site, force=force, as_json=as_json)
        return
    if dry_run:
        plan(
            rev,
            repo=repo,
            config=config,
            site=site,
            allow_empty=allow_empty,
            overwrite=overwrite,
            force=force,
            max_delete=max_delete,
            as_json=as_json,
            verbose=verbose,
        )
        return
    from deployer.cli.render import outcome_lines
    from deployer.cli.workplace import workplace
    from deployer.deployment.deploy import deploy

    wishes = overrides(allow_empty=allow_empty, overwrite=overwrite, force=force, max_delete=max_delete)
    with workplace(
        repo=repo, config=config, site=site, rev=rev, as_json=as_json, verbose=verbose, narrates=True
    ) as place:
        outcome = deploy(place.work, place.commit, wishes)
        if not as_json:
            made = sum(place.work.api.requests.values())
            say("\n".join(outcome_lines(outcome, place.commit, place.public_url, requests=made)))
            if place.note and rev is None:
                say(place.note)


def rollback(
    to: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID]",
            help="A deployment or release (its beginning will do) or a commit. "
            "Default: what was live before.",
            show_default=False,
        ),
    ] = None,
    *,
    repo: Repo = None,
    config: Config = None,
    site: SiteName = None,
    force: Annotated[bool, typer.Option("--force", help="Also to a release that failed.")] = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Put an earlier commit back; the one left is not deployed again without --force."""
    from deployer.cli.render import outcome_lines
    from deployer.cli.workplace import workplace
    from deployer.deployment.deploy import rollback as put_back

    with workplace(
        repo=repo, config=config, site=site, rev=None, as_json=as_json, verbose=verbose, narrates=True
    ) as place:
        outcome = put_back(place.work, to, force=force)
        if not as_json:
            commit = place.work.repository.resolve(outcome.deployment.commit)
            made = sum(place.work.api.requests.values())
            say("\n".join(outcome_lines(outcome, commit, place.public_url, requests=made)))


def unlock(
    *,
    repo: Repo = None,
    config: Config = None,
    site: SiteName = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Break the claim of another deployer that is dead; what it may have touched is sent again."""
    from deployer.cli.workplace import workplace
    from deployer.deployment.deploy import unlock as break_claim

    with workplace(repo=repo, config=config, site=site, rev=None, as_json=as_json, verbose=verbose) as place:
        broken = break_claim(place.work)
    who = f"{broken.who}, deployment {broken.deployment}" if broken else None
    if as_json:
        say(json.dumps({"broken": who}))
    else:
        say(f"broken: the claim of {who}" if who else "nobody has claimed the site")


def verify(
    *,
    repo: Repo = None,
    config: Config = None,
    site: SiteName = None,
    sample: Annotated[
        int | None,
        typer.Option(
            "--sample", metavar="N", min=1, help="Compare N files chosen by chance.", show_default=False
        ),
    ] = None,
    heal: Annotated[bool, typer.Option("--heal", help="Put right what differs, reload and check.")] = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Compare content by downloading it, and settings by reading them; list every difference."""
    from deployer.cli.render import count
    from deployer.cli.workplace import workplace
    from deployer.deployment.verify import heal as send_again
    from deployer.deployment.verify import verify as compare

    with workplace(repo=repo, config=config, site=site, rev=None, as_json=as_json, verbose=verbose) as place:
        found = compare(place.work, sample=sample)
        if as_json:
            say(json.dumps(found.as_json(), ensure_ascii=False))
        else:
            for difference in found.differences:
                say(f"  {difference.fault}: {difference.subject}")
            kept = f", {count(found.kept, 'kept file')} left out" if found.kept else ""
            verdict = count(len(found.differences), "difference") if found.differences else "no difference"
            of = f" of {found.of}" if found.compared < found.of else ""
            say(f"{found.compared}{of} files and the settings compared{kept}: {verdict}")
        if found.differences and heal:
            outcome = send_again(place.work, found)
            if not as_json:
                say(f"healed by deployment {outcome.deployment.id}")
        elif found.differences:
            if not as_json:
                say("`deployer verify --heal` puts that right.")
            raise typer.Exit(ExitStatus.NEEDS_PERSON)
