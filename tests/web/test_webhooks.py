"""The webhook endpoint on a real server: what is queued, what is refused, and how fast."""

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette

from deployer.errors import UsageError
from deployer.events import configure
from deployer.model.order import Order, Work
from deployer.planning.patterns import PathPatterns
from deployer.secret import Secret
from deployer.state.deliveries import Deliveries
from deployer.triggers.webhooks import Target
from deployer.web.guard import GuardedProtocol, guarded_config
from deployer.web.intake import Intake
from deployer.web.webhooks import webhook_routes
from tests.builders.waiting import until
from tests.triggers import senders
from tests.triggers.senders import GOOD, SECRET, Delivery


class Quick(GuardedProtocol):
    """The same with less patience, so that the tests need less of it."""

    head_s = 0.4
    body_s = 0.8
    most_connections = 40


@dataclass
class Hooks:
    """A server, and what was queued by it."""

    port: int = 0
    targets: dict[str, Target] = field(default_factory=dict)
    queued: list[tuple[str, str]] = field(default_factory=list)
    problem: Exception | None = None
    numbers: Iterator[int] = field(default_factory=count)
    held: threading.Event = field(default_factory=threading.Event)
    """Clear: posting waits for it."""
    posting: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def post(self, site: str, words: str) -> Order:
        self.posting.release()
        self.held.wait(10)
        if self.problem is not None:
            raise self.problem
        self.queued.append((site, words))
        now = datetime.now(UTC)
        return Order(
            id=f"order-{next(self.numbers)}",
            site=site,
            work=Work.DEPLOY,
            sources=(words,),
            created=now,
            not_before=now,
            attempts=0,
        )

    def send(
        self, delivery: Delivery, site: str | None = None, *, method: str = "POST"
    ) -> tuple[int, dict[str, Any]]:
        """The status and the JSON that came back."""
        status, _, body = self.ask(
            method, f"/hooks/{site or delivery.provider}", delivery.body, delivery.headers
        )
        return status, body

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Mapping[str, str], dict[str, Any]]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, json.loads(text or b"{}")

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)


@pytest.fixture
def hooks(tmp_path: Path) -> Iterator[Hooks]:
    configure(level="silent")
    hooks = Hooks()
    hooks.held.set()
    for site, make in GOOD.items():
        sent = make()
        hooks.targets[site] = Target(
            provider=sent.provider, secret=Secret(sent.secret), branch="main", patterns=None
        )
    with ExitStack() as opened:
        deliveries = opened.enter_context(Deliveries(tmp_path))
        listener = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
        hooks.port = listener.getsockname()[1]
        routes = webhook_routes(
            lambda: hooks.targets,
            deliveries,
            hooks.post,
            lambda order: f"http://127.0.0.1/deployments/{order.id}",
            intake=Intake(in_time_s=0.5, most_at_once=2**21),
        )
        config = uvicorn.Config(
            Starlette(routes=routes), lifespan="off", **guarded_config() | {"http": Quick}
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="hooks")
        thread.start()
        try:
            assert until(lambda: server.started)
            yield hooks
        finally:
            hooks.held.set()
            server.should_exit = True
            thread.join()


@pytest.mark.parametrize("site", GOOD)
def test_a_good_push_is_queued_and_answered_with_where_to_look(hooks: Hooks, site: str) -> None:
    delivery = GOOD[site]()

    status, body = hooks.send(delivery, site)

    assert status == 202
    assert body == {"deployment": "order-0", "status": "http://127.0.0.1/deployments/order-0"}
    assert hooks.queued == [(site, f"webhook {delivery.provider} {senders.COMMIT[:7]}")]


def test_the_answer_comes_within_a_tenth_of_a_second(hooks: Hooks) -> None:
    hooks.send(GOOD["github"]())
    took = []
    for _ in range(20):
        delivery, began = GOOD["github"](), monotonic()
        assert hooks.send(delivery)[0] == 202
        took.append(monotonic() - began)

    assert sorted(took)[len(took) // 2] < 0.1


def test_a_delivery_sent_again_is_not_queued_again(hooks: Hooks) -> None:
    delivery = GOOD["github"]()
    hooks.send(delivery)

    status, body = hooks.send(delivery)

    assert status == 409
    assert "before" in body["error"]
    assert len(hooks.queued) == 1


def test_a_delivery_sent_again_while_the_first_is_being_queued_is_not_queued_again(hooks: Hooks) -> None:
    delivery = GOOD["github"]()
    hooks.held.clear()
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(hooks.send, delivery)
        assert hooks.posting.acquire(timeout=10)

        assert hooks.send(delivery)[0] == 409
        hooks.held.set()
        assert first.result()[0] == 202
    assert len(hooks.queued) == 1


@pytest.mark.parametrize("problem", [UsageError("the disk is full"), RuntimeError("a bug")])
def test_a_push_that_cannot_be_put_on_disk_may_come_again(hooks: Hooks, problem: Exception) -> None:
    delivery = GOOD["github"]()
    hooks.problem = problem

    status, body = hooks.send(delivery)
    hooks.problem = None

    assert status == 503
    assert "send it again" in body["error"]
    assert hooks.queued == []
    assert hooks.send(delivery)[0] == 202


@pytest.mark.parametrize("site", ["nowhere", "unkeyed", "gitlab-broken", "../x", "%00", "a" * 4000])
def test_a_site_without_a_usable_secret_is_not_there(hooks: Hooks, site: str) -> None:
    hooks.targets["unkeyed"] = Target(provider="github", secret=Secret(""), branch="main", patterns=None)
    hooks.targets["gitlab-broken"] = Target(
        provider="gitlab", secret=Secret("whsec_!"), branch="main", patterns=None
    )

    status, body = hooks.send(GOOD["github"](), site.replace("../x", "..%2Fx"))

    assert status == 404
    assert body == {"error": "no webhook is served at this address"}


def test_unknown_and_unusable_sites_are_answered_alike(hooks: Hooks) -> None:
    hooks.targets["unkeyed"] = Target(provider="github", secret=Secret(""), branch="main", patterns=None)

    assert hooks.send(GOOD["github"](), "unkeyed") == hooks.send(GOOD["github"](), "nowhere")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("site", ["github", "nowhere"])
def test_only_post_is_served(hooks: Hooks, method: str, site: str) -> None:
    status, headers, body = hooks.ask(method, f"/hooks/{site}")

    assert status == 405
    assert headers["allow"] == "POST"
    assert "POST" in body["error"] if method != "HEAD" else body == {}


def test_what_is_no_push_to_the_branch_is_ignored_with_a_reason(hooks: Hooks) -> None:
    hooks.targets["github"] = Target(
        provider="github", secret=Secret(SECRET), branch="main", patterns=PathPatterns(["site/"])
    )
    for delivery, words in (
        (senders.github({}, event="ping"), "ping"),
        (senders.github(senders.github_push("next")), "another branch"),
        (senders.github(senders.github_push(after=senders.NONE)), "deletion"),
        (senders.github(senders.github_push(paths=["docs/a"])), "paths"),
    ):
        status, body = hooks.send(delivery)
        assert status == 200
        assert words in body["ignored"]
    assert hooks.queued == []


def test_no_answer_repeats_the_secret_or_the_body(hooks: Hooks) -> None:
    marked = b'{"ref": "' + SECRET.encode() + b'", "after": "needle", "commit": "needle"}'
    makers: dict[str, Callable[[bytes], Delivery]] = {
        "github": senders.github,
        "gitlab": senders.gitlab,
        "hmac": senders.plain,
    }
    for site, make in makers.items():
        for delivery in (
            make(marked),
            make(marked).having({"Content-Type": f"text/{SECRET}"}),
            GOOD[site]().saying(marked),
            GOOD[site]().having({"X-GitHub-Delivery": f"needle, {SECRET}"}),
        ):
            text = json.dumps(hooks.send(delivery, site))
            assert SECRET not in text
            assert "needle" not in text
    assert hooks.targets["github"].secret.reveal() not in repr(hooks.targets)


def test_a_reloaded_configuration_counts_at_once(hooks: Hooks) -> None:
    hooks.targets["github"] = Target(
        provider="github", secret=Secret("another"), branch="main", patterns=None
    )

    assert hooks.send(GOOD["github"]())[0] == 401
    del hooks.targets["github"]
    assert hooks.send(GOOD["github"]())[0] == 404


def raw(hooks: Hooks, *pieces: bytes) -> bytes:
    """What comes back until the server closes, or the answer is complete."""
    with hooks.connect() as connection:
        for piece in pieces:
            connection.sendall(piece)
        return first_answer(connection)


def first_answer(connection: socket.socket) -> bytes:
    found = b""
    while True:
        piece = connection.recv(65536)
        found += piece
        head, _, body = found.partition(b"\r\n\r\n")
        lengths = [
            int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        ]
        if not piece or (lengths and len(body) >= lengths[0]):
            return found


def begun(*fields: str, site: str = "hmac") -> bytes:
    return "\r\n".join([f"POST /hooks/{site} HTTP/1.1", "Host: x", *fields, "", ""]).encode()


@pytest.mark.parametrize("length", ["1048577", "9" * 12, "9" * 40])
def test_a_body_that_announces_to_be_too_large_is_not_waited_for(hooks: Hooks, length: str) -> None:
    began = monotonic()

    answer = raw(hooks, begun(f"Content-Length: {length}"))

    assert answer.split()[1] in {b"413", b"400"}
    assert monotonic() - began < 0.4


def test_a_body_that_becomes_too_large_is_cut_off(hooks: Hooks) -> None:
    chunk = b"10000\r\n" + bytes(2**16) + b"\r\n"

    answer = raw(hooks, begun("Transfer-Encoding: chunked"), *[chunk] * 17)

    assert answer.split()[1] == b"413"
    assert b'{"error":' in answer


def test_a_body_of_exactly_the_limit_is_read(hooks: Hooks) -> None:
    push = json.dumps(senders.plain_push()).encode()

    assert hooks.send(senders.plain(push + b" " * (2**20 - len(push))))[0] == 202


def test_two_lengths_or_a_length_and_chunks_are_no_request(hooks: Hooks) -> None:
    assert raw(hooks, begun("Content-Length: 5", "Content-Length: 6")).split()[1] == b"400"
    assert raw(hooks, begun("Content-Length: -5")).split()[1] == b"400"


def test_a_proof_that_comes_twice_is_refused(hooks: Hooks) -> None:
    delivery = senders.gitlab(senders.gitlab_push())
    fields = [f"{name}: {value}" for name, value in delivery.headers.items()]
    twice = [*fields, f"X-Gitlab-Token: {SECRET}", f"Content-Length: {len(delivery.body)}"]

    answer = raw(hooks, begun(*twice, site="gitlab"), delivery.body)

    assert answer.split()[1] == b"401"
    assert b"more than once" in answer


def test_a_body_that_does_not_come_to_an_end_is_given_up(hooks: Hooks) -> None:
    answer = raw(hooks, begun("Content-Length: 100"), b"{")

    assert answer.split()[1] == b"408"
    assert b"did not come" in answer


def test_a_sender_that_hangs_up_halfway_leaves_nothing_behind(hooks: Hooks) -> None:
    with hooks.connect() as connection:
        connection.sendall(begun("Content-Length: 100") + b"{")

    assert hooks.send(GOOD["hmac"]())[0] == 202
    assert len(hooks.queued) == 1


@pytest.mark.parametrize(
    "beginning", [b"", b"POST /hooks/hmac HT", b"POST /hooks/hmac HTTP/1.1\r\nHost: x\r\n"]
)
def test_a_head_that_does_not_come_to_an_end_is_given_up(hooks: Hooks, beginning: bytes) -> None:
    assert raw(hooks, beginning).split()[1] == b"408"


def test_bytes_that_trickle_in_do_not_buy_more_time(hooks: Hooks) -> None:
    with hooks.connect() as connection:
        connection.sendall(b"POST /hooks/hmac HTTP/1.1\r\n")
        began, ended = monotonic(), False
        connection.settimeout(0.05)
        while not ended and monotonic() - began < 5:
            try:
                connection.sendall(b"a: b\r\n")
                ended = bool(connection.recv(1000)) or True
            except TimeoutError:
                continue
            except ConnectionError:
                ended = True
        assert monotonic() - began < 2 * Quick.head_s + 0.5


def test_a_body_that_nobody_reads_is_given_up(hooks: Hooks) -> None:
    with hooks.connect() as connection:
        connection.sendall(begun("Content-Length: 100", site="nowhere"))
        assert first_answer(connection).split()[1] == b"404"
        began = monotonic()
        with suppress(ConnectionError):
            assert connection.recv(1000) == b""
        assert monotonic() - began < Quick.body_s + 1


def test_a_connection_is_used_for_several_requests(hooks: Hooks) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", hooks.port, timeout=10)) as connection:
        for _ in range(3):
            delivery = GOOD["hmac"]()
            connection.request("POST", "/hooks/hmac", delivery.body, dict(delivery.headers))
            answer = connection.getresponse()
            assert answer.status == 202
            answer.read()
            first = connection.sock
            began = monotonic()
            assert until(lambda: monotonic() - began > Quick.head_s + 0.1)  # noqa: B023 - called at once
            assert connection.sock is first


def test_good_requests_are_answered_at_once_while_64_connections_misbehave(hooks: Hooks) -> None:
    with ExitStack() as opened:
        for number in range(64):
            connection = opened.enter_context(hooks.connect())
            connection.sendall([b"", b"POST /ho", begun("Content-Length: 100") + b"{"][number % 3])
        for _ in range(10):
            began = monotonic()
            assert hooks.send(GOOD["github"]())[0] == 202
            assert monotonic() - began < 1


def test_many_large_bodies_at_once_do_not_add_up(hooks: Hooks) -> None:
    """Two MiB for all of them: the one that has been at it longest makes room."""
    with ExitStack() as opened:
        stalled = [opened.enter_context(hooks.connect()) for _ in range(4)]
        for connection in stalled:
            connection.sendall(begun(f"Content-Length: {2**20}") + bytes(2**20 - 1))
        began = monotonic()
        assert first_answer(stalled[0]).split()[1] == b"408"
        assert monotonic() - began < 0.5
        assert hooks.send(GOOD["github"]())[0] == 202
