"""The whole of HTTP as one application; webhooks are added by whoever knows them."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from deployer.daemon.view import View
from deployer.secret import Secret
from deployer.web.access import Access
from deployer.web.actions import Actions
from deployer.web.api import Api
from deployer.web.feed import Feed
from deployer.web.headers import SafeHeaders
from deployer.web.metrics import Metrics
from deployer.web.pages import Pages
from deployer.web.probes import Probes
from deployer.web.render import Renderer
from deployer.web.streams import Streams

_TITLES = {403: "Not allowed", 404: "Not found", 405: "Not possible", 500: "A mistake of the deployer's"}


def application(
    view: View,
    *,
    token: Secret | None,
    extra_routes: Sequence[BaseRoute] = (),
    metrics: Metrics | None = None,
    url: str | None = None,
) -> Starlette:
    """`token` is what acting needs; None: the page and the API only show.

    `metrics` is what the daemon feeds, and is told to watch `view` here. `url` is `[daemon] url`. The
    streams end with `app.state.feed.close()`.
    """
    access, feed, metrics = Access(token, url=url), Feed(view), metrics or Metrics()
    metrics.watch(view)
    renderer = Renderer(access)
    app = Starlette(
        routes=[
            *extra_routes,
            *Probes(view, metrics).routes(),
            *Streams(view, feed).routes(),
            *Api(view, access).routes(),
            *Pages(view, renderer).routes(),
            *Actions(view, access, renderer).routes(),
            Mount("/static", StaticFiles(packages=[("deployer.web", "static")])),
        ],
        middleware=[Middleware(SafeHeaders)],
        exception_handlers={HTTPException: _Refusal(renderer), 500: _Refusal(renderer)},
    )
    app.router.redirect_slashes = False  # it would lead to wherever `Host` says
    app.state.feed = feed
    return app


class _Refusal:
    """An error in the form that was asked for: JSON below /api, a page elsewhere."""

    def __init__(self, renderer: Renderer) -> None:
        self._render = renderer.page

    async def __call__(self, request: Request, error: Exception) -> Response:
        status, text, headers = 500, "Its log says more.", None
        if isinstance(error, HTTPException):
            status, text, headers = error.status_code, error.detail, error.headers
        if request.url.path.startswith("/api/"):
            return JSONResponse(
                {"error": text}, status, headers={"Cache-Control": "no-store", **(headers or {})}
            )
        title = _TITLES.get(status, "That did not work")
        answer = self._render(request, "problem.html", status=status, title=title, text=text)
        answer.headers.update(headers or {})
        return answer
