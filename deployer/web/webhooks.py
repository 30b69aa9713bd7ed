"""`POST /hooks/{site}`: where hosting services announce pushes. Whatever is not proved is refused."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus

from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from deployer.events import log
from deployer.model.order import Order
from deployer.state.deliveries import Deliveries, Replayed
from deployer.triggers.headers import by_name
from deployer.triggers.rejection import Rejected
from deployer.triggers.signatures import secret_problem
from deployer.triggers.webhooks import Ping, Push, Target, read_push, why_ignored
from deployer.web.intake import Intake
from deployer.web.refusals import Refusals

Targets = Callable[[], Mapping[str, Target]]
"""Site -> what it listens to; asked for every request, so a reloaded configuration counts at once."""
Post = Callable[[str, str], Order]
"""(site, source in words) -> the order, on disk. Called in a worker thread; takes milliseconds."""


def webhook_routes(
    targets: Targets,
    deliveries: Deliveries,
    post: Post,
    status_url: Callable[[Order], str],
    *,
    intake: Intake | None = None,
) -> list[Route]:
    """A site that is not among the targets, or whose secret is not usable, is not there: 404."""
    hooks = Hooks(targets, deliveries, post, status_url, intake or Intake())
    return [Route("/hooks/{site:path}", hooks, name="hooks")]


class Hooks:
    """An ASGI application, so that every method, and every way of ending a request, is ours to answer."""

    def __init__(
        self,
        targets: Targets,
        deliveries: Deliveries,
        post: Post,
        status_url: Callable[[Order], str],
        intake: Intake,
    ) -> None:
        self._targets = targets
        self._deliveries = deliveries
        self._post = post
        self._status_url = status_url
        self._intake = intake
        self._refusals = Refusals()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        site = str(scope["path_params"]["site"])
        try:
            response = await self._answer(site, scope, receive)
        except ClientDisconnect:
            return
        except Rejected as rejected:
            self._refusals.count(site if site in self._targets() else "", rejected)
            response = _error(rejected.status, rejected.why)
        await response(scope, receive, send)

    async def _answer(self, site: str, scope: Scope, receive: Receive) -> Response:
        if scope["method"] != "POST":
            raise Rejected(405, "a webhook is sent with POST")
        target = self._targets().get(site)
        if target is None or secret_problem(target.provider, target.secret):
            raise Rejected(404, "no webhook is served at this address")
        body = await self._intake.body(scope, receive)
        push = read_push(
            target.provider, target.secret, by_name(scope["headers"]), body, now=datetime.now(UTC)
        )
        why = push.why if isinstance(push, Ping) else why_ignored(push, target.branch, target.patterns)
        if why or isinstance(push, Ping):
            return JSONResponse({"ignored": why})
        order = await asyncio.to_thread(self._accept, site, push, push.words(target.branch))
        return JSONResponse({"deployment": order.id, "status": self._status_url(order)}, 202)

    def _accept(self, site: str, push: Push, words: str) -> Order:
        """The order is on disk, then the delivery is remembered: a crash between the two loses nothing."""
        order: Order | None = None
        try:
            with self._deliveries.once(site, push.names):
                order = self._post(site, words)
        except Replayed:
            raise Rejected(409, "this delivery was accepted before; nothing was queued again") from None
        except Exception as error:  # noqa: BLE001 - whatever it was, nobody is told of a deployment then
            log.exception("webhook_not_kept", site=site, queued=order is not None, problem=str(error))
        if order is None:
            raise Rejected(503, "the push could not be put on disk; send it again later")
        return order


def _error(status: int, why: str) -> Response:
    headers = {}
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["allow"] = "POST"
    if status == HTTPStatus.REQUEST_TIMEOUT:
        headers["connection"] = "close"  # the rest of that body is not waited for
    return JSONResponse({"error": why}, status, headers)
