"""Structured events: one name per thing that happened, one deployment id through all of them.

Readable on a terminal, one JSON object per line otherwise; the names are listed in docs/events.md.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from deployer.secret import Secret

log: FilteringBoundLogger = structlog.get_logger()

Keeper = Callable[[str, str], None]
"""Keeps (deployment id, JSON line) somewhere durable."""

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "silent": 100}
_keepers: dict[str, Keeper] = {}
"""By deployment: several run side by side in a daemon, each with a memory of its own."""


def configure(*, level: str = "info", as_json: bool | None = None, stream: TextIO | None = None) -> None:
    """Where events go from now on.

    `level` is the least that is shown; what is kept with a deployment starts at info regardless.
    `as_json` None: JSON unless the stream is a terminal.
    """
    out = stream or sys.stderr
    structured = not out.isatty() if as_json is None else as_json
    renderer = _Json() if structured else structlog.dev.ConsoleRenderer(colors=out.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([structlog.processors.format_exc_info] if structured else []),
            _keep,
            _Filter(_LEVELS[level]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(min(_LEVELS[level], _LEVELS["info"])),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Forgiving(out))),
        cache_logger_on_first_use=False,
    )


@contextmanager
def deployment_events(deployment: str, domain: str, keeper: Keeper) -> Iterator[None]:
    """Every event inside carries the deployment's id and site, and is kept with it."""
    _keepers[deployment] = keeper
    try:
        with structlog.contextvars.bound_contextvars(deployment=deployment, domain=domain):
            yield
    finally:
        del _keepers[deployment]


def _keep(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    deployment = event.get("deployment")
    if deployment and _LEVELS[event["level"]] >= _LEVELS["info"]:
        keeper = _keepers.get(deployment)
        if keeper is not None:
            keeper(deployment, json.dumps(event, default=_plain))
    return event


class _Forgiving:
    """A stream that may be closed or full: events are lost then, the deployment goes on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


class _Filter:
    def __init__(self, least: int) -> None:
        self.least = least

    def __call__(self, _: WrappedLogger, __: str, event: EventDict) -> EventDict:
        if _LEVELS[event["level"]] < self.least:
            raise structlog.DropEvent
        return event


class _Json:
    def __call__(self, _: WrappedLogger, __: str, event: EventDict) -> str:
        return json.dumps(event, default=_plain, ensure_ascii=False)


def _plain(value: object) -> str:
    return "***" if isinstance(value, Secret) else str(value)
