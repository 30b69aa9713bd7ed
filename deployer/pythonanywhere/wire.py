"""One request to the API, one answer, and everything that can happen between.

Imported when a client is made, not before: importing requests takes longer than many a command runs.
"""

from collections.abc import Iterator
from typing import Final

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from deployer.errors import ApiError, NoAnswer, Unreachable
from deployer.pythonanywhere.call import Call, Failure
from deployer.pythonanywhere.reply import Reply
from deployer.secret import Secret
from deployer.session import Session

_CHUNK: Final = 64 * 1024
_NEVER_SENT: Final = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.ProxyError,
)


class Wire:
    """One session with one kept connection to one host."""

    def __init__(self, host: str, token: Secret, *, connect_timeout_s: float) -> None:
        self._host = host
        self._connect_timeout_s = connect_timeout_s
        self._session = Session(host)
        self._session.auth = _TokenAuth(token)  # the only way in: no cookie, no login from ~/.netrc
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=1, max_retries=0)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def send(self, call: Call) -> Reply:
        """One request; returns as soon as the head of the answer is there. Raises Failure."""
        try:
            response = self._session.request(
                call.method,
                self._host + call.address,
                data=call.body.data if call.body else None,
                headers={"Content-Type": call.body.content_type} if call.body else None,
                timeout=(self._connect_timeout_s, call.read_timeout_s),
                stream=True,
            )
        except requests.RequestException as error:
            failure = self._failure(call, error)
        else:
            return Reply(
                status=response.status_code,
                headers=response.headers,
                body=_body(call, response),
                close=response.close,
            )
        raise failure  # here, so that it does not drag along an exception that holds the token's header

    def close(self) -> None:
        self._session.close()

    def _failure(self, call: Call, error: requests.RequestException) -> Failure:
        why = _reason(error)
        causes = tuple(_causes(error))
        if isinstance(error, requests.exceptions.SSLError):
            return Failure(
                ApiError(
                    f"{call}: no trusted connection to {self._host}: {why}",
                    hint="A private certificate authority is named by REQUESTS_CA_BUNDLE or SSL_CERT_FILE.",
                ),
                harmless=True,
            )
        if any(isinstance(cause, _NEVER_SENT) for cause in causes):
            return Failure(Unreachable(f"{call}: cannot connect to {self._host}: {why}"), harmless=True)
        if isinstance(error, requests.exceptions.Timeout):
            return Failure(Unreachable(f"{call}: no answer within {call.read_timeout_s:g} s"))
        return Failure(Unreachable(f"{call}: the connection broke before an answer came: {why}"))


class _TokenAuth(AuthBase):
    """Puts the token into the header, and nowhere that is ever printed."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Token {self._token.reveal()}"
        return request


def _body(call: Call, response: requests.Response) -> Iterator[bytes]:
    """The body, piece by piece. Raises Failure for one that is shorter than its Content-Length.

    Where the server announces no length, the end of the connection is the end of the body: nothing can
    tell then that it was cut.
    """
    try:
        yield from response.iter_content(_CHUNK)
    except requests.RequestException as error:
        why = _reason(error)
    else:
        return
    message = f"{call}: the answer broke off before its end: {why}"
    raise Failure(NoAnswer(message, status=response.status_code))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and everything it wraps; requests and urllib3 wrap by argument as well as by cause."""
    seen: set[int] = set()
    pending: list[object] = [error]
    while pending:
        item = pending.pop(0)
        if isinstance(item, BaseException) and id(item) not in seen:
            seen.add(id(item))
            yield item
            pending += [*item.args, getattr(item, "reason", None), item.__cause__, item.__context__]


def _reason(error: BaseException) -> str:
    """The innermost words: "Connection refused" rather than four wrappers around it."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
    innermost = causes[-1]
    return str(innermost) or type(innermost).__name__
