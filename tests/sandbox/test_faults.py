"""Each fault as the client sees it on the wire, and what it leaves on the account."""

import http.client
import json
import socket
import time
from typing import Any

import pytest
import requests

from deployer.sandbox import Effect, Fault
from tests.sandbox.client import Client
from tests.sandbox.conftest import Start

FILE = "/home/alice/a"
GET_CPU = "GET /api/v0/user/alice/cpu/ HTTP/1.1"


def fail(api: Client, kind: Any, **effect: Any) -> None:
    """The next upload meets this effect."""
    api.sandbox.faults.add(Fault(method="POST", times=1, effect=Effect(kind=kind, **effect)))


def took_effect(api: Client) -> bool:
    return api.get(f"files/path{FILE}").status_code == 200


def answer(connection: socket.socket) -> bytes:
    """Everything until the other side ends the connection."""
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
    return received


@pytest.mark.parametrize("when", ["before", "after"])
def test_status_comes_before_or_after_the_effect(api: Client, when: Any) -> None:
    fail(api, "status", when=when, status=502)
    response = api.upload(FILE)
    assert response.status_code == 502
    assert response.headers["Content-Type"].startswith("text/html")
    assert took_effect(api) == (when == "after")
    assert api.upload(FILE).status_code in {200, 201}


def test_status_can_carry_json_html_and_retry_after(api: Client) -> None:
    fail(api, "status", status=429, json={"detail": "slow down"}, retry_after=7)
    response = api.upload(FILE)
    assert (response.status_code, response.json()) == (429, {"detail": "slow down"})
    assert response.headers["Retry-After"] == "7"
    fail(api, "status", status=503, html="<p>maintenance</p>")
    assert api.upload(FILE).text == "<p>maintenance</p>"


@pytest.mark.parametrize("when", ["before", "after"])
def test_cut_ends_the_connection_before_or_after_the_effect(api: Client, when: Any) -> None:
    fail(api, "cut", when=when)
    with pytest.raises(requests.exceptions.ConnectionError):
        api.upload(FILE)
    assert took_effect(api) == (when == "after")


def test_cut_sends_not_one_byte(api: Client) -> None:
    api.sandbox.faults.add(Fault(effect=Effect(kind="cut")))
    with api.raw(GET_CPU) as connection:
        assert connection.recv(1) == b""


def test_slow_waits_and_then_answers_as_usual(api: Client) -> None:
    fail(api, "slow", seconds=0.3)
    begun = time.monotonic()
    assert api.upload(FILE).status_code == 201
    assert time.monotonic() - begun >= 0.3


@pytest.mark.parametrize("when", ["before", "after"])
def test_stall_never_answers_and_keeps_the_connection(api: Client, when: Any) -> None:
    fail(api, "stall", when=when)
    with pytest.raises(requests.exceptions.ReadTimeout):
        api.session.post(f"{api.base}files/path{FILE}", files={"content": ("a", b"x")}, timeout=0.5)
    assert took_effect(api) == (when == "after")


def test_html_is_a_200_without_json(api: Client) -> None:
    fail(api, "html")
    response = api.upload(FILE)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/html")
    assert not took_effect(api)


@pytest.mark.parametrize("size", [100, 2_000_000])
def test_half_promises_the_whole_body_and_ends_in_the_middle(start: Start, size: int) -> None:
    api = start()
    api.upload(FILE, b"x" * size)
    api.sandbox.faults.add(Fault(times=1, effect=Effect(kind="half")))
    with api.raw(f"GET /api/v0/user/alice/files/path{FILE} HTTP/1.1") as connection:
        head, _, body = answer(connection).partition(b"\r\n\r\n")
    assert f"content-length: {size}".encode() in head
    assert body == b"x" * (size // 2)
    assert api.get(f"files/path{FILE}").content == b"x" * size


def test_half_of_an_answer_without_body_is_nothing_at_all(api: Client) -> None:
    fail(api, "half")
    with pytest.raises(requests.exceptions.ConnectionError):
        api.upload(FILE)
    assert took_effect(api)


def test_half_takes_effect(api: Client) -> None:
    api.sandbox.faults.add(Fault(method="POST", effect=Effect(kind="half")))
    task = {"command": "true", "interval": "daily", "hour": 1, "minute": 1}
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
        api.post("schedule/", json=task)
    assert len(api.get("schedule/").json()) == 1


def test_redirect_and_empty(api: Client) -> None:
    fail(api, "redirect", location="https://elsewhere.example/")
    response = api.upload(FILE)
    assert (response.status_code, response.headers["Location"]) == (302, "https://elsewhere.example/")
    fail(api, "empty", when="after")
    response = api.upload(FILE)
    assert (response.status_code, response.content) == (200, b"")
    assert took_effect(api)


def test_a_download_can_be_lost_after_it_was_prepared(api: Client) -> None:
    api.upload(FILE, b"x" * 1_000_000)
    api.sandbox.faults.add(Fault(times=1, effect=Effect(kind="status", when="after")))
    assert api.get(f"files/path{FILE}").status_code == 503
    assert len(api.get(f"files/path{FILE}").content) == 1_000_000


def test_the_server_serves_on_after_every_fault(api: Client) -> None:
    for kind in ("cut", "half", "status", "empty"):
        api.sandbox.faults.add(Fault(times=1, effect=Effect(kind=kind)))
        with api.raw(f"{GET_CPU}\nConnection: close") as connection:
            answer(connection)
        assert api.get("cpu/").status_code == 200


@pytest.mark.parametrize(
    ("match", "hit"),
    [
        ({}, [1, 1, 1, 1]),
        ({"method": "GET"}, [0, 1, 1, 1]),
        ({"path": r"/home/alice/a b$"}, [1, 1, 0, 0]),
        ({"endpoint": "files/tree/"}, [0, 0, 1, 0]),
        ({"endpoint": "files/path{path}", "method": "GET"}, [0, 1, 0, 0]),
        ({"number": 3}, [0, 0, 1, 0]),
        ({"after": 1}, [0, 1, 1, 1]),
        ({"times": 2}, [1, 1, 0, 0]),
        ({"method": "GET", "after": 1, "times": 1}, [0, 0, 1, 0]),
    ],
)
def test_a_fault_hits_what_it_matches(api: Client, match: dict[str, Any], hit: list[int]) -> None:
    fault = {**match, "effect": {"kind": "status", "status": 418}}
    assert api.control("POST", "faults", json=fault).status_code == 201
    responses = [
        api.upload("/home/alice/a b"),
        api.get("files/path/home/alice/a%20b"),
        api.get("files/tree/?path=/home/alice"),
        api.get("cpu/"),
    ]
    assert [int(each.status_code == 418) for each in responses] == hit
    (listed,) = api.control("GET", "faults").json()
    assert listed["fired"] == sum(hit)
    assert listed["effect"]["status"] == 418
    assert api.control("DELETE", "faults").status_code == 204
    assert api.control("GET", "faults").json() == []


def test_every_request_of_a_story_can_be_hit_in_turn(api: Client) -> None:
    def story() -> list[int]:
        api.control("DELETE", "requests")
        return [api.get(place).status_code for place in ("cpu/", "webapps/", "schedule/")]

    for number in (1, 2, 3):
        api.sandbox.faults.clear()
        api.sandbox.faults.add(Fault(number=number, effect=Effect(kind="status", status=500)))
        assert story() == [500 if place == number else 200 for place in (1, 2, 3)]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("{", "not JSON"),
        ("[]", "an object"),
        ("{}", "needs an effect"),
        ('{"effect": {}}', "an object with kind"),
        ('{"effect": {"kind": "explode"}}', "there are status, cut, slow"),
        ('{"effect": {"kind": "status", "status": 99}}', "200 to 599"),
        ('{"effect": {"kind": "status", "status": "x"}}', "another kind"),
        ('{"effect": {"kind": "html", "html": 5}}', "another kind"),
        ('{"effect": {"kind": "cut"}, "times": "3"}', "another kind"),
        ('{"effect": {"kind": "slow", "seconds": -1}}', "at least 0"),
        ('{"effect": {"kind": "slow", "seconds": NaN}}', "a finite number"),
        ('{"effect": {"kind": "slow", "seconds": Infinity}}', "a finite number"),
        ('{"effect": {"kind": "html", "html": "\\ud800"}}', "half a character"),
        pytest.param("[" * 100_000, "not JSON", id="deep"),
        pytest.param(
            '{"effect": {"kind": "status", "json": %s}}' % ("[" * 900 + "]" * 900),
            "recursion",
            id="too deep to show",
        ),
        ('{"effect": {"kind": "cut", "when": "now"}}', "before"),
        ('{"effect": {"kind": "cut"}, "path": "("}', "regular expression"),
        ('{"effect": {"kind": "cut"}, "after": -1}', "at least 0"),
        ('{"effect": {"kind": "cut"}, "colour": 1}', "no field colour"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_with_the_reason(
    api: Client, document: str, said: str
) -> None:
    response = api.control("POST", "faults", data=document)
    assert response.status_code == 400
    assert said in response.json()["detail"]
    assert api.control("GET", "faults").json() == []


def test_a_connection_is_kept_alive_across_refusals(api: Client) -> None:
    """A refusal that leaves an upload unread would otherwise poison the next request."""
    host, port = api.sandbox.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    for _ in range(2):
        connection.request("POST", f"/api/v0/user/alice/files/path{FILE}", body=b"x" * 300_000)
        response = connection.getresponse()
        assert response.status == 401
        assert "detail" in json.loads(response.read())
    connection.close()
