"""Opens the rooms that a command works in, from its options, the environment and the files."""

import getpass
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from deployer import events
from deployer.cli.progress import ProgressBar
from deployer.cli.stopping import StopSignal, stop_signal
from deployer.config import (
    CommandLine,
    Context,
    Described,
    describe,
    effective,
    is_url,
    load_site,
)
from deployer.deployment.site_work import Reporter, Silent, SiteWork
from deployer.errors import UsageError
from deployer.events import log
from deployer.git import Repository
from deployer.model.files import Commit
from deployer.model.site import Site
from deployer.pythonanywhere import Budget, PythonAnywhere, RequestDone, Waiting
from deployer.state import State

PLATFORM = ("www.pythonanywhere.com", "eu.pythonanywhere.com")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """A site at a commit, with everything open that a command needs."""

    context: Context
    work: SiteWork
    commit: Commit
    note: str
    """What a person may have forgotten."""

    @property
    def public_url(self) -> str:
        """Where a person finds the site."""
        if self.work.host_header is None:
            return self.work.site_url
        return f"{self.work.host_header} at {self.work.site_url}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """What every command with an account works with, before anything is known of a site."""

    context: Context
    repository: Repository
    commit: Commit
    api: PythonAnywhere
    state: State
    reporter: Reporter
    stop: StopSignal

    @property
    def per_minute(self) -> int:
        return self.context.account.requests_per_minute.value

    def uncommitted(self) -> str:
        """A word on work that no commit holds, and that is therefore not deployed; mostly empty."""
        count = self.repository.uncommitted()
        changes = "1 change" if count == 1 else f"{count} changes"
        return f"note: {changes} in {self.repository.root} not committed, so not deployed" if count else ""

    def place(self) -> Workplace:
        """The site that the commit describes."""
        described = site_of(self.context, self.repository, self.commit)
        site_url, host_header = _site_address(self.context, described)
        work = SiteWork(
            site=described,
            site_at=lambda other: site_of(self.context, self.repository, other),
            repository=self.repository,
            api=self.api,
            state=self.state,
            who=f"{_user()}@{socket.gethostname()}",
            site_url=site_url,
            host_header=host_header,
            requests_per_minute=self.per_minute,
            reporter=self.reporter,
            pause=self.stop.pause,
            check_stop=self.stop.check,
        )
        return Workplace(context=self.context, work=work, commit=self.commit, note=self.uncommitted())


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
    context = _context(repo=repo, config=config, site=site)
    _configure_events(as_json=as_json, verbose=verbose, narrates=narrates)
    account = context.account
    token = account.required_token()
    with ExitStack() as opened:
        stop = opened.enter_context(stop_signal())
        repository = opened.enter_context(Repository(_local(context)))
        commit = repository.resolve(rev or context.branch.value or "HEAD")
        reporter = _reporter(per_minute=account.requests_per_minute.value, quiet=as_json or verbose)
        opened.callback(reporter.finished)
        state = opened.enter_context(State(context.state.value))
        budget = Budget(
            host=account.host.value,
            username=account.username.value,
            requests_per_minute=account.requests_per_minute.value,
        )
        opened.callback(budget.close)
        api = PythonAnywhere(
            host=account.host.value,
            username=account.username.value,
            token=token,
            budget=budget,
            on_request=_log_request,
            on_wait=lambda waiting: _show_waiting(waiting, reporter),
            check_stop=stop.check,
        )
        yield Rooms(
            context=context,
            repository=repository,
            commit=commit,
            api=opened.enter_context(api),
            state=state,
            reporter=reporter,
            stop=stop,
        )


def site_of(context: Context, repository: Repository, commit: Commit) -> Site:
    """What the commit says that the site is. Raises UsageError when it says nothing."""
    path = context.manifest.value
    data = repository.read(commit, path)
    if data is None:
        written = (repository.root / path).is_file()
        raise UsageError(
            f"there is no {path} in commit {commit.short}, so nothing says what the site is",
            hint=f"It is in the folder, but not committed: `git add {path} && git commit`."
            if written
            else "`deployer init` writes one for this project; it has to be committed.",
        )
    return load_site(
        data,
        f"{path} of {commit.short}",
        username=context.account.username.value,
        host=context.account.host.value,
        overrides=context.overrides,
    )


def site_domain(*, repo: Path | None, config: Path | None, site: str | None) -> str:
    """The domain of a site at its branch; asks git, not the network."""
    context = _context(repo=repo, config=config, site=site)
    with Repository(_local(context)) as repository:
        return site_of(context, repository, repository.resolve(context.branch.value or "HEAD")).domain


def described(*, repo: Path | None, config: Path | None, site: str | None) -> tuple[Described, ...]:
    """What `deployer config` prints."""
    return describe(_context(repo=repo, config=config, site=site))


def _context(*, repo: Path | None, config: Path | None, site: str | None) -> Context:
    given = CommandLine(config=config, site=site, repo=str(repo) if repo else None)
    return effective(given, os.environ, Path.cwd())


def _user() -> str:
    """A container may run as a user that the system has no name for."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"


def _local(context: Context) -> Path:
    if is_url(context.repo.value):
        raise UsageError(
            f"the repository {context.repo.value} is not on this machine ({context.repo.origin})",
            hint="Clone it and name the clone with --repo PATH.",
        )
    return Path(context.repo.value)


def _site_address(context: Context, site: Site) -> tuple[str, str | None]:
    """Where the site is asked: at its own address, or at the sandbox's with the domain as Host."""
    if context.health_url.value is not None:
        return context.health_url.value.rstrip("/"), None
    host = context.account.host.value
    if urlsplit(host).hostname in PLATFORM:
        return f"https://{site.domain}", None
    return host, site.domain


def _configure_events(*, as_json: bool, verbose: bool, narrates: bool) -> None:
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


def _log_request(done: RequestDone) -> None:
    log.debug(
        "request",
        method=done.method,
        endpoint=str(done.endpoint),
        path=done.path,
        status=done.status,
        seconds=round(done.duration_s, 3),
        sent=done.bytes_sent,
        received=done.bytes_received,
        attempt=done.attempt,
    )


def _show_waiting(waiting: Waiting, reporter: Reporter) -> None:
    log.info(
        "waiting", seconds=round(waiting.seconds, 1), reason=str(waiting.reason), endpoint=waiting.endpoint
    )
    reporter.waiting(waiting.seconds)
