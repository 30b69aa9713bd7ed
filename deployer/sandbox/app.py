"""Who answers: a site, when the `Host` is that of a web app; else the sandbox's own control, or the API."""

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from deployer.sandbox.account import Account
from deployer.sandbox.api import Api
from deployer.sandbox.control import PREFIX, Control
from deployer.sandbox.hosting import SiteRequest, UnknownSiteError
from deployer.sandbox.replies import page

LOCAL = ".localhost"  # browsers take every name that ends so for their own machine (RFC 6761, 6.3)


class App:
    def __init__(self, account: Account) -> None:
        self._account = account
        self._api = Api(account)
        self._control = Control(account)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # no site of the platform's web apps speaks WebSocket
            return
        domain = self._domain(scope)
        if domain is not None:
            await self._visit(domain, scope, receive, send)
        elif scope["path"].startswith(PREFIX) or scope["path"] + "/" == PREFIX:
            await self._control(scope, receive, send)
        else:
            await self._api(scope, receive, send)

    def _domain(self, scope: Scope) -> str | None:
        host = Headers(scope=scope).get("host", "").partition(":")[0].lower()
        webapp = self._account.sites.find(host) or self._account.sites.find(host.removesuffix(LOCAL))
        return None if webapp is None else str(webapp.body["domain_name"])

    async def _visit(self, domain: str, scope: Scope, receive: Receive, send: Send) -> None:
        body = await Request(scope, receive).body()
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        visit = SiteRequest(
            method=scope["method"],
            target=(scope["raw_path"] + query).decode("latin-1"),
            headers=_as_published(Headers(scope=scope), domain),
            body=body,
            client=scope["client"][0] if scope["client"] else "",
        )
        try:
            answer = await self._account.sites.respond(domain, visit)
        except UnknownSiteError:  # deleted after this visitor came
            await page(404)(scope, receive, send)
            return
        response = Response(answer.body, answer.status)
        length = (b"content-length", response.headers["content-length"].encode())
        kept = [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in answer.headers]
        response.raw_headers = [*(pair for pair in kept if pair[0] != b"content-length"), length]
        await response(scope, receive, send)


def _as_published(headers: Headers, domain: str) -> tuple[tuple[str, str], ...]:
    """The visitor's headers, with the site's domain where a browser used `<domain>.localhost`.

    Many sites answer to their domain only, and take forms only from there: Django does, by ALLOWED_HOSTS.
    """
    host = headers.get("host", "")
    if host.partition(":")[0].lower() != domain.lower() + LOCAL:
        return tuple(headers.items())
    published = {("host", host): domain, ("origin", f"http://{host}"): f"https://{domain}"}
    return tuple((name, published.get((name, value), value)) for name, value in headers.items())
