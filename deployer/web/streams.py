"""Server-sent events: the log of one deployment until it ends, and what moves on the pages."""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from deployer.daemon.view import SiteView, View
from deployer.errors import UsageError
from deployer.web import lookup
from deployer.web.feed import Feed
from deployer.web.lookup import Found
from deployer.web.shapes import found as found_shape
from deployer.web.shapes import plain, progress
from deployer.web.words import event_words, progress_words

_BEAT = ": still here\n\n"
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Streams:
    def __init__(self, view: View, feed: Feed) -> None:
        self._view = view
        self._feed = feed

    def routes(self) -> list[Route]:
        return [
            Route("/events", self.page),
            Route("/events/{id}", self.deployment_page),
            Route("/api/deployments/{id}/events", self.deployment),
        ]

    async def page(self, request: Request) -> Response:
        """For the script of a page with sites: `?site=` limits it to one."""
        return _stream(request, self._sites(request.query_params.get("site")))

    async def deployment(self, request: Request) -> Response:
        return await self._one(request, lambda _, event: plain(event))

    async def deployment_page(self, request: Request) -> Response:
        """The same as `deployment`, in the words of the page."""
        return await self._one(request, lambda number, event: {"number": number, **event_words(event)})

    async def _one(self, request: Request, shape: Callable[[int, Mapping[str, Any]], object]) -> Response:
        """Goes on after the event that `Last-Event-ID`, or `?after=`, names."""
        id_ = request.path_params["id"]
        try:
            await run_in_threadpool(lookup.find, self._view, id_)
        except UsageError as error:
            raise HTTPException(404, str(error)) from error
        after = request.headers.get("last-event-id") or request.query_params.get("after") or "0"
        seen = int(after) if after.isascii() and after.isdecimal() and len(after) < 12 else 0
        return _stream(request, self._deployment(id_, seen, shape))

    async def _deployment(
        self, id_: str, seen: int, shape: Callable[[int, Mapping[str, Any]], object]
    ) -> AsyncIterator[str]:
        view, feed = self._view, self._feed
        said = ""

        def look() -> tuple[Found, Sequence[dict[str, Any]]]:
            # In this order: what is found ended has all its events.
            found = lookup.find(view, id_)
            return found, lookup.events(view, found.id)

        with feed.listening():
            while not feed.closed:
                version = feed.version
                found, events = await feed.read(("deployment", id_), look)
                if found.status != said and not found.ended:
                    said = found.status
                    yield _event("status", {"status": said})
                for number, event in enumerate(events[seen:], start=seen + 1):
                    yield _event("log", shape(number, event), id_=number)
                seen = max(seen, len(events))
                if found.progress:
                    yield _event("progress", progress(found.progress))
                if found.ended:
                    yield _event("end", found_shape(found))
                    return
                if not await feed.changed(version):
                    yield _BEAT

    async def _sites(self, only: str | None) -> AsyncIterator[str]:
        view, feed = self._view, self._feed
        last = ""
        with feed.listening():
            while not feed.closed:
                version = feed.version
                shown = [s for s in await feed.read("sites", view.sites) if only in {None, s.name}]
                running = [
                    {
                        "deployment": site.running.deployment,
                        "done": site.running.done,
                        "steps": site.running.steps,
                        "words": progress_words(site.running),
                    }
                    for site in shown
                    if site.running
                ]
                message = _event("sites", {"state": fingerprint(shown), "running": running})
                if message != last:
                    last = message
                    yield message
                if not await feed.changed(version):
                    yield _BEAT


def fingerprint(sites: Sequence[SiteView]) -> str:
    """Changes with everything that the page shows of them but the progress of what runs."""
    still = [
        replace(
            site,
            running=site.running
            and replace(
                site.running,
                phase="",
                done=0,
                steps=0,
                bytes_done=0,
                bytes_total=0,
                current="",
                seconds_left=None,
                waiting_s=0,
            ),
        )
        for site in sites
    ]
    return blake2b(repr(still).encode(), digest_size=8).hexdigest()


def _stream(request: Request, chunks: AsyncIterator[str]) -> Response:
    if request.method == "HEAD":  # nobody would see a stream, but it would go on
        return Response(media_type="text/event-stream", headers=_HEADERS)
    return StreamingResponse(chunks, media_type="text/event-stream", headers=_HEADERS)


def _event(name: str, data: object, *, id_: int | None = None) -> str:
    number = "" if id_ is None else f"id: {id_}\n"
    return f"{number}event: {name}\ndata: {json.dumps(data)}\n\n"
