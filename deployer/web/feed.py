"""Wakes every listener of the page when something that is shown has changed.

However many listen, the view is watched once, nothing has a thread while it waits, and what all of them
want to know is read once for each change.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool

from deployer.daemon.view import View

T = TypeVar("T")

HEARTBEAT_S = 15.0
"""Proxies close what is silent for a minute; a listener that is gone is only noticed by writing to it."""
PAUSE_S = 0.2
"""Changes closer together than this are shown together."""


class Feed:
    """Lives in the event loop of its listeners."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._listeners = 0
        self._watching = ExitStack()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()
        self._version = 0
        self._published_at = 0.0
        self._due = False
        self._read: dict[object, tuple[int, float, asyncio.Future[Any]]] = {}
        self._closed = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Inside the block `changed` wakes."""
        if not self._listeners:
            self._loop = asyncio.get_running_loop()
            self._due = False
            self._watching.enter_context(self._view.watching(self._woken))
        self._listeners += 1
        try:
            yield
        finally:
            self._listeners -= 1
            if not self._listeners:
                self._watching.close()
                self._read.clear()

    @property
    def listeners(self) -> int:
        return self._listeners

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def version(self) -> int:
        """Goes up with every change. Take it before reading, wait for the next with `changed`."""
        return self._version

    async def changed(self, since: int) -> bool:
        """Wait for a change after version `since`, or the heartbeat; False: the heartbeat."""
        if self._version == since and not self._closed:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), HEARTBEAT_S)
        return self._version != since

    async def read(self, key: object, get: Callable[[], T]) -> T:
        """What `get` says, asked once for all listeners until something changes or the next heartbeat."""
        now = asyncio.get_running_loop().time()
        kept = self._read.get(key)
        if kept is None or kept[0] != self._version or now - kept[1] >= HEARTBEAT_S:
            kept = (self._version, now, asyncio.ensure_future(run_in_threadpool(get)))
            self._read[key] = kept
        value: T = await asyncio.shield(kept[2])
        return value

    def close(self) -> None:
        """End every stream. From any thread; without a listener there is nothing to end."""
        self._closed = True
        if self._loop is not None:
            with suppress(RuntimeError):  # its loop has ended, and so has every listener
                self._loop.call_soon_threadsafe(self._publish)

    def _woken(self) -> None:
        """In any thread, perhaps a thousand times a second."""
        if not self._due and self._loop is not None:
            self._due = True
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._plan)

    def _plan(self) -> None:
        assert self._loop is not None  # noqa: S101 - a loop runs this
        self._loop.call_later(max(0.0, self._published_at + PAUSE_S - self._loop.time()), self._publish)

    def _publish(self) -> None:
        self._due = False
        self._version += 1
        self._published_at = asyncio.get_running_loop().time()
        self._read.clear()
        self._changed.set()
        self._changed = asyncio.Event()
