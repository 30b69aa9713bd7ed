"""The account's web apps as the hosting sees them: what is kept about one becomes the site that runs."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from deployer.sandbox.hosting import (
    Login,
    ReloadTimeout,
    SiteConfig,
    SiteHosting,
    SiteRequest,
    SiteResponse,
    StaticHeader,
)
from deployer.sandbox.store import Record, Store
from deployer.sandbox.switches import Switches
from deployer.sandbox.threads import Threads

WEBAPP = "webapp"
MAPPING = "static_file"
HEADER = "static_header"

log = structlog.get_logger()


class Sites:
    """Used by the thread that serves; what may take long runs elsewhere."""

    def __init__(
        self,
        store: Store,
        hosting: SiteHosting,
        threads: Threads,
        visitors: Threads,
        *,
        on_reload: Callable[[str], None],
        switches: Callable[[], Switches],
    ) -> None:
        """`on_reload` gets the domain of each site that is being reloaded."""
        self._store = store
        self._hosting = hosting
        self._threads = threads
        self._visitors = visitors
        self._on_reload = on_reload
        self._switches = switches
        self._due: dict[str, asyncio.TimerHandle] = {}
        self._reloads: set[asyncio.Future[None]] = set()

    def find(self, domain: str) -> Record | None:
        """The web app of a domain, in whatever case it is spelt."""
        wanted = domain.lower()
        return next((each for each in self._store.all(WEBAPP) if owner_of(each) == wanted), None)

    def of_wsgi_file(self, path: str) -> Record | None:
        """The web app whose WSGI file this account path is."""
        return next((each for each in self._store.all(WEBAPP) if wsgi_path(owner_of(each)) == path), None)

    def mappings(self, webapp: Record) -> list[Record]:
        """In the order in which they are tried."""
        records = self._store.all(MAPPING, owner=owner_of(webapp))
        by_id = self._switches().static_order == "id"
        return records if by_id else sorted(records, key=lambda each: each.revision)

    def load_all(self) -> None:
        """Bring the sites of an earlier sandbox on this data folder back."""
        for webapp in self._store.all(WEBAPP):
            self._hosting.load(self._config(webapp))

    async def load(self, webapp: Record) -> None:
        """Put it in force as it is kept, without running anything: disabled sites need no more."""
        await self._threads.run(self._hosting.load, self._config(webapp))

    async def start(self, webapp: Record) -> None:
        """Put it in force as it is kept, and let its workers begin."""
        await self._threads.run(self._hosting.start, self._config(webapp))

    async def reload(self, webapp: Record) -> None:
        """Raises ReloadTimeout."""
        self._on_reload(owner_of(webapp))
        await self._threads.run(self._hosting.reload, self._config(webapp))

    async def remove(self, domain: str) -> None:
        """Take a site offline, and forget what was still to be done with it."""
        if handle := self._due.pop(domain, None):
            handle.cancel()
        await self._threads.run(self._hosting.remove, domain)

    async def respond(self, domain: str, request: SiteRequest) -> SiteResponse:
        return await self._visitors.run(self._hosting.respond, domain, request)

    def reload_later(self, domain: str, delay_s: float) -> None:
        """Reload by itself in a while; another upload before that changes nothing."""
        if domain not in self._due:
            loop = asyncio.get_running_loop()
            self._due[domain] = loop.call_later(delay_s, self._reload_now, domain)

    def close(self) -> None:
        """Nothing that is due happens any more."""
        for handle in self._due.values():
            handle.cancel()
        for reload in self._reloads:
            reload.cancel()

    def _reload_now(self, domain: str) -> None:
        del self._due[domain]
        reload = asyncio.ensure_future(self._reload_by_itself(domain))
        self._reloads.add(reload)
        reload.add_done_callback(self._reloads.discard)

    async def _reload_by_itself(self, domain: str) -> None:
        webapp = self.find(domain)
        try:
            if webapp and is_enabled(webapp):
                await self.reload(webapp)
        except ReloadTimeout:
            log.warning("the site was slow to answer after its WSGI file was uploaded", domain=domain)

    def _config(self, webapp: Record) -> SiteConfig:
        body: Mapping[str, Any] = webapp.body
        switches = self._switches()
        login = Login(body["password_protection_username"], body["password_protection_password"])
        return SiteConfig(
            domain=body["domain_name"],
            python_version=body["python_version"],
            source_directory=body["source_directory"],
            working_directory=body["working_directory"],
            virtualenv_path=body["virtualenv_path"],
            force_https=body["force_https"],
            static_mappings=tuple((each.body["url"], each.body["path"]) for each in self.mappings(webapp)),
            wsgi_path=wsgi_path(body["domain_name"]),
            static_headers=tuple(
                StaticHeader(each.body["url"], each.body["name"], _sent(each.body["value"]))
                for each in self._store.all(HEADER, owner=owner_of(webapp))
            ),
            headers_reach=switches.static_headers_reach,
            static_while_reloading=switches.static_while_reloading,
            login=login if body["password_protection_enabled"] else None,
            disabled=None if is_enabled(webapp) else switches.disabled_site,
        )


def is_enabled(webapp: Record) -> bool:
    return bool(webapp.body.get("enabled", True))  # an account of an earlier version has no such key


def _sent(value: Any) -> str:
    """A header's value as text; how the platform sends one that is an object is not public."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def owner_of(webapp: Record) -> str:
    """Under which name a web app's mappings, headers and certificate are kept: they belong to the domain."""
    domain: str = webapp.body["domain_name"]
    return domain.lower()


def wsgi_path(domain: str) -> str:
    """By the help page DeployExistingDjangoProject and the vendor's upload.py, which lower-cases it."""
    return f"/var/www/{domain.lower().replace('.', '_')}_wsgi.py"
