"""The sandbox as a whole: opened on a data folder, served from a thread of its own, closed again."""

import asyncio
import fcntl
import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import structlog
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from deployer.sandbox.account import Account
from deployer.sandbox.app import LOCAL, App
from deployer.sandbox.disk import AccountDisk
from deployer.sandbox.faults import Faults
from deployer.sandbox.hosting import SiteHosting
from deployer.sandbox.hosting.enclosure import Enclosure
from deployer.sandbox.journal import Entry, Journal
from deployer.sandbox.options import SandboxOptions
from deployer.sandbox.replies import TRANSPORT
from deployer.sandbox.sites import Sites
from deployer.sandbox.store import Store
from deployer.sandbox.switches import Switches
from deployer.sandbox.threads import Threads

ADDRESS = "127.0.0.1"  # and never another: there is no door here that would keep strangers out
KEEP_ALIVE_S = 75  # as nginx; shorter than a client's pause, it would look like faults that nobody asked for

log = structlog.get_logger()


class DataFolderInUseError(Exception):
    """Another sandbox is running on this data folder."""


class Sandbox:
    """One account on 127.0.0.1. Raises DataFolderInUseError, or OSError when the port is taken."""

    def __init__(self, options: SandboxOptions, *, follow: Callable[[Entry], None] | None = None) -> None:
        """`follow` is called with every API request as it is answered, in the thread that serves."""
        with ExitStack() as opened:
            opened.callback(os.close, _claim(options.data))
            listener = opened.enter_context(socket.create_server((ADDRESS, options.port)))
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # head and body are two writes
            self.url = f"http://{ADDRESS}:{listener.getsockname()[1]}"
            self._account = _open_account(options, self.url, Journal(follow), opened)
            self._loop = asyncio.new_event_loop()
            self._closing = asyncio.Event()
            serving = threading.Event()
            thread = threading.Thread(target=self._run, args=(listener, serving), name="sandbox", daemon=True)
            thread.start()
            opened.callback(self._stop, thread)
            serving.wait()
            self._opened = opened.pop_all()

    @property
    def user(self) -> str:
        return self._account.user

    @property
    def token(self) -> str:
        return self._account.token

    @property
    def disk(self) -> AccountDisk:
        return self._account.disk

    @property
    def faults(self) -> Faults:
        return self._account.faults

    @property
    def requests(self) -> Journal:
        return self._account.journal

    @property
    def switches(self) -> Switches:
        return self._account.switches

    def switch(self, **changes: Any) -> None:
        """Give open questions other answers from now on. Raises ValueError."""
        self._account.switches = self._account.switches.changed(changes)

    def close(self) -> None:
        """End every connection and every site's process. The data stays. Closing twice does no harm."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, listener: socket.socket, serving: threading.Event) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(listener, serving))

    def _stop(self, thread: threading.Thread) -> None:
        self._loop.call_soon_threadsafe(self._closing.set)
        thread.join()

    async def _serve(self, listener: socket.socket, serving: threading.Event) -> None:
        """The HTTP is uvicorn's, the server is not: that one takes 0.1 s or more to close."""
        config = uvicorn.Config(
            App(self._account),
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
        )
        config.load()
        state = ServerState()
        server = await self._loop.create_server(
            lambda: Connection(config, state, {}), sock=listener, backlog=config.backlog
        )
        serving.set()
        await self._closing.wait()
        server.close()
        self._account.sites.close()
        for connection in list(state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)  # lets every request learn that nobody is there any more
        tasks = list(state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _open_account(options: SandboxOptions, url: str, journal: Journal, opened: ExitStack) -> Account:
    """The account as its data folder holds it, with its sites; what has to be closed goes on the stack."""
    disk = AccountDisk(options.data, options.user, quota_bytes=options.quota_bytes)
    token = options.token or _kept_token(disk.data / "token")
    store = Store(disk.data / "account.sqlite3")
    opened.callback(store.close)
    threads, visitors = opened.enter_context(Threads()), opened.enter_context(Threads())
    environment = {
        "API_TOKEN": token,
        "PYTHONANYWHERE_SITE": url.removeprefix("http://"),
        "PYTHONANYWHERE_DOMAIN": options.platform_domain,
    }
    hosting = SiteHosting(
        disk, environment=environment, ping_limit_s=options.reload_limit_s, isolation=options.isolation
    )
    opened.callback(hosting.close)
    sites = Sites(store, hosting, threads, visitors)
    sites.load_all(options.switches.static_order)
    return Account(
        options=options,
        token=token,
        switches=options.switches,
        disk=disk,
        store=store,
        sites=sites,
        threads=threads,
        journal=journal,
    )


class Connection(H11Protocol):
    """Lets the application reach the connection itself, for the faults that end it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app = _with_transport(self.app, transport)


def _with_transport(app: ASGIApp, transport: asyncio.Transport) -> ASGIApp:
    async def reaching(scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(asyncio.CancelledError):  # the sandbox is closing: no answer is expected
            await app({**scope, TRANSPORT: transport}, receive, send)

    return reaching


def serve(options: SandboxOptions) -> None:
    """Run a sandbox until SIGINT or SIGTERM, and say on standard output what it is and what it is asked."""
    stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        with Sandbox(options, follow=_log_request) as sandbox:
            print(_welcome(sandbox, options), flush=True)  # noqa: T201 - this is a command's output
            stop.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _welcome(sandbox: Sandbox, options: SandboxOptions) -> str:
    domain = f"{sandbox.user}.{options.platform_domain}"
    token = "the one you gave" if options.token else f"in {sandbox.disk.data / 'token'}"
    return f"""\
A PythonAnywhere account on this machine, until Ctrl-C.

  address  {sandbox.url}
  user     {sandbox.user} (plan {options.plan})
  token    {token}
  files    {sandbox.disk.data}
  control  {sandbox.url}/_sandbox/
  site     {sandbox.url.replace(ADDRESS, domain + LOCAL)}/ in a browser, when there is a web app

What is different from the platform: no TLS; one account, whose sites answer at the same address under their
`Host`, with or without {LOCAL}; scheduled tasks are kept but not run; consoles and databases are not there.
{Enclosure(sandbox.disk, options.isolation).support.note}"""


def _log_request(entry: Entry) -> None:
    log.info(
        "request",
        method=entry.method,
        path=entry.path,
        status=entry.status,
        ms=round(entry.seconds * 1000, 1),
        **({"fault": entry.fault} if entry.fault else {}),
    )


def _claim(data: Path) -> int:
    """Hold the data folder; the lock ends with this process, however that ends."""
    data.mkdir(parents=True, exist_ok=True)
    lock = os.open(data / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise DataFolderInUseError(
            f"{data} is in use by another sandbox. Nothing was changed. "
            "Stop that one, or start this one with another data folder."
        ) from error
    return lock


def _kept_token(path: Path) -> str:
    """The token of this data folder, made when it is first used; only its owner can read it."""
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(20))
    return path.read_text().strip()
