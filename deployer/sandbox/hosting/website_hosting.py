"""All websites of one account: servers that a command starts, and their visitors."""

import asyncio
import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from starlette.types import Receive, Send

from deployer.sandbox.disk import OutsideAccountError
from deployer.sandbox.hosting.commands import AccountCommands
from deployer.sandbox.hosting.domain_socket import DomainSockets
from deployer.sandbox.hosting.forward import Forwarding
from deployer.sandbox.hosting.hosting import UnknownSiteError
from deployer.sandbox.hosting.logs import SiteLogs
from deployer.sandbox.hosting.model import SiteRequest
from deployer.sandbox.hosting.website_server import WebsiteConfig, WebsiteServer

RELOAD_WAIT_S = 5.0  # for the new server to listen; one that is slower is reloaded all the same


@dataclass(frozen=True, slots=True)
class Website:
    config: WebsiteConfig
    logs: SiteLogs
    server: WebsiteServer | None  # None: disabled
    hidden_until: float  # by time.monotonic


class WebsiteHosting:
    """Thread-safe; websites do not wait for each other. Domains in any case.

    `reload_wait_s` bounds how long a reload waits for the new server; that it never listens is no error.
    """

    def __init__(self, commands: AccountCommands, *, reload_wait_s: float = RELOAD_WAIT_S) -> None:
        self._commands = commands
        self._sockets = DomainSockets(commands.disk, commands.enclosure)
        self._reload_wait_s = reload_wait_s
        self._lock = threading.Lock()
        self._changing: dict[str, threading.Lock] = {}
        self._sites: dict[str, Website] = {}
        self._closed = False

    def load(self, config: WebsiteConfig, *, hidden_s: float = 0.0) -> None:
        """Put the configuration in force, with its server running or not; it shows in `hidden_s` seconds."""
        with self._of(config.domain):
            self._replace(config, hidden_s)

    def reload(self, config: WebsiteConfig) -> None:
        """Stop the server and start it; returns when the new one listens, or after some seconds."""
        with self._of(config.domain):
            server = self._replace(config, 0.0)
        if server is not None:
            server.wait_listening(self._reload_wait_s)

    def remove(self, domain: str) -> None:
        """End the server and forget the website; files and logs stay."""
        with self._of(domain):
            with self._lock:
                site = self._sites.pop(domain.lower(), None)
            if site is not None and site.server is not None:
                site.server.end()

    def close(self) -> None:
        """End every server, wait for all of them."""
        with self._lock:
            self._closed = True
            domains = list(self._sites)
        with ThreadPoolExecutor(max_workers=max(1, len(domains))) as pool:
            list(pool.map(self.remove, domains))
        self._sockets.close()

    async def visit(
        self, domain: str, request: SiteRequest, receive: Receive, send: Send, connection: asyncio.Transport
    ) -> bool:
        """Answer a visitor; False where the answer ends before it is complete. Raises UnknownSiteError."""
        with self._lock:
            site = self._sites.get(domain.lower())
        if site is None or site.server is None or time.monotonic() < site.hidden_until:
            raise UnknownSiteError(domain)
        forwarding = Forwarding(receive, send, connection)
        passed = forwarding.passed
        try:
            await forwarding.run(self._sockets.reached(site.config.number), request)
        finally:
            if passed.status is not None:
                with contextlib.suppress(
                    OSError, OutsideAccountError
                ):  # visitors do not care for a full disk
                    site.logs.visit(request, passed.status, passed.size)
        return passed.complete

    def _of(self, domain: str) -> threading.Lock:
        """Keeps changes of one website apart."""
        with self._lock:
            return self._changing.setdefault(domain.lower(), threading.Lock())

    def _replace(self, config: WebsiteConfig, hidden_s: float) -> WebsiteServer | None:
        """Visitors who come in between find that nothing answers."""
        with self._lock:
            before = self._sites.get(config.domain.lower())
        if before is not None and before.server is not None:
            before.server.end()
        logs = SiteLogs(self._commands.disk, config.domain)
        server = None
        with self._lock:
            if config.enabled and not self._closed:
                server = WebsiteServer(config, self._commands, self._sockets, logs)
            self._sites[config.domain.lower()] = Website(config, logs, server, time.monotonic() + hidden_s)
        return server
