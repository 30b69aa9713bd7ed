"""The account's websites of version 1 of the API: what is kept about one becomes the server that runs."""

import asyncio
from collections.abc import Callable

from starlette.types import Receive, Send

from deployer.sandbox.hosting import SiteRequest
from deployer.sandbox.hosting.website_hosting import WebsiteHosting
from deployer.sandbox.hosting.website_server import WebsiteConfig
from deployer.sandbox.store import Record, Store
from deployer.sandbox.threads import Threads

WEBSITE = "website"


class Websites:
    """Used by the thread that serves; what may take long runs elsewhere."""

    def __init__(
        self, store: Store, hosting: WebsiteHosting, threads: Threads, *, on_reload: Callable[[str], None]
    ) -> None:
        """`on_reload` gets the domain of each website that is being reloaded."""
        self._on_reload = on_reload
        self._store = store
        self._hosting = hosting
        self._threads = threads

    def all(self) -> list[Record]:
        return self._store.all(WEBSITE)

    def find(self, domain: str) -> Record | None:
        """The website of a domain, in whatever case it is spelt."""
        wanted = domain.lower()
        return next((each for each in self.all() if each.body["domain_name"].lower() == wanted), None)

    def load_all(self) -> None:
        """Bring the websites of an earlier sandbox on this data folder back."""
        for website in self.all():
            self._hosting.load(_config(website))

    async def create(self, domain: str, command: str, *, enabled: bool, hidden_s: float) -> Record:
        body = {"domain_name": domain, "command": command, "enabled": enabled}
        website = self._store.add(WEBSITE, body)
        await self._threads.run(self._hosting.load, _config(website), hidden_s=hidden_s)
        return website

    async def enable(self, website: Record, *, enabled: bool) -> Record:
        """A server that runs already is left alone."""
        if website.body["enabled"] == enabled:
            return website
        changed = self._store.change(website, {**website.body, "enabled": enabled})
        await self._threads.run(self._hosting.load, _config(changed))
        return changed

    async def reload(self, website: Record) -> None:
        self._on_reload(website.body["domain_name"])
        await self._threads.run(self._hosting.reload, _config(website))

    async def delete(self, website: Record) -> None:
        self._store.remove(website)
        await self._threads.run(self._hosting.remove, website.body["domain_name"])

    async def visit(
        self,
        website: Record,
        request: SiteRequest,
        receive: Receive,
        send: Send,
        connection: asyncio.Transport,
    ) -> bool:
        """False where the answer ends before it is complete. Raises UnknownSiteError."""
        return await self._hosting.visit(website.body["domain_name"], request, receive, send, connection)


def _config(website: Record) -> WebsiteConfig:
    body = website.body
    return WebsiteConfig(
        number=website.id, domain=body["domain_name"], command=body["command"], enabled=body["enabled"]
    )
