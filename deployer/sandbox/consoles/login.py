"""The console pages want a browser login, as the platform's do: here whoever has the token gets a cookie."""

import hashlib
import hmac

from starlette.requests import HTTPConnection
from starlette.responses import Response


class Login:
    """Needs no memory: the cookie follows from the token, and ends with the browser, or with the token.

    Its name does, too: cookies know no ports, and there may be several sandboxes at this address.
    """

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        digest = hmac.new(self._token, b"console page", hashlib.sha256).hexdigest()
        self._cookie, self._value = f"sandbox_{digest[:8]}", digest[8:]

    def admits(self, token: str) -> bool:
        return hmac.compare_digest(token.strip().encode(), self._token)

    def knows(self, visitor: HTTPConnection) -> bool:
        return hmac.compare_digest(visitor.cookies.get(self._cookie, "").encode(), self._value.encode())

    def remember(self, response: Response, *, secure: bool) -> None:
        response.set_cookie(self._cookie, self._value, httponly=True, samesite="strict", secure=secure)


def is_own_page(visitor: HTTPConnection) -> bool:
    """Whether a page of this address opened the websocket: browsers let any page try."""
    scheme = "https" if visitor.url.scheme in {"wss", "https"} else "http"
    return visitor.headers.get("origin") == f"{scheme}://{visitor.headers.get('host')}"
