"""The API as a whole: from a URL to an endpoint's handler, and the checks that all endpoints share.

They come in Django REST framework's order: is this a URL at all, who asks, may they, how often, with which
method; only then does the endpoint look at the body.
"""

import asyncio
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Message, Receive, Scope, Send

from deployer.sandbox.account import Account
from deployer.sandbox.disk import QuotaExceededError
from deployer.sandbox.endpoint import Call, Endpoint, Handler
from deployer.sandbox.families import ENDPOINTS
from deployer.sandbox.faults import Effect
from deployer.sandbox.journal import Entry
from deployer.sandbox.replies import (
    FORBIDDEN,
    Cut,
    Half,
    RefusalError,
    Stall,
    detail,
    page,
    reply,
)
from deployer.sandbox.throttle import REQUESTS_PER_WINDOW

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a path leads: to an endpoint, to one if a slash is added, or nowhere."""

    endpoint: Endpoint | None = None
    params: dict[str, str] | None = None
    lacks_slash: bool = False


class Api:
    """The ASGI application of everything that is neither a site nor the sandbox's own control."""

    def __init__(self, account: Account) -> None:
        self._account = account

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        account = self._account
        path = decoded(scope["raw_path"])
        route = find(path)
        name = route.endpoint.name if route.endpoint else None
        number = account.journal.begin()
        effect = account.faults.meet(number=number, method=scope["method"], path=path, endpoint=name)
        begun = time.monotonic()

        def write() -> None:
            query = scope["query_string"].decode("latin-1")
            account.journal.write(
                Entry(
                    number=number,
                    method=scope["method"],
                    path=f"{path}?{query}" if query else path,
                    endpoint=name,
                    status=wire.status,
                    bytes_in=wire.bytes_in,
                    bytes_out=wire.bytes_out,
                    seconds=round(time.monotonic() - begun, 6),
                    fault=effect.name if effect else None,
                )
            )

        wire = Wire(receive, send, at_end=write)
        try:
            request = Request(scope, wire.receive)
            response = await self._respond(request, route, effect)
            await response(scope, wire.receive, wire.send)
        finally:
            wire.end()

    async def _respond(self, request: Request, route: Route, effect: Effect | None) -> Response:
        """The answer, with what a fault makes of it."""
        if effect is None:
            return await self._answer(request, route)
        if effect.kind == "slow":
            await asyncio.sleep(effect.seconds)
            return await self._answer(request, route)
        if effect.kind == "half":
            return Half(await self._answer(request, route))
        if effect.when == "after":
            await self._answer(request, route)
        return _instead(effect)

    async def _answer(self, request: Request, route: Route) -> Response:
        """What the endpoint says, or why it is not asked."""
        if route.endpoint is None or route.params is None:
            return page(404, "The requested URL was not found. /_sandbox/ says what there is.")
        redirects = self._account.switches.missing_slash == "redirect"
        if route.lacks_slash and redirects and request.method not in route.endpoint.unslashed:
            query = f"?{request.url.query}" if request.url.query else ""
            return RedirectResponse(f"{request.url.path}/{query}", 301)
        try:
            handler = self._admit(request, route.endpoint, route.params)
            response = await handler(Call(account=self._account, request=request, params=route.params))
        except RefusalError as refused:
            response = refused.response
        except QuotaExceededError:
            response = reply({"detail": "Disk quota exceeded"}, self._account.switches.quota_refusal)
        except Exception:
            log.exception("a request failed inside the sandbox", path=request.url.path)
            return page(500, "The sandbox itself failed; its log says how.")
        response.headers["allow"] = route.endpoint.allow
        return response

    def _admit(self, request: Request, endpoint: Endpoint, params: dict[str, str]) -> Handler:
        """The handler to ask, after every check. Raises RefusalError."""
        _check_accept(request)
        self._authenticate(request)
        self._check_user(params["user"])
        self._throttle(request, endpoint)
        if request.method == "OPTIONS":
            return _describe
        handler = endpoint.handlers.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            raise detail(405, f'Method "{request.method}" not allowed.')
        return handler

    def _authenticate(self, request: Request) -> None:
        problem = self._token_problem(request.headers.get("authorization", ""))
        if problem is None:
            return
        if self._account.switches.bad_token == "throttled-by-address":  # noqa: S105 - a switch, no secret
            client = request.client.host if request.client else ""
            self._spend(("address", client), REQUESTS_PER_WINDOW)
        raise detail(401, problem, headers={"www-authenticate": "Token"})

    def _token_problem(self, authorization: str) -> str | None:
        scheme, *token = authorization.split() or [""]
        if scheme.lower() != "token":
            return "Authentication credentials were not provided."
        if not token:
            return "Invalid token header. No credentials provided."
        if len(token) > 1:
            return "Invalid token header. Token string should not contain spaces."
        is_ours = hmac.compare_digest(token[0].encode("latin-1"), self._account.token.encode())
        return None if is_ours else "Invalid token."

    def _check_user(self, asked: str) -> None:
        user = self._account.user
        ignore_case = self._account.switches.user_case == "insensitive"
        if asked != user and not (ignore_case and asked.lower() == user.lower()):
            raise detail(403, FORBIDDEN)

    def _throttle(self, request: Request, endpoint: Endpoint) -> None:
        rule = self._account.switches.rate_limit
        if rule == "global":
            self._spend("account", REQUESTS_PER_WINDOW)
        elif rule == "pattern-method":
            self._spend((endpoint.name, request.method), endpoint.limit)
        elif rule == "pattern":
            self._spend(endpoint.name, endpoint.limit)

    def _spend(self, budget: object, limit: int) -> None:
        switches = self._account.switches
        wait_s = self._account.throttle.wait_s(budget, limit=limit, window_s=switches.rate_limit_window_s)
        if wait_s is not None:
            seconds = "1 second" if wait_s == 1 else f"{wait_s} seconds"
            headers = {"retry-after": str(wait_s)} if switches.throttle_header == "retry-after" else {}
            raise detail(429, f"Request was throttled. Expected available in {seconds}.", headers=headers)


class Wire:
    """Counts what passes on a connection during one request.

    `at_end` is called once, just before the last of the answer goes out: whoever has the answer finds the
    request in the journal.
    """

    def __init__(self, receive: Receive, send: Send, *, at_end: Callable[[], None]) -> None:
        self._receive = receive
        self._send = send
        self._at_end = at_end
        self._ended = False
        self.status: int | None = None
        self.bytes_in = 0
        self.bytes_out = 0

    async def receive(self) -> Message:
        message = await self._receive()
        self.bytes_in += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        self.bytes_out += len(message.get("body", b""))
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.end()
        await self._send(message)

    def end(self) -> None:
        if not self._ended:
            self._ended = True
            self._at_end()


def decoded(raw_path: bytes) -> str:
    """The path, decoded once; bytes that are not UTF-8 stay percent-encoded, as Django leaves them."""
    text = unquote_to_bytes(raw_path).decode("utf-8", "surrogateescape")
    return "".join(f"%{ord(char) - 0xDC00:02X}" if "\udc80" <= char <= "\udcff" else char for char in text)


def find(path: str) -> Route:
    """Only a URL that ends in a slash can lack it: `files/path` without a path is no endpoint's."""
    for endpoint in ENDPOINTS:
        if match := endpoint.regex.fullmatch(path):
            return Route(endpoint=endpoint, params=match.groupdict())
    for endpoint in ENDPOINTS:
        if endpoint.name.endswith("/") and (match := endpoint.regex.fullmatch(path + "/")):
            return Route(endpoint=endpoint, params=match.groupdict(), lacks_slash=True)
    return Route()


def _check_accept(request: Request) -> None:
    """HTML is let through and answered with JSON: there is no HTML view of the API here."""
    accept = request.headers.get("accept", "*/*")
    kinds = {each.split(";")[0].strip().lower() for each in accept.split(",")}
    if not kinds & {"*/*", "application/*", "application/json", "text/html"}:
        raise detail(406, "Could not satisfy the request Accept header.")


async def _describe(call: Call) -> Response:
    """Answers OPTIONS as Django REST framework does, less the fields' descriptions."""
    last = next(part for part in reversed(call.request.url.path.split("/")) if part)
    return reply(
        {
            "name": last.replace("_", " ").title(),
            "description": "",
            "renders": ["application/json"],
            "parses": ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"],
        }
    )


def _instead(effect: Effect) -> Response:
    """The answer that a fault gives in place of the true one."""
    match effect.kind:
        case "cut":
            return Cut()
        case "stall":
            return Stall()
        case "html":
            response = page(200, "Please log in.")
            return Response(effect.html, 200, media_type="text/html") if effect.html else response
        case "redirect":
            return RedirectResponse(effect.location, 302)
        case "empty":
            return Response(b"", 200)
        case _:
            return _with_status(effect)


def _with_status(effect: Effect) -> Response:
    if effect.html is not None:
        response = Response(effect.html, effect.status, media_type="text/html")
    elif effect.json is not None:
        response = reply(effect.json, effect.status)
    else:
        response = page(effect.status)
    if effect.retry_after is not None:
        response.headers["retry-after"] = str(effect.retry_after)
    return response
