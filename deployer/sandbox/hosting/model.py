"""What the API's half of the sandbox and the hosting half tell each other."""

from dataclasses import dataclass, field
from typing import Literal


class ReloadTimeout(Exception):
    """The site's first request after a reload took longer than the limit; the new worker stays up.

    The platform reports an error then although the site may be well (its help page ErrorReloadingWebApp).
    """


class IsolationError(Exception):
    """Sites were to run in the account's own view of the machine, and this machine does not allow it."""


@dataclass(frozen=True, slots=True)
class StaticHeader:
    """A header that answers for addresses below a URL prefix get."""

    url: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Login:
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteConfig:
    """A web app as its API object names it; paths are the account's, "" where unset."""

    domain: str
    python_version: str  # "3.12"
    source_directory: str  # only shown by the platform's pages: running a site never needs it
    working_directory: str
    virtualenv_path: str
    force_https: bool
    static_mappings: tuple[tuple[str, str], ...]  # (url, account path), in order of id
    wsgi_path: str
    static_headers: tuple[StaticHeader, ...] = ()  # in order of id
    headers_reach: Literal["static-files", "everything"] = "static-files"
    static_while_reloading: Literal["redirected", "served"] = "redirected"
    login: Login | None = None  # who may see the site; None: everybody
    disabled: int | None = None  # the status of the only page of a disabled site; None: it is enabled


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRequest:
    method: str
    target: str  # as in the request line: path, then ? and query
    headers: tuple[tuple[str, str], ...]
    body: bytes
    client: str  # address
    secure: bool | None = None  # None: unknown, `x-forwarded-proto` says

    def header(self, name: str) -> str:
        """The first header of that name in any case, or ""."""
        return next((value for known, value in self.headers if known.lower() == name), "")

    @property
    def path(self) -> str:
        """Still percent-encoded."""
        return self.target.partition("?")[0]

    @property
    def is_secure(self) -> bool:
        """What is unknown is HTTPS, unless the request says otherwise."""
        if self.secure is not None:
            return self.secure
        return self.header("x-forwarded-proto").lower() != "http"


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteResponse:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
