"""init, adopt, config, doctor: getting ready, and finding out why it does not work."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deployer.cli.options import Config, Json, Repo, Rev, SiteName, Verbose
from deployer.cli.output import say
from deployer.errors import ExitStatus, UsageError

if TYPE_CHECKING:
    from deployer.deployment.rooms import Rooms


def init(
    *,
    repo: Repo = None,
    target: Annotated[
        str, typer.Option("--target", help="Where the files shall go on the server.")
    ] = "~/mysite",
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
) -> None:
    """Look at the repository and write a commented pythonanywhere.toml, with a WSGI file for it."""
    from deployer.git import Repository
    from deployer.scaffold import WSGI_FILE, config_text, recognise, wsgi_text

    with Repository(repo or Path.cwd()) as repository:
        root = repository.root
        paths = repository.tracked_and_new()
    project = recognise(paths, lambda path: (root / path).read_text(encoding="utf-8", errors="replace"))
    version = f"3.{min(sys.version_info.minor, 13)}"
    texts = {"pythonanywhere.toml": config_text(project, target, python=version)}
    if (wsgi := wsgi_text(project, target)) is not None:
        texts[WSGI_FILE] = wsgi
    there = [name for name in texts if (root / name).exists()]
    if there and not force:
        raise UsageError(
            f"{', '.join(there)} is there already in {root}",
            left="Nothing was written.",
            hint="Edit it, or let `deployer init --force` replace it.",
        )
    for name, text in texts.items():
        (root / name).write_text(text, encoding="utf-8")
    found = f" (found in {project.found_in})" if project.found_in else ""
    say(f"This looks like: {project.kind}{found}. Written: {', '.join(texts)}.")
    if project.kind == "unknown":
        say("No application was recognised: name the file that defines `application` as app.wsgi.")
    say(f"Next: read them, then `git add {' '.join(texts)} && git commit`, then `deployer plan`.")


def adopt(
    rev: Rev = None,
    *,
    repo: Repo = None,
    config: Config = None,
    site: SiteName = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Take over a site that exists already: compare, record, upload nothing that is right.

    Without a pythonanywhere.toml in the commit, one is written from the live site first.
    """
    from deployer.cli.workplace import rooms
    from deployer.deployment.adopt import adopt as take_over

    with rooms(repo=repo, config=config, site=site, rev=rev, as_json=as_json, verbose=verbose) as opened:
        if opened.repository.read(opened.commit, opened.context.manifest.value) is None:
            say(_write_configuration(opened))
            return
        found = take_over(opened.place().work, opened.commit)
    if as_json:
        say(json.dumps(asdict(found), ensure_ascii=False))
        return
    for path in found.different:
        say(f"  different: {path}")
    for path in found.missing:
        say(f"  missing: {path}")
    for words in found.settings:
        say(f"  {words}")
    say(
        f"adopted: {found.same} files are as the commit has them, {len(found.different)} differ, "
        f"{len(found.missing)} are missing. `deployer plan` shows what the next `deployer sync` would do."
    )


def _write_configuration(opened: "Rooms") -> str:
    from deployer.config import default_domain
    from deployer.deployment.adopt import live_site
    from deployer.scaffold import adopted_text

    account = opened.context.account
    domain = default_domain(account.username.value, account.host.value)
    overrides = opened.context.overrides
    if overrides is not None and overrides.app.domain:
        domain = overrides.app.domain
    text = adopted_text(live_site(opened.api, domain))
    path = opened.repository.root / opened.context.manifest.value
    if path.exists():
        raise UsageError(f"{path} is there, but not committed", hint="Commit it, then run this again.")
    path.write_text(text, encoding="utf-8")
    return f"Written from the live site: {path.name}. Read it, commit it, then run `deployer adopt` again."


def config(*, repo: Repo = None, config: Config = None, site: SiteName = None, as_json: Json = False) -> None:
    """Print the effective configuration, each value with its origin, secrets masked."""
    from deployer.cli.workplace import described

    lines = described(repo=repo, config=config, site=site)
    if as_json:
        shown = [{"key": line.key, "value": line.value, "origin": line.origin} for line in lines]
        say(json.dumps(shown, ensure_ascii=False))
        return
    width = max(len(f"{line.key} = {line.value}") for line in lines)
    for line in lines:
        say(f"{f'{line.key} = {line.value}':<{width}}  # {line.origin}")


def doctor(*, repo: Repo = None, config: Config = None, site: SiteName = None, as_json: Json = False) -> None:
    """Check this machine, the account and the site; say what is wrong and what to type."""
    from deployer.cli.checkup import checkup

    findings = list(checkup(repo=repo, config=config, site=site))
    for finding in findings:
        if as_json:
            say(json.dumps(finding.as_json(), ensure_ascii=False))
        else:
            say(str(finding))
    worst = max((finding.exit_status for finding in findings), default=ExitStatus.OK)
    if worst:
        raise typer.Exit(worst)
