"""What counts as an answer of the site, and what is only the platform's word on a reload under way."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain, repeat
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep

import pytest

from deployer.errors import Interrupted, NeedsPerson, Refused
from deployer.health import wait_until_well
from deployer.model.deployment import Status
from deployer.model.site import HealthCheck, WebAppSettings
from deployer.sandbox import Switches
from tests.deployment.stage import WSGI, stage
from tests.pythonanywhere.scripted_server import ScriptedServer
from tests.pythonanywhere.scripted_server import answer as page

SLOW_START = "import time\ntime.sleep(0.7)\n"
LOG_IN = """
def application(environ, start_response):
    start_response("302 Found", [("Location", "/log-in/")])
    return []
"""
RELOADS_AGAIN = Switches(rate_limit="off", wsgi_upload_delay_s=0.3)
"""The upload of the WSGI file reloads once more, while the site is being asked."""


def test_a_redirect_of_a_site_that_still_reloads_is_not_taken_for_an_answer(tmp_path: Path) -> None:
    broken = f"{SLOW_START}raise RuntimeError('why it is broken')\n"
    with stage(tmp_path, wsgi="wsgi.py", switches=RELOADS_AGAIN, health=HealthCheck(timeout_s=2.0)) as place:
        place.repo.commit({"wsgi.py": broken})

        with pytest.raises(NeedsPerson, match="why it is broken"):
            place.sync()


def test_a_site_that_reloads_while_it_is_asked_is_live_once_it_answers_itself(tmp_path: Path) -> None:
    with stage(tmp_path, wsgi="wsgi.py", switches=RELOADS_AGAIN) as place:
        place.repo.commit({"wsgi.py": SLOW_START + WSGI})

        outcome = place.sync()

        assert outcome.deployment.status is Status.LIVE
        assert outcome.answer is not None
        assert outcome.answer.status == 200


def test_a_redirect_to_another_address_is_an_answer(tmp_path: Path) -> None:
    """As from a site that sends its visitors to a log-in page."""
    with stage(tmp_path, wsgi="wsgi.py") as place:
        place.repo.commit({"wsgi.py": LOG_IN})

        outcome = place.sync()

        assert outcome.answer is not None
        assert outcome.answer.status == 302


FLAKY = """
import itertools
answers = itertools.cycle([200, 500])
def application(environ, start_response):
    start_response(f"{next(answers)} Whatever", [("Content-Type", "text/plain")])
    return [b"now and then"]
"""


def test_a_site_that_answers_well_only_now_and_then_is_not_well_when_two_in_a_row_are_wanted(
    tmp_path: Path,
) -> None:
    with stage(tmp_path, wsgi="wsgi.py", health=HealthCheck(timeout_s=0.8, in_a_row=2)) as place:
        place.repo.commit({"wsgi.py": FLAKY})

        with pytest.raises(NeedsPerson, match="does not answer as it should"):
            place.sync()


def test_good_answers_in_a_row_are_counted(tmp_path: Path) -> None:
    with stage(tmp_path, wsgi="wsgi.py", health=HealthCheck(timeout_s=10, in_a_row=3)) as place:
        place.repo.commit({"wsgi.py": WSGI})

        outcome = place.sync()

        assert outcome.answer is not None
        assert outcome.answer.tries == 3


def test_a_wsgi_file_that_python_cannot_read_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    settings = WebAppSettings(python_version=version)
    with stage(tmp_path, wsgi="wsgi.py", webapp=settings) as place:
        place.repo.commit({"wsgi.py": "def application(:\n"})

        with pytest.raises(Refused, match=r"wsgi\.py line 1"), place.counted() as requests:
            place.sync()

        assert all(request.startswith("GET") for request in requests)


def test_a_virtualenv_that_is_not_there_is_mentioned_in_the_plan(tmp_path: Path) -> None:
    settings = WebAppSettings(virtualenv_path="/home/alice/.virtualenvs/mysite")
    with stage(tmp_path, wsgi="wsgi.py", webapp=settings) as place:
        place.repo.commit({"wsgi.py": WSGI})

        missing = place.plan().plan.notes
        place.sandbox.disk.real("/home/alice/.virtualenvs/mysite/bin").mkdir(parents=True)
        there = place.plan().plan.notes

        assert [note.subject for note in missing] == ["/home/alice/.virtualenvs/mysite"]
        assert there == ()


@contextmanager
def site(*pieces: bytes, every_s: float = 0.05) -> Iterator[str]:
    """A site that sends these pieces, the last one again and again, until nobody listens any more."""
    left = Event()

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.recv(65_536)
                for piece in chain(pieces, repeat(pieces[-1])):
                    connection.sendall(piece)
                    if left.wait(every_s):
                        return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = Thread(target=serve)
        serving.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            left.set()
            listener.shutdown(socket.SHUT_RDWR)
            serving.join(timeout=10)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
UNTIL_CLOSED = HEAD + b"\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        (UNTIL_CLOSED, b"tick\n"),
        (CHUNKED, b"5\r\ntick\n\r\n"),
        (UNTIL_CLOSED + b"tick\n", b""),
        (UNTIL_CLOSED, b"tick\n" * 10_000),
    ],
    ids=["until closed", "chunked", "silent", "fast"],
)
def test_a_page_without_an_end_is_judged_by_what_came_in_time(pieces: tuple[bytes, ...]) -> None:
    began = monotonic()
    with site(*pieces) as url:
        well = wait_until_well(url, None, HealthCheck(timeout_s=5, contains="tick"), sleep)
    assert monotonic() - began < 4
    with site(*pieces) as url:
        misses = wait_until_well(url, None, HealthCheck(timeout_s=0.3, contains="tock"), sleep)

    assert (well.well, well.tries, well.excerpt[:5]) == (True, 1, "tick\n")
    assert misses.problem == "status 200, but the page does not contain 'tock'"
    assert monotonic() - began < 6


@pytest.mark.parametrize("head", [(b"",), (HEAD, b"X"), (b"HTTP/1.1 200 O", b"K")])
def test_a_head_that_never_ends_is_no_answer(head: tuple[bytes, ...]) -> None:
    """Although each byte may come long before the time-out of the socket."""
    with site(*head) as url:
        began = monotonic()
        answer = wait_until_well(url, None, HealthCheck(timeout_s=0.3), sleep)

    assert answer.problem == "no answer within 1 s"
    assert monotonic() - began < 2


@pytest.mark.parametrize("pieces", [(b"",), (UNTIL_CLOSED, b"tick\n")], ids=["silent", "streaming"])
def test_a_check_can_be_stopped_while_the_site_is_answering(pieces: tuple[bytes, ...]) -> None:
    began = monotonic()

    def stopped(_: float) -> None:
        if monotonic() - began > 0.2:
            raise Interrupted("stopped by SIGTERM")

    with site(*pieces) as url, pytest.raises(Interrupted):
        wait_until_well(url, None, HealthCheck(timeout_s=30, contains="tock"), stopped)

    assert monotonic() - began < 1


def test_a_page_that_breaks_off_is_not_well() -> None:
    with ScriptedServer(page(200, b"half of it", "text/plain", missing=3)) as server:
        answer = wait_until_well(server.host, None, HealthCheck(timeout_s=0.1), sleep)

    assert answer.problem.startswith("no answer: ")
    assert answer.excerpt == "half of"


def test_the_environments_proxy_is_not_asked_for_a_site_without_https(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with ScriptedServer(page(502)) as proxy, ScriptedServer(page(200, b"ok")) as server:
        for variable in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(variable, proxy.host)
        answer = wait_until_well(server.host, "www.example.org", HealthCheck(), sleep)

    assert answer.well
    assert proxy.requests == []
    assert server.requests[0].headers["Host"] == "www.example.org"
