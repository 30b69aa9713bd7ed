"""The client: one account on one host, its families of endpoints side by side."""

import ipaddress
import re
from collections import Counter
from contextlib import AbstractContextManager
from datetime import datetime
from types import TracebackType
from typing import Final, Self
from urllib.parse import urljoin, urlsplit

from deployer.errors import CredentialsRefused, UsageError
from deployer.model.endpoints import Endpoint
from deployer.pythonanywhere.always_on import AlwaysOn
from deployer.pythonanywhere.budget import Budget
from deployer.pythonanywhere.call import CheckStop, OnRequest, OnWait
from deployer.pythonanywhere.consoles import Consoles
from deployer.pythonanywhere.domains import Domains
from deployer.pythonanywhere.family import Access, Family, as_object
from deployer.pythonanywhere.files import Files
from deployer.pythonanywhere.models import CpuUsage
from deployer.pythonanywhere.schedule import Schedule
from deployer.pythonanywhere.static_headers import StaticHeaders
from deployer.pythonanywhere.tls import Certificates
from deployer.pythonanywhere.transport import Transport
from deployer.pythonanywhere.webapps import StaticFiles, WebApps
from deployer.pythonanywhere.websites import Websites
from deployer.secret import Secret

CONNECT_TIMEOUT_S: Final = 10.0
READ_TIMEOUT_S: Final = 60.0
PATIENCE_S: Final = 300.0
"""Long enough for a restart of the platform, and for a few whole windows of its limit."""


class PythonAnywhere:
    """Talks to one account; keeps one connection. Not for use by several threads.

    Every call raises ApiError (see `deployer.errors`). What may be repeated safely is repeated for up to
    `patience_s` after its first failure. `on_request` is told of every attempt, `on_wait` of every wait;
    `check_stop` is called at least every 0.2 s while waiting, and what it raises ends the wait.
    Without a `budget` the platform's own limit is kept, together with all processes of this user.
    """

    def __init__(
        self,
        *,
        host: str,
        username: str,
        token: Secret,
        budget: Budget | None = None,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
        patience_s: float = PATIENCE_S,
        on_request: OnRequest | None = None,
        on_wait: OnWait | None = None,
        check_stop: CheckStop | None = None,
    ) -> None:
        from deployer.pythonanywhere.wire import Wire  # requests takes long to import

        self.host = _checked_host(host)
        self.username = username
        self.budget = budget or Budget(host=self.host, username=username)
        self._owns_budget = budget is None
        self._token = token
        self._wire = Wire(self.host, _checked_token(token), connect_timeout_s=connect_timeout_s)
        self._transport = Transport(
            self._wire.send,
            self.budget,
            patience_s=patience_s,
            mask=self.masked,
            on_request=on_request,
            on_wait=on_wait,
            check_stop=check_stop,
        )
        access = Access(self._transport, username, read_timeout_s)
        self.files = Files(access)
        self.webapps = WebApps(access)
        self.static_files = StaticFiles(access)
        self.static_headers = StaticHeaders(access)
        self.ssl = Certificates(access)
        self.consoles = Consoles(access)
        self.schedule = Schedule(access)
        self.always_on = AlwaysOn(access)
        self.websites = Websites(access)
        self.domains = Domains(access)
        self._account = _Account(access)

    @property
    def requests(self) -> Counter[Endpoint]:
        """How many were sent, per endpoint, attempts counted singly."""
        return self._transport.requests

    def cpu(self) -> CpuUsage:
        """Also the cheapest way to see whether the token is right."""
        return self._account.cpu()

    def server_time(self) -> datetime:
        """In UTC, by the platform's last answer: what its scheduled tasks go by."""
        return self._transport.server_clock.now()

    def finishing(self) -> AbstractContextManager[None]:
        """For tidying up after a stop: inside the block `check_stop` is not asked, it would end that, too."""
        return self._transport.finishing()

    def url(self, path: str) -> str:
        """The address for a browser of what the API names as a path on its host: a console's page, the link
        of a shared file, a log.
        """
        return urljoin(self.host, path)

    def masked(self, text: str) -> str:
        """Other people's words without the token, which they may well quote: a debugging page shows the
        whole request, and the platform puts the token into the environment of each site.

        Words are often cut before they come here, so the beginning of a token at their end goes, too.
        """
        token = self._token.reveal()
        text = text.replace(token, str(self._token))
        beginnings = "|".join(re.escape(token[:length]) for length in range(len(token) - 1, 5, -1))
        return re.sub(f"(?:{beginnings})(?=…|$)", str(self._token), text) if beginnings else text

    def close(self) -> None:
        self._wire.close()
        if self._owns_budget:
            self.budget.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"PythonAnywhere({self.username!r} at {self.host!r})"


class _Account(Family):
    def cpu(self) -> CpuUsage:
        return self._transport.call(self._call("GET", Endpoint.CPU), as_object(CpuUsage.from_json))


def _checked_host(host: str) -> str:
    """With scheme, without a final slash; https where none is said, as in $PYTHONANYWHERE_SITE.

    Raises UsageError; also for plain http to anything but this machine, which would show the token to
    everybody on the way.
    """
    url = urlsplit(host if "://" in host else f"https://{host}")
    if url.scheme not in {"http", "https"} or not url.hostname or url.path.strip("/") or url.query:
        raise UsageError(f"{host!r} is not a host like https://www.pythonanywhere.com")
    if url.scheme == "http" and not _is_loopback(url.hostname):
        raise UsageError(f"{host!r} would send the token unencrypted", hint="Write https:// instead.")
    return f"{url.scheme}://{url.netloc}"


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _checked_token(token: Secret) -> Secret:
    """What cannot be a token is not put into a header, whose library would quote it in its complaint."""
    if not re.fullmatch(r"[!-~]+", token.reveal()):
        raise CredentialsRefused(
            "the API token is empty, or holds a space, a line break or a character that no token has",
            hint="It is 40 letters and digits, on the page Account, tab API token.",
        )
    return token
