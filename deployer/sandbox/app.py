"""Who answers: a site, when the `Host` leads to one; else the sandbox's own control, or the API."""

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from deployer.sandbox.account import Account
from deployer.sandbox.api import Api
from deployer.sandbox.consoles.pages import PLACES, ConsolePages
from deployer.sandbox.control import PREFIX, Control
from deployer.sandbox.domains import Domain
from deployer.sandbox.hosting import SiteRequest, UnknownSiteError
from deployer.sandbox.replies import gone, page, transport_of
from deployer.sandbox.shares import SharedPages, is_link
from deployer.sandbox.store import Record
from deployer.sandbox.task_page import PLACE, TaskPage

LOCAL = ".localhost"  # browsers take every name that ends so for their own machine (RFC 6761, 6.3)


class App:
    def __init__(self, account: Account) -> None:
        self._account = account
        self._api = Api(account)
        self._control = Control(account)
        self._task_page = TaskPage(account)
        self._console_pages = ConsolePages(account)
        self._shared = SharedPages(account.shares, account.disk, account.threads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # no site of the platform's web apps speaks it
            await self._console_pages(scope, receive, send)
            return
        domain = self._domain(scope)
        if domain is not None:
            await self._visit(domain, scope, receive, send)
        elif scope["path"].startswith(PREFIX) or scope["path"] + "/" == PREFIX:
            await self._control(scope, receive, send)
        elif PLACE.fullmatch(scope["path"]):
            await self._task_page(scope, receive, send)
        elif PLACES.fullmatch(scope["path"]):
            await self._console_pages(scope, receive, send)
        elif is_link(scope["path"]):
            await self._shared(scope, receive, send)
        else:
            await self._api(scope, receive, self._account.clock.dated(send))

    def _domain(self, scope: Scope) -> Domain | None:
        host = Headers(scope=scope).get("host", "").partition(":")[0].lower()
        found = self._account.domains.find(host)
        if found is None and host.endswith(LOCAL):
            return self._account.domains.find(host.removesuffix(LOCAL))
        return found

    def _is_secure(self, scope: Scope) -> bool | None:
        if transport_of(scope).get_extra_info("sslcontext"):  # the scope's scheme is what headers claim
            return True
        return False if self._account.options.plain_is_http else None

    async def _visit(self, domain: Domain, scope: Scope, receive: Receive, send: Send) -> None:
        """A site may be deleted after its visitor came."""
        site = domain.site
        try:
            if site is None or (domain.is_further and not domain.enabled):
                await page(404, "This domain leads nowhere.")(scope, receive, send)
            elif domain.to_website:
                await self._visit_website(site, domain.name, scope, receive, send)
            else:
                await self._visit_webapp(site, domain.name, scope, receive, send)
        except UnknownSiteError:
            await page(404)(scope, receive, send)

    def _request(self, domain: str, scope: Scope, body: bytes) -> SiteRequest:
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        return SiteRequest(
            method=scope["method"],
            target=(scope["raw_path"] + query).decode("latin-1"),
            headers=_as_published(Headers(scope=scope), domain),
            body=body,
            client=scope["client"][0] if scope["client"] else "",
            secure=self._is_secure(scope),
        )

    async def _visit_website(
        self, website: Record, domain: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Bodies pass as they come. Raises UnknownSiteError."""
        if not website.body["enabled"]:
            await page(self._account.switches.disabled_site, "This site is disabled.")(scope, receive, send)
            return
        is_local = _is_local(Headers(scope=scope), domain)

        async def send_visited(message: Message) -> None:
            if is_local and message["type"] == "http.response.start":
                headers = tuple((n.decode("latin-1"), v.decode("latin-1")) for n, v in message["headers"])
                visited = _as_visited(headers, domain, self._account.https_url)
                message["headers"] = [(n.encode("latin-1"), v.encode("latin-1")) for n, v in visited]
            await send(message)

        request = self._request(domain, scope, b"")
        connection = transport_of(scope)
        if not await self._account.websites.visit(website, request, receive, send_visited, connection):
            connection.abort()
            await gone(receive)

    async def _visit_webapp(
        self, webapp: Record, domain: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Raises UnknownSiteError."""
        body = await Request(scope, receive).body()
        request = self._request(domain, scope, body)
        answer = await self._account.sites.respond(webapp.body["domain_name"], request)
        response = Response(answer.body, answer.status)
        headers = answer.headers
        if _is_local(Headers(scope=scope), domain):
            headers = _as_visited(headers, domain, self._account.https_url)
        response.raw_headers = [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in headers]
        await response(scope, receive, send)


def _as_published(headers: Headers, domain: str) -> tuple[tuple[str, str], ...]:
    """The visitor's headers, with the site's domain where a browser used `<domain>.localhost`.

    Many sites answer to their domain only, and take forms only from there: Django does, by ALLOWED_HOSTS.
    """
    host = headers.get("host", "")
    if not _is_local(headers, domain):
        return tuple(headers.items())
    origins = {("origin", f"{scheme}://{host}"): f"https://{domain}" for scheme in ("http", "https")}
    published = {("host", host): domain, **origins}
    return tuple((name, published.get((name, value), value)) for name, value in headers.items())


def _as_visited(
    headers: tuple[tuple[str, str], ...], domain: str, https_url: str
) -> tuple[tuple[str, str], ...]:
    """The other way round: a redirect to the site's own HTTPS would lead such a browser into the internet."""
    published = f"https://{domain}/"
    visited = https_url.replace("localhost", domain + LOCAL) + "/"
    return tuple(
        (name, visited + value.removeprefix(published))
        if name.lower() == "location" and value.startswith(published)
        else (name, value)
        for name, value in headers
    )


def _is_local(headers: Headers, domain: str) -> bool:
    return headers.get("host", "").partition(":")[0].lower() == domain.lower() + LOCAL
