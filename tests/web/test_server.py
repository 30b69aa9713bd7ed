"""Serving itself: starting, stopping, and callers who take their time."""

import socket
import time

import pytest
import requests

from deployer.web.app import application
from deployer.web.guard import GuardedProtocol
from deployer.web.server import WebServer
from tests.web import scenes
from tests.web.conftest import Served
from tests.web.listening import Listen
from tests.web.stand import Stand


def test_stopping_takes_less_than_two_seconds_with_listeners(listen: Listen, served: Served) -> None:
    running = scenes.deploying(served.stand)
    listeners = [listen(f"{served.url}/events") for _ in range(20)]
    listeners.append(listen(f"{served.url}/api/deployments/{running.id}/events"))
    idle = requests.Session()
    assert idle.get(f"{served.url}/healthz", timeout=5).text == "ok\n"

    began = time.monotonic()
    served.server.stop()

    assert time.monotonic() - began < 2
    assert not served.server.alive
    assert served.stand.watchers == 0
    for listener in listeners:
        assert [message for message in listener if message.name == "end"] == []
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{served.url}/healthz", timeout=5)


def test_stopping_does_not_wait_for_a_body_that_does_not_come(served: Served) -> None:
    head = b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nto"
    with socket.create_connection(served.server_address) as slow:
        slow.sendall(head)
        assert requests.get(f"{served.url}/healthz", timeout=5).ok
        began = time.monotonic()

        served.server.stop()

        assert time.monotonic() - began < 2


def test_stopping_twice_does_no_harm(stand: Stand) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    server = WebServer(application(stand, token=None), listener)
    server.start()
    server.stop()

    server.stop()

    assert not server.alive


@pytest.mark.parametrize(("asked_before", "sent"), [(False, b""), (False, b"GET / HT"), (True, b"GET / HT")])
def test_who_does_not_finish_a_request_s_head_is_let_go(
    served: Served, monkeypatch: pytest.MonkeyPatch, asked_before: bool, sent: bytes
) -> None:
    monkeypatch.setattr(GuardedProtocol, "head_s", 0.3)
    with socket.create_connection(served.server_address) as slow:
        slow.settimeout(5)
        if asked_before:
            slow.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = b""
            while not answer.endswith(b"ok\n"):
                answer += slow.recv(4096)
        slow.sendall(sent)

        assert slow.recv(4096).startswith(b"HTTP/1.1 408 ")
        assert slow.recv(4096) == b""


def test_a_stream_outlives_the_time_for_a_head(
    listen: Listen, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GuardedProtocol, "head_s", 0.2)
    scenes.idle(served.stand)
    listener = listen(f"{served.url}/events")
    listener.next("sites")

    began = time.monotonic()
    for number in range(4):
        served.stand.change("blog", problem=f"problem {number}")
        listener.next("sites")

    assert time.monotonic() - began > 0.4
