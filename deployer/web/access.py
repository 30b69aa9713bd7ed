"""Who may act: the token of `[daemon] token`, and the session that a browser gets for it.

Showing is free, acting is not: without a configured token nothing can be done over HTTP.
"""

import asyncio
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request

from deployer.secret import Secret

COOKIE = "deployer_session"
SESSION_S = 12 * 3600
WRONG_TOKEN_PAUSE_S = 0.3
MOST_WAITING = 20
NOT_CONFIGURED = "nothing can be done here: this daemon has no token configured"
HOW_TO_CONFIGURE = (
    'Set [daemon] token in deployer.toml, for example token = { credential = "page-token" }, and reload the '
    "daemon."
)


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who signed in; `csrf` stands in each of their forms."""

    csrf: str


class TooManyAttempts(Exception):
    """So many wrong tokens are being answered that this one was not looked at."""


class Access:
    def __init__(self, token: Secret | None, *, url: str | None = None) -> None:
        """`url` is where people find the page, if that is not the `Host` they come with (a proxy)."""
        self._token = token
        self._origin = _origin(url) if url else None
        # A stolen session must not become a way to guess the token cheaply, so its key is hard to compute.
        self._key = (
            hashlib.scrypt(token.reveal().encode(), salt=b"deployer session", n=2**14, r=8, p=1)
            if token
            else b""
        )
        self._turn = asyncio.Lock()
        self._waiting = 0

    @property
    def configured(self) -> bool:
        return self._token is not None

    async def admits(self, offered: str) -> bool:
        """Whether that is the token. The wrong one takes its time, one after the other for all callers.

        Raises TooManyAttempts.
        """
        if self._token is None:
            return False
        if hmac.compare_digest(offered.encode("utf-8", "replace"), self._token.reveal().encode()):
            return True
        if self._waiting >= MOST_WAITING:
            raise TooManyAttempts
        self._waiting += 1
        try:
            async with self._turn:
                await asyncio.sleep(WRONG_TOKEN_PAUSE_S)
        finally:
            self._waiting -= 1
        return False

    async def admits_bearer(self, request: Request) -> bool:
        # Starlette reads headers as latin-1, programs write them as UTF-8.
        value = request.headers.get("authorization", "").encode("latin-1").decode("utf-8", "replace")
        scheme, _, offered = value.partition(" ")
        return await self.admits(offered.strip() if scheme.lower() == "bearer" else "")

    def new_session(self) -> str:
        """The cookie's value: it tells nothing of the token, and ends by itself."""
        said = f"{int(time.time()) + SESSION_S}.{secrets.token_urlsafe(16)}"
        return f"{said}.{self._sign('session', said)}"

    def session(self, request: Request) -> Session | None:
        value = request.cookies.get(COOKIE, "")
        said, _, signature = value.rpartition(".")
        expires = said.partition(".")[0]
        if self._token is None or not _equal(signature, self._sign("session", said)):
            return None
        if not expires.isdecimal() or int(expires) < time.time():
            return None
        return Session(self._sign("csrf", said))

    def own_form(self, request: Request, form: dict[str, str]) -> bool:
        """Whether a page of ours sent this form, for the person who is signed in."""
        session = self.session(request)
        return session is not None and self.own_origin(request) and _equal(form.get("csrf", ""), session.csrf)

    def own_origin(self, request: Request) -> bool:
        """Browsers say where a form stood, and no page can make them say otherwise."""
        site = request.headers.get("sec-fetch-site")
        if site is not None:
            return site == "same-origin"
        # Older browsers, and every one that comes by http to another machine.
        origin = request.headers.get("origin", "").lower()
        host = request.headers.get("host", "").lower()
        return origin != "" and (origin == self._origin or origin.partition("://")[2] == host)

    def _sign(self, purpose: str, text: str) -> str:
        return hmac.new(self._key, f"{purpose}:{text}".encode(), hashlib.sha256).hexdigest()


def local_path(offered: str, *, default: str = "/") -> str:
    """Where to go back to: a path of ours, whatever the form says."""
    # Browsers read a backslash as a slash, and two slashes as the beginning of another host.
    fine = offered.startswith("/") and not offered.startswith("//") and "\\" not in offered
    return offered if fine and offered.isprintable() and offered.isascii() else default


def _equal(one: str, two: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), two.encode("utf-8", "replace"))


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
