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
from datetime import timedelta
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
from deployer.sandbox.consoles import Consoles
from deployer.sandbox.consoles.pages import PLACES
from deployer.sandbox.disk import AccountDisk
from deployer.sandbox.faults import Faults
from deployer.sandbox.hosting import AccountCommands, Interpreters, SiteHosting
from deployer.sandbox.hosting.enclosure import Enclosure
from deployer.sandbox.hosting.website_hosting import WebsiteHosting
from deployer.sandbox.journal import Entry, Journal
from deployer.sandbox.log_rotation import LogRotation
from deployer.sandbox.options import SandboxOptions
from deployer.sandbox.replies import TRANSPORT
from deployer.sandbox.scheduling import ALWAYS_ON, TASK, Clock, Programs, Runs, Timetable
from deployer.sandbox.sites import Sites
from deployer.sandbox.store import Store
from deployer.sandbox.switches import Switches
from deployer.sandbox.threads import Threads
from deployer.sandbox.tls import Authority, Certificates, Door, Front
from deployer.sandbox.websites import Websites

ADDRESS = "127.0.0.1"  # and never another: there is no door here that would keep strangers out
MESSAGE_BYTES = 1024 * 1024  # of one websocket message: what is pasted into a console comes in pieces
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
            listener = opened.enter_context(_listen(options.port))
            self.url = f"http://{ADDRESS}:{listener.getsockname()[1]}"
            tls_listener = opened.enter_context(_listen(options.https_port))
            self.https_url = f"https://localhost:{tls_listener.getsockname()[1]}"
            self._authority = Authority(options.data)
            self._account = _open_account(options, self.https_url, self._authority, Journal(follow), opened)
            self._loop = asyncio.new_event_loop()
            self._closing = asyncio.Event()
            serving = threading.Event()
            thread = threading.Thread(
                target=self._run, args=(listener, tls_listener, serving), name="sandbox", daemon=True
            )
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
    def ca_file(self) -> Path:
        """What a client has to trust for `https_url`, and for the sites at the same port."""
        return self._authority.root_file

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
    def clock(self) -> Clock:
        return self._account.clock

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

    def _run(self, listener: socket.socket, tls_listener: socket.socket, serving: threading.Event) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(listener, tls_listener, serving))

    def _stop(self, thread: threading.Thread) -> None:
        self._loop.call_soon_threadsafe(self._closing.set)
        thread.join()

    async def _serve(
        self, listener: socket.socket, tls_listener: socket.socket, serving: threading.Event
    ) -> None:
        """The HTTP is uvicorn's, the server is not: that one takes 0.1 s or more to close."""
        config = uvicorn.Config(
            App(self._account),
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            ws="wsproto",  # for consoles
            ws_max_size=MESSAGE_BYTES,
            ws_per_message_deflate=False,  # on one machine it only costs time
        )
        config.load()
        state = ServerState()

        def connection() -> Connection:
            return Connection(config, state, {})

        server = await self._loop.create_server(connection, sock=listener, backlog=config.backlog)
        certificates = self._account.certificates
        front = Front(
            self._account.options.data, self._authority, certificates, self._account.options.platform_domain
        )
        door = Door(tls_listener, front.context, connection)
        door.open()
        certificates.watch()
        serving.set()
        await self._closing.wait()
        server.close()
        self._account.sites.close()
        certificates.close()
        for each in list(state.connections):
            each.transport.abort()
        await door.close()
        await asyncio.sleep(0)  # lets every request learn that nobody is there any more
        tasks = list(state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._account.consoles.close()


def _listen(port: int) -> socket.socket:
    listener = socket.create_server((ADDRESS, port))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # head and body are two writes
    return listener


def _open_account(
    options: SandboxOptions,
    https_url: str,
    authority: Authority,
    journal: Journal,
    opened: ExitStack,
) -> Account:
    """The account as its data folder holds it, with its sites; what has to be closed goes on the stack."""
    disk = AccountDisk(options.data, options.user, quota_bytes=options.quota_bytes)
    token = options.token or _kept_token(disk.data / "token")
    store = Store(disk.data / "account.sqlite3")
    opened.callback(store.close)
    threads, visitors = opened.enter_context(Threads()), opened.enter_context(Threads())
    environment = {
        "API_TOKEN": token,
        "PYTHONANYWHERE_SITE": https_url.removeprefix("https://"),  # its clients speak nothing but HTTPS
        "PYTHONANYWHERE_DOMAIN": options.platform_domain,
    }
    interpreters = Interpreters()
    hosting = SiteHosting(
        disk,
        environment=environment,
        ping_limit_s=options.reload_limit_s,
        isolation=options.isolation,
        interpreters=interpreters,
        workers=options.worker_count,
    )
    opened.callback(hosting.close)
    clock = Clock()
    commands = AccountCommands(
        disk, Enclosure(disk, options.isolation), interpreters, environment, today=clock.today
    )
    opened.callback(commands.close)
    runs = Runs(disk, commands, clock, limit=timedelta(hours=options.limits.task_hours))
    timetable = Timetable(clock, runs, lambda: account.switches)
    opened.callback(timetable.close)
    programs = Programs(disk, commands, clock)
    opened.callback(programs.close)
    certificates = Certificates(options.data, authority, clock, lambda: account.switches)

    def reloaded(domain: str) -> None:
        """The certificates of all names that lead to the site come into force."""
        known = account.domains.find(domain)
        for each in account.domains.of_site(known.site) if known and known.site else ():
            certificates.activate(each.name)

    log_rotation = LogRotation(disk, clock, lambda: account.switches)
    opened.callback(log_rotation.close)
    sites = Sites(
        store,
        hosting,
        threads,
        visitors,
        on_reload=reloaded,
        switches=lambda: account.switches,
    )
    website_hosting = WebsiteHosting(commands)
    opened.callback(website_hosting.close)
    websites = Websites(store, website_hosting, threads, on_reload=reloaded)
    account = Account(
        options=options,
        token=token,
        https_url=https_url,
        switches=options.switches,
        disk=disk,
        store=store,
        sites=sites,
        websites=websites,
        certificates=certificates,
        commands=commands,
        consoles=Consoles(commands, threads),
        clock=clock,
        timetable=timetable,
        programs=programs,
        log_rotation=log_rotation,
        threads=threads,
        journal=journal,
    )
    certificates.load_all()
    sites.load_all()
    websites.load_all()
    log_rotation.begin()
    timetable.load(store.all(TASK))
    programs.load(store.all(ALWAYS_ON))
    return account


class Connection(H11Protocol):
    """Lets the application reach the connection itself, for the faults that end it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app = _with_transport(self.app, transport)

    def _should_upgrade(self) -> bool:
        """To a websocket for consoles alone: sites get such requests as ordinary ones, as WSGI has them."""
        return PLACES.fullmatch(self.scope["path"]) is not None and super()._should_upgrade()


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
  https    {sandbox.https_url} for whoever trusts {sandbox.ca_file}
  site     {sandbox.url.replace(ADDRESS, domain + LOCAL)}/ in a browser, when there is a web app
  consoles {sandbox.url}/user/{sandbox.user}/consoles/ in a browser, which is asked for the token

What is different from the platform: one account, whose sites answer at the same address under their
`Host`, with or without {LOCAL}; databases are not there.
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
