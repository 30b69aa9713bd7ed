"""A page that is really served, and a browser to look at it."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser

from deployer.secret import Secret
from deployer.web.app import application
from deployer.web.server import WebServer
from tests.web.browser import chromium
from tests.web.listening import Listen, Listener
from tests.web.stand import Stand

TOKEN = "open-sesame-Türe"


Visitor = Callable[[], requests.Session]


@dataclass(frozen=True)
class Served:
    stand: Stand
    url: str
    token: str
    server: WebServer

    @property
    def server_address(self) -> tuple[str, int]:
        return "127.0.0.1", int(self.url.rpartition(":")[2])


@dataclass(frozen=True)
class Showing:
    """Served without a token."""

    stand: Stand
    url: str


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(tmp_path / "state")


@pytest.fixture
def served(stand: Stand) -> Iterator[Served]:
    """With a token."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with WebServer(application(stand, token=Secret(TOKEN)), listener) as server:
        yield Served(stand=stand, url=url, token=TOKEN, server=server)


@pytest.fixture
def showing(stand: Stand) -> Iterator[Showing]:
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with WebServer(application(stand, token=None), listener):
        yield Showing(stand=stand, url=url)


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Opens streams, and closes them in the end."""
    with ExitStack() as opened:
        yield lambda *args, **kwargs: opened.enter_context(closing(Listener(*args, **kwargs)))


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    """Makes visitors with a cookie jar each."""
    with ExitStack() as opened:
        yield lambda: opened.enter_context(requests.Session())


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Not for longer than its module: an event loop runs in this thread until it is closed."""
    with chromium() as opened:
        yield opened
