"""Opens the rooms that a command works in, from its options, the environment and the files."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deployer import events
from deployer.cli.progress import ProgressBar
from deployer.cli.stopping import stop_signal
from deployer.config import CommandLine, Context, Described, describe, effective, is_url
from deployer.deployment.rooms import Rooms, Workplace, open_rooms, site_of
from deployer.deployment.site_work import Reporter, Silent
from deployer.errors import UsageError
from deployer.git import Repository
from deployer.model.site import Site


@contextmanager
def workplace(
    *,
    repo: Path | None,
    config: Path | None,
    site: str | None,
    rev: str | None,
    as_json: bool,
    verbose: bool,
    narrates: bool = False,
) -> Iterator[Workplace]:
    """Open everything for one site at one commit, and close it again; parameters as `rooms` has them."""
    with rooms(
        repo=repo, config=config, site=site, rev=rev, as_json=as_json, verbose=verbose, narrates=narrates
    ) as opened:
        yield opened.place()


@contextmanager
def rooms(
    *,
    repo: Path | None,
    config: Path | None,
    site: str | None,
    rev: str | None,
    as_json: bool,
    verbose: bool,
    narrates: bool = False,
) -> Iterator[Rooms]:
    """Open an account, a repository at one commit and the state folder, and close them again.

    With `narrates` the command's events are its output: as JSON lines on stdout with --json, in a
    pipe on stderr. Otherwise only warnings are shown.
    """
    context = context_for(repo=repo, config=config, site=site)
    configure_events(as_json=as_json, verbose=verbose, narrates=narrates)
    reporter = _reporter(per_minute=context.account.requests_per_minute.value, quiet=as_json or verbose)
    with (
        stop_signal() as stop,
        open_rooms(context, path=_local(context), rev=rev, reporter=reporter, stop=stop) as opened,
    ):
        yield opened


def site_domain(*, repo: Path | None, config: Path | None, site: str | None) -> str:
    """The domain of a site at its branch; asks git, not the network."""
    return site_here(context_for(repo=repo, config=config, site=site)).domain


def site_here(context: Context) -> Site:
    """The site that the branch describes; asks git, not the network."""
    with Repository(_local(context)) as repository:
        return site_of(context, repository, repository.resolve(context.branch.value or "HEAD"))


def described(*, repo: Path | None, config: Path | None, site: str | None) -> tuple[Described, ...]:
    """What `deployer config` prints."""
    return describe(context_for(repo=repo, config=config, site=site))


def context_for(*, repo: Path | None, config: Path | None, site: str | None) -> Context:
    """What is in force for a command run here."""
    given = CommandLine(config=config, site=site, repo=str(repo) if repo else None)
    return effective(given, os.environ, Path.cwd())


def _local(context: Context) -> Path:
    if is_url(context.repo.value):
        raise UsageError(
            f"the repository {context.repo.value} is not on this machine ({context.repo.origin})",
            hint="Clone it and name the clone with --repo PATH.",
        )
    return Path(context.repo.value)


def configure_events(*, as_json: bool, verbose: bool, narrates: bool = False) -> None:
    if as_json and narrates:
        events.configure(level="debug" if verbose else "info", as_json=True, stream=sys.stdout)
    elif verbose:
        events.configure(level="debug")
    else:
        # On a terminal the command's own words tell the story; warnings are part of neither.
        terminal = sys.stderr.isatty()
        events.configure(level="silent" if terminal else "info" if narrates else "warning")


def _reporter(*, per_minute: int, quiet: bool) -> Reporter:
    """A bar on a terminal, nothing in a pipe."""
    from rich.console import Console

    console = Console(stderr=True)
    return ProgressBar(console, per_minute=per_minute) if console.is_terminal and not quiet else Silent()
