"""The pages of consoles: who opens one in a browser starts its program, as on the platform."""

import asyncio
import contextlib
import html
import re
from pathlib import Path
from string import Template
from urllib.parse import quote

import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route, Router, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from deployer.sandbox.account import Account
from deployer.sandbox.bodies import read
from deployer.sandbox.consoles.consoles import NotHereError
from deployer.sandbox.consoles.login import Login, is_own_page
from deployer.sandbox.consoles.record import CONSOLE, name_of, place_of
from deployer.sandbox.consoles.terminal import Size
from deployer.sandbox.consoles.wire import Wire
from deployer.sandbox.replies import RefusalError, page
from deployer.sandbox.store import Record

PLACES = re.compile(r"/login/|/user/[^/]+/consoles/.*")
LOGIN = "/login/"
FOLDER = Path(__file__).with_name("page")
KINDS = {".js": "text/javascript", ".css": "text/css"}
ASSETS = {path.name: path.read_text() for path in FOLDER.iterdir() if path.suffix in KINDS}
TEMPLATES = {path.stem: Template(path.read_text()) for path in FOLDER.glob("*.html")}
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "frame-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}
STRANGER, FAILED = 1008, 1011  # codes of a websocket's end

log = structlog.get_logger()


class ConsolePages:
    """The ASGI application of what `PLACES` matches, and of every websocket."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._login = Login(account.token)
        below = f"/user/{account.user}/consoles/"
        self._router = Router(
            [
                Route(LOGIN, self._ask, methods=["GET"]),
                Route(LOGIN, self._admit, methods=["POST"]),
                Route(f"{below}page/{{name}}", self._asset),
                Route(below, self._list),
                Route(f"{below}{{id:int}}/", self._console),
                Route(f"{below}{{id:int}}/frame/", self._frame),
                WebSocketRoute(f"{below}{{id:int}}/socket/", self._socket),
            ],
            default=_nothing,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(asyncio.CancelledError):  # the sandbox is closing: nobody is there any more
            await self._router(scope, receive, send)

    async def _ask(self, request: Request) -> Response:
        return self._login_page(request.query_params.get("next", ""))

    async def _admit(self, request: Request) -> Response:
        try:
            fields = (await read(request)).fields
        except RefusalError as refused:  # a body that is none
            return refused.response
        if not self._login.admits(str(fields.get("token", ""))):
            return self._login_page(str(fields.get("next", "")), "That is not the token of this account.")
        response = RedirectResponse(self._own(str(fields.get("next", ""))), 303, HEADERS)
        self._login.remember(response, secure=request.url.scheme == "https")
        return response

    async def _asset(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in ASSETS:
            return page(404)
        return Response(ASSETS[name], media_type=KINDS[Path(name).suffix], headers=HEADERS)

    async def _list(self, request: Request) -> Response:
        if not self._login.knows(request):
            return _to_login(request)
        user = self._account.user
        links = [
            f'<li><a href="{html.escape(place_of(user, each))}">{html.escape(name_of(each))}</a></li>'
            for each in self._account.store.all(CONSOLE)
        ]
        shown = f"<ul>{''.join(links)}</ul>" if links else "<p>There is none: POST consoles/ makes one.</p>"
        return self._rendered("list", consoles=shown)

    async def _console(self, request: Request) -> Response:
        return self._terminal_page(request, "whole")

    async def _frame(self, request: Request) -> Response:
        return self._terminal_page(request, "frame")

    async def _socket(self, socket: WebSocket) -> None:
        console = self._record(socket.path_params["id"])
        if console is None or not is_own_page(socket) or not self._login.knows(socket):
            await socket.close(STRANGER)  # before it is accepted: the browser sees a 403
            return
        try:
            terminal = await self._account.consoles.load(console, _size(socket))
        except (OSError, NotHereError) as error:
            log.warning("a console did not start", console=console.id, reason=str(error))
            await socket.accept()  # or the browser would not learn the reason
            await socket.close(FAILED, str(error)[:100])
            return
        await socket.accept()
        with terminal.watched() as watcher:
            await Wire(socket, terminal, watcher).attend()

    def _terminal_page(self, request: Request, kind: str) -> Response:
        if not self._login.knows(request):
            return _to_login(request)
        console = self._record(request.path_params["id"])
        if console is None:
            return page(404, "There is no such console.")
        return self._rendered(
            "console",
            kind=kind,
            name=html.escape(name_of(console)),
            socket=html.escape(f"{place_of(self._account.user, console)}socket/"),
        )

    def _login_page(self, back: str, problem: str = "") -> Response:
        shown = f'<p role="alert">{html.escape(problem)}</p>' if problem else ""
        return self._rendered("login", back=html.escape(self._own(back)), problem=shown)

    def _rendered(self, template: str, **values: str) -> Response:
        text = TEMPLATES[template].substitute(values, user=html.escape(self._account.user))
        return HTMLResponse(text, headers=HEADERS)

    def _own(self, back: str) -> str:
        """Where to go after the login: to a page of these, never elsewhere."""
        consoles = f"/user/{self._account.user}/consoles/"
        return back if re.fullmatch(re.escape(consoles) + r"([0-9]+/(frame/)?)?", back) else consoles

    def _record(self, number: int) -> Record | None:
        return self._account.store.get(CONSOLE, str(number))


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).close(STRANGER)
    else:
        await page(404, "There is no such page.")(scope, receive, send)


def _to_login(request: Request) -> Response:
    return RedirectResponse(f"{LOGIN}?next={quote(request.url.path)}", 302)


def _size(socket: WebSocket) -> Size:
    try:
        return Size(*(int(socket.query_params[each]) for each in Size._fields)).possible()
    except (KeyError, ValueError):
        return Size()
