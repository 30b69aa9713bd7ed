"""What a daemon shows of itself, as plain values: the page, the JSON API, metrics and the command line
all read these.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from deployer.model.deployment import Deployment, Step
from deployer.model.order import Order, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A deployment under way."""

    deployment: str
    commit: str
    subject: str
    started: datetime
    phase: str
    """What is being done, in a few words: "reading ~/mysite", "sending", "reloading", "checking"."""
    done: int
    """Steps of the plan that the server confirmed."""
    steps: int
    """0: not planned yet."""
    bytes_done: int
    bytes_total: int
    current: str
    """The subject of the last confirmed action; empty before the first."""
    seconds_left: float | None
    """An estimate that knows the platform's limit; None before the plan."""
    waiting_s: float
    """What the next request still has to wait for the platform's limit; 0: nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveView:
    """What was last seen to answer well."""

    commit: str
    subject: str
    author: str
    deployment: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftView:
    """What the last look at the server found."""

    checked: datetime
    findings: tuple[str, ...]
    """Each difference in words; empty: none."""
    complete: bool
    """Whether every file's content has been compared since the last deployment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiryView:
    """Something that ends unless somebody acts."""

    what: str
    """ "web app", "task nightly", "certificate"."""
    on: date
    what_to_do: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteView:
    """One site of the daemon."""

    name: str
    """Of the [site.<name>] table."""
    account: str
    domain: str | None
    """None until the repository was read."""
    url: str | None
    """Where a visitor finds it."""
    repo: str
    branch: str
    live: LiveView | None
    running: Progress | None
    waiting: tuple[Order, ...]
    problem: str
    """Why nothing can be deployed now (a repository that is not there, a bad configuration), or why the
    last deployment did not get there; empty when all is well."""
    frozen: str | None
    """Why deployments wait; None: they do not."""
    drift: DriftView | None
    expiry: tuple[ExpiryView, ...]
    history: tuple[Deployment, ...]
    """The newest first, a few."""


class View(Protocol):
    """What HTTP and the control socket may ask of a daemon. Safe to call from any thread.

    Sites are named by their table; UnknownSite for one that is not there.
    """

    def sites(self) -> tuple[SiteView, ...]: ...

    def site(self, name: str) -> SiteView: ...

    def ready(self) -> tuple[str, ...]:
        """What is missing before the daemon does its work; empty: ready."""

    def history(self, site: str | None, *, most: int) -> Sequence[Deployment]: ...

    def deployment(self, id_: str) -> Deployment:
        """Raises UsageError for an id that nothing has."""

    def order(self, id_: str) -> Order | None:
        """One that waits or is being carried out."""

    def steps(self, deployment: str) -> Sequence[Step]: ...

    def events(self, deployment: str) -> Sequence[dict[str, Any]]:
        """The structured log of it so far, as docs/events.md names them."""

    def post(
        self,
        site: str,
        *,
        source: str,
        work: Work = Work.DEPLOY,
        force: bool = False,
        rev: str | None = None,
    ) -> Order:
        """Put an order on disk, or join the one that waits. Takes milliseconds."""

    def cancel(self, site: str) -> bool:
        """Stop what is running after the request in flight, and drop what waits; False: there was nothing."""

    def freeze(self, site: str | None, message: str) -> None:
        """Let deployments of one site, or of all, wait."""

    def thaw(self, site: str | None) -> None: ...

    def watching(self, woken: Callable[[], None]) -> AbstractContextManager[None]:
        """Inside the block `woken` is called, from any thread, whenever something that is shown changed."""
