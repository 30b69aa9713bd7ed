"""Opens everything that a run on one site works with, from what is in force."""

import getpass
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from deployer.config import Context, load_site
from deployer.deployment.site_work import Reporter, SiteWork
from deployer.errors import UsageError
from deployer.events import log
from deployer.git import Repository
from deployer.model.files import Commit
from deployer.model.site import Site
from deployer.pythonanywhere import Budget, PythonAnywhere, RequestDone, Waiting
from deployer.state import State

PLATFORM = ("www.pythonanywhere.com", "eu.pythonanywhere.com")


class Stop(Protocol):
    """Whoever may want the run to stop."""

    def check(self) -> None:
        """Raises Interrupted when it shall stop; asked between requests."""

    def pause(self, seconds: float) -> None:
        """Wait so long; raises Interrupted when it shall stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """A site at a commit, with everything open that a run needs."""

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
    """An account, a repository at one commit and the state folder, before anything is known of a site."""

    context: Context
    repository: Repository
    commit: Commit
    api: PythonAnywhere
    state: State
    reporter: Reporter
    stop: Stop

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
        site_url, host_header = site_address(self.context, described)
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
            password=self.context.password.value,
            password_problem=self.context.password_problem,
            tls=self.context.tls.value,
        )
        return Workplace(context=self.context, work=work, commit=self.commit, note=self.uncommitted())


@contextmanager
def open_rooms(
    context: Context,
    *,
    path: Path,
    rev: str | None,
    reporter: Reporter,
    stop: Stop,
    on_request: Callable[[RequestDone], None] | None = None,
    on_wait: Callable[[Waiting], None] | None = None,
    changed: Callable[[], None] | None = None,
) -> Iterator[Rooms]:
    """Open them, and close them again. `path` is the repository on this machine.

    `on_request` is told of each request, `on_wait` of each wait for the limit, `changed` of each write to
    the state folder.
    """
    with ExitStack() as opened:
        api = opened.enter_context(
            open_account(context, reporter=reporter, stop=stop, on_request=on_request, on_wait=on_wait)
        )
        repository = opened.enter_context(Repository(path))
        commit = repository.resolve(rev or context.branch.value or "HEAD")
        opened.callback(reporter.finished)
        state = opened.enter_context(State(context.state.value, changed=changed))
        yield Rooms(
            context=context,
            repository=repository,
            commit=commit,
            api=api,
            state=state,
            reporter=reporter,
            stop=stop,
        )


@contextmanager
def open_account(
    context: Context,
    *,
    reporter: Reporter,
    stop: Stop,
    on_request: Callable[[RequestDone], None] | None = None,
    on_wait: Callable[[Waiting], None] | None = None,
) -> Iterator[PythonAnywhere]:
    """The account alone, as `open_rooms` opens it. Raises UsageError where no token is to be had."""
    account = context.account
    token = account.required_token()

    def requested(done: RequestDone) -> None:
        _log_request(done)
        if on_request is not None:
            on_request(done)

    def waiting(wait: Waiting) -> None:
        _show_waiting(wait, reporter)
        if on_wait is not None:
            on_wait(wait)

    budget = Budget(
        host=account.host.value,
        username=account.username.value,
        requests_per_minute=account.requests_per_minute.value,
    )
    with (
        closing(budget),
        PythonAnywhere(
            host=account.host.value,
            username=account.username.value,
            token=token,
            budget=budget,
            on_request=requested,
            on_wait=waiting,
            check_stop=stop.check,
        ) as api,
    ):
        yield api


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


def site_address(context: Context, site: Site) -> tuple[str, str | None]:
    """Where the site is asked: at its own address, or at the sandbox's with the domain as Host."""
    if context.health_url.value is not None:
        return context.health_url.value.rstrip("/"), None
    host = context.account.host.value
    if urlsplit(host).hostname in PLATFORM:
        return f"https://{site.domain}", None
    return host, site.domain


def _user() -> str:
    """A container may run as a user that the system has no name for."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"


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
