"""Everything that a run works with, in one value."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, Self

from deployer.config import CertificateFiles
from deployer.git import Repository
from deployer.model.actions import Action
from deployer.model.files import Commit
from deployer.model.plan import Plan
from deployer.model.site import Site
from deployer.model.tls import LetsEncrypt
from deployer.pythonanywhere import PythonAnywhere
from deployer.secret import Secret
from deployer.state import State


class Reporter(Protocol):
    """Whoever watches: a progress bar, a status page, a test."""

    def observing(self, what: str) -> None:
        """Reading the server has come to `what`."""

    def planned(self, plan: Plan) -> None:
        """The plan is made and will be carried out."""

    def sending(self, what: str, done: int, of: int) -> None:
        """So many bytes of a large upload are on their way; fewer again when it has to be repeated."""

    def advanced(self, action: Action) -> None:
        """One more action of the plan has been confirmed."""

    def waiting(self, seconds: float) -> None:
        """The next request has to wait: for the platform's limit, or after a failure."""

    def finished(self) -> None:
        """Nothing more will be reported, whatever the outcome."""


class Silent:
    """Reports nothing."""

    def observing(self, what: str) -> None: ...

    def planned(self, plan: Plan) -> None: ...

    def sending(self, what: str, done: int, of: int) -> None: ...

    def advanced(self, action: Action) -> None: ...

    def waiting(self, seconds: float) -> None: ...

    def finished(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteWork:
    """One site with the rooms that a run on it goes through."""

    site: Site
    """As the commit at hand describes it."""
    site_at: Callable[[Commit], Site]
    """As another commit describes it; raises ConfigError, UsageError or Refused."""
    repository: Repository
    api: PythonAnywhere
    state: State
    who: str
    """"user@host", as other deployers shall read it."""
    site_url: str
    """Where the site is asked: "https://<domain>", or the sandbox's address."""
    host_header: str | None
    """The domain, where `site_url` is not it."""
    requests_per_minute: int
    reporter: Reporter
    pause: Callable[[float], None]
    """Waits so many seconds; may raise Interrupted."""
    check_stop: Callable[[], None]
    """Raises Interrupted when somebody wants the run to stop; asked between requests."""
    password: Secret | None = None
    """What visitors of a protected site have to give, as this machine knows it."""
    password_problem: str = ""
    """Why that could not be read."""
    tls: CertificateFiles | LetsEncrypt | None = None
    """Where the certificate comes from; None: it is left as it is."""

    def at(self, commit: Commit) -> Self:
        """The same rooms, with the site as that commit describes it."""
        return replace(self, site=self.site_at(commit))
