"""What the client makes of answers as they come over a socket, right and wrong."""

import json
import logging
import ssl
import time
import traceback
import tracemalloc
from pathlib import Path

import pytest

from deployer.errors import (
    ApiError,
    CredentialsRefused,
    NoAnswer,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    ServerFault,
    Unreachable,
    UsageError,
)
from deployer.model.endpoints import Endpoint
from deployer.pythonanywhere import Budget, PythonAnywhere, ReloadOutcome, RequestDone, Waiting, WaitReason
from deployer.secret import Secret
from tests.pythonanywhere.certificates import self_signed
from tests.pythonanywhere.names import DOMAIN, TOKEN, Connect
from tests.pythonanywhere.scripted_server import DROP, HANG, Answer, ScriptedServer, answer

HTML = b"<!doctype html><html><head><title>Down for\n maintenance</title></head><body>Soon</body></html>"
NO_PERMISSION = b'{"detail":"You do not have permission to perform this action."}'
HTML_PAGE = answer(200, HTML, "text/html; charset=utf-8")
OK = answer(200, b'{"status":"OK"}')


@pytest.mark.parametrize(
    "wrong",
    [
        HTML_PAGE,
        answer(200, b""),
        answer(200, b'[{"id": 1, "url": "/s/", "pa'),
        answer(200, b'[{"id": 1, "url": "/s/", "path": "/p"}]', missing=5),
        answer(200, b'{"detail": "an object for a list"}'),
        answer(200, b'[{"url": "/without/an/id"}]'),
        answer(200, b'[{"id": true}]'),
        answer(200, b"[1, 2]"),
        Answer(b"not HTTP at all\r\n\r\n", then_close=True),
    ],
    ids=["html", "empty", "half JSON", "cut", "object", "nameless", "true for an id", "numbers", "noise"],
)
def test_what_is_not_the_list_asked_for_is_never_taken_for_an_empty_one(
    connect: Connect, wrong: Answer
) -> None:
    with ScriptedServer(wrong) as server, pytest.raises((NoAnswer, Unreachable)) as caught:
        connect(server.host).static_files.list(DOMAIN)
    assert f"GET /api/v0/user/alice/webapps/{DOMAIN}/static_files/" in str(caught.value)


def test_keys_may_be_missing_added_or_of_another_type(connect: Connect) -> None:
    body = b'{"domain_name":"d","expiry":null,"force_https":"yes","id":"7","new":[],"virtualenv_path":""}'
    with ScriptedServer(answer(200, body)) as server:
        app = connect(server.host).webapps.get("d")
    assert (app.domain_name, app.virtualenv_path) == ("d", "")
    assert (app.id, app.expiry, app.force_https, app.python_version) == (None, None, None, None)


def test_without_a_budget_the_platforms_limit_is_kept_with_everybody_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DEPLOYER_RUNTIME_DIR", str(tmp_path))
    with ScriptedServer(answer(200, b"[]")) as server:
        with PythonAnywhere(host=server.host, username="alice", token=Secret(TOKEN)) as client:
            client.webapps.list()
        assert client.budget._db is None, "left open"
        others = Budget(host=server.host, username="alice")
    assert others.estimate({Endpoint.WEBAPPS: 39}) == 0
    assert others.estimate({Endpoint.WEBAPPS: 40}) > 59
    others.close()


def test_an_html_page_is_reported_by_its_title(connect: Connect) -> None:
    with ScriptedServer(HTML_PAGE) as server, pytest.raises(NoAnswer, match="Down for maintenance"):
        connect(server.host).cpu()


def test_json_is_understood_under_any_json_type_and_none(connect: Connect) -> None:
    script = [answer(201, b'{"status":"OK"}', "text/json"), answer(200, b"[]", "application/octet-stream")]
    with ScriptedServer(*script) as server:
        client = connect(server.host)
        client.webapps.create(DOMAIN, "3.12")
        assert client.webapps.list() == ()
    assert server.requests[0].body == b"domain_name=alice.pythonanywhere.com&python_version=python312"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_never_followed(connect: Connect, status: int) -> None:
    moved = answer(status, b"", headers={"Location": "https://elsewhere.example/login/"})
    with ScriptedServer(moved) as server:
        client = connect(server.host)
        for call in (client.cpu, lambda: client.files.write("/home/alice/a", b"x")):
            with pytest.raises(NoAnswer, match=r"redirect to https://elsewhere\.example/login/"):
                call()
    assert len(server.requests) == 2


def test_a_redirect_to_nowhere_is_still_only_a_redirect(connect: Connect) -> None:
    moved = answer(302, b"", headers={"Location": "http://[nowhere"})
    with ScriptedServer(moved) as server, pytest.raises(NoAnswer, match="a redirect to"):
        connect(server.host).cpu()


def test_a_domain_is_one_segment_of_the_address_whatever_is_in_it(connect: Connect) -> None:
    with ScriptedServer(answer(404, b"{}")) as server, pytest.raises(NotFound):
        connect(server.host).webapps.get("a/../b?c#d")
    assert server.requests[0].target == "/api/v0/user/alice/webapps/a%2F..%2Fb%3Fc%23d/"


def test_a_success_that_says_error_is_an_error(connect: Connect) -> None:
    body = b'{"status":"ERROR","error_type":"x","error_message":"no more of these"}'
    with ScriptedServer(answer(200, body)) as server, pytest.raises(ApiError, match="no more of these"):
        connect(server.host).webapps.create(DOMAIN, "3.12")


def test_a_cut_file_raises_instead_of_ending_early(connect: Connect) -> None:
    cut = answer(200, b"x" * 200_000, "application/octet-stream", missing=1)
    with ScriptedServer(cut) as server:
        client = connect(server.host)
        with pytest.raises(NoAnswer, match="broke off"):
            client.files.read("/home/alice/big")
        pieces = client.files.download("/home/alice/big")
        assert next(pieces)
        with pytest.raises(NoAnswer, match="broke off"):
            list(pieces)


def test_a_download_is_never_begun_again_once_pieces_were_handed_out(connect: Connect) -> None:
    """Before that it is: nobody has seen anything of the first attempt."""
    content = b"x" * 200_000
    cut, whole = (answer(200, content, "application/octet-stream", missing=missing) for missing in (1, 0))
    with ScriptedServer(answer(503), cut, whole) as server:
        client = connect(server.host, patience_s=30)
        with pytest.raises(NoAnswer, match="broke off"):
            list(client.files.download("/home/alice/big"))
        assert b"".join(client.files.download("/home/alice/big")) == content
    assert len(server.requests) == 3


def test_a_download_left_early_leaves_the_client_usable(connect: Connect) -> None:
    script = [answer(200, b"x" * 5_000_000, "application/octet-stream"), answer(200, b"[]")]
    with ScriptedServer(*script) as server:
        client = connect(server.host)
        pieces = client.files.download("/home/alice/big")
        next(pieces)
        pieces.close()  # type: ignore[attr-defined]  # an iterator that happens to be a generator
        assert client.webapps.list() == ()


def test_html_under_the_name_of_a_file_is_not_the_file(connect: Connect) -> None:
    with ScriptedServer(HTML_PAGE) as server:
        client = connect(server.host)
        for call in (
            client.files.read,
            client.files.list_directory,
            lambda path: list(client.files.download(path)),
        ):
            with pytest.raises(NoAnswer, match="Down for maintenance"):
                call("/home/alice/index.html")


def test_an_answer_without_a_type_is_no_file(connect: Connect) -> None:
    """An empty file has one."""
    with ScriptedServer(Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as server:
        files = connect(server.host).files
        for call in (files.read, files.list_directory):
            with pytest.raises(NoAnswer, match="without a Content-Type"):
                call("/home/alice/a")


def test_an_upload_answered_by_a_page_did_not_happen(connect: Connect) -> None:
    with ScriptedServer(HTML_PAGE) as server, pytest.raises(NoAnswer):
        connect(server.host).files.write("/home/alice/a", b"x")


@pytest.mark.parametrize(
    "said",
    [answer(200, b"OK", "text/plain"), answer(200, b"done", ""), answer(200, b'"done"')],
    ids=["text", "no type", "JSON"],
)
def test_a_success_that_needs_no_words_may_have_any(connect: Connect, said: Answer) -> None:
    with ScriptedServer(said) as server:
        client = connect(server.host)
        assert client.files.write("/home/alice/a", b"x") is False
        assert client.files.delete("/home/alice/a") is True
        assert client.webapps.reload(DOMAIN) is ReloadOutcome.OK
        client.webapps.create(DOMAIN, "3.12")


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (answer(200, HTML, "text/plain"), NoAnswer),
        (answer(200, HTML, ""), NoAnswer),
        (answer(200, b'{"status": "O', "text/json"), NoAnswer),
        (answer(200, b'{"status":"ERROR","error_message":"no"}'), ApiError),
    ],
    ids=["page as text", "page without a type", "half JSON", "error"],
)
def test_words_that_contradict_a_success_are_no_success(
    connect: Connect, said: Answer, error: type[ApiError]
) -> None:
    with ScriptedServer(said) as server:
        files = connect(server.host).files
        with pytest.raises(ApiError) as written:
            files.write("/home/alice/a", b"x")
        with pytest.raises(ApiError) as deleted:
            files.delete("/home/alice/a")
    assert {type(written.value), type(deleted.value)} == {error}


def test_files_and_directories_are_told_apart(connect: Connect) -> None:
    listing = answer(200, b'{"b":{"type":"file","url":"u"},"a":{"type":"socket","url":"u"}}')
    file = answer(200, b"{}", "application/octet-stream; charset=utf-8")
    with ScriptedServer(listing, file, listing, file) as server:
        files = connect(server.host).files
        assert list(files.list_directory("/home/alice").items()) == [("a", "socket"), ("b", "file")]
        assert files.read("/home/alice/a.json") == b"{}"
        with pytest.raises(ApiError, match="it is a directory"):
            files.read("/home/alice")
        with pytest.raises(ApiError, match="it is a file"):
            files.list_directory("/home/alice/a.json")


@pytest.mark.parametrize(
    "content",
    [
        b'{"live":{"commit":"1"},"files":{}}',
        b'{"type":{"type":"file"},"url":{"url":"u"}}',
        b'{"a":{"type":"file","url":"u"},"b":1}',
        b"[]",
        b'"type url"',
        b"7",
    ],
)
def test_a_json_file_is_a_file_although_the_server_calls_it_json(connect: Connect, content: bytes) -> None:
    """Nobody knows that the platform never names a file's type after its name."""
    with ScriptedServer(answer(200, content)) as server:
        files = connect(server.host).files
        assert files.read("/home/alice/a.json") == content
        assert b"".join(files.download("/home/alice/a.json")) == content
        with pytest.raises(ApiError, match="it is a file, not a directory"):
            files.list_directory("/home/alice/a.json")


@pytest.mark.parametrize("content", [b"", b'{"half": '])
def test_a_json_file_need_not_hold_json_but_a_listing_must(connect: Connect, content: bytes) -> None:
    with ScriptedServer(answer(200, content)) as server:
        files = connect(server.host).files
        assert files.read("/home/alice/a.json") == content
        with pytest.raises(NoAnswer):
            files.list_directory("/home/alice/a")


def test_an_empty_object_is_what_was_asked_for(connect: Connect) -> None:
    with ScriptedServer(answer(200, b"{}")) as server:
        files = connect(server.host).files
        assert files.read("/home/alice/a.json") == b"{}"
        assert files.list_directory("/home/alice/empty") == {}


def test_a_directory_is_not_downloaded(connect: Connect) -> None:
    with (
        ScriptedServer(answer(200, b'{"a":{"type":"file","url":"u"}}')) as server,
        pytest.raises(ApiError, match="it is a directory"),
    ):
        list(connect(server.host).files.download("/home/alice"))


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"detail":"/home/alice/x does not exist"}', NotFound),
        (b'{"detail":"/home/alice/x is not a directory"}', ApiError),
    ],
)
def test_a_tree_that_is_missing_is_told_from_a_file(
    connect: Connect, body: bytes, error: type[ApiError]
) -> None:
    with ScriptedServer(answer(400, body)) as server, pytest.raises(ApiError) as caught:
        connect(server.host).files.tree("/home/alice/x")
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("status", "body", "kind", "text"),
    [
        (401, b'{"detail":"Invalid token."}', CredentialsRefused, "Account, tab API token"),
        (403, NO_PERMISSION, CredentialsRefused, "another user"),
        (403, b'{"detail":"You have reached your maximum number"}', ApiError, "403 You have reached"),
        (404, b'{"detail":"Not found."}', NotFound, "404 Not found."),
        (404, b'{"message":"File does not exist","code":"not_found"}', NotFound, "404 File does"),
        (
            400,
            b'{"minute":["Required."],"hour":["Bad.","No."]}',
            ApiError,
            "minute: Required.; hour: Bad. No.",
        ),
        (400, b'{"status":"ERROR","error_type":"t","error_message":"too many"}', ApiError, "400 too many"),
        (412, b'{"status":"error","error":"Console not yet started."}', ApiError, "412 Console not yet"),
        (500, b"", ServerFault, "500"),
        (502, HTML, ServerFault, "502 Down for maintenance"),
    ],
)
def test_a_refusal_says_what_was_asked_and_what_the_server_said(
    connect: Connect, status: int, body: bytes, kind: type[ApiError], text: str
) -> None:
    with ScriptedServer(answer(status, body)) as server, pytest.raises(ApiError) as caught:
        connect(server.host).schedule.list()
    assert type(caught.value) is kind
    assert caught.value.status == status
    assert text in str(caught.value)
    assert str(caught.value).startswith(f"GET /api/v0/user/alice/schedule/: {status}")


@pytest.mark.parametrize(
    "page",
    [answer(404, HTML, "text/html"), answer(404, b"404 page not found", "text/plain"), answer(404, b"")],
    ids=["html", "text", "empty"],
)
def test_somebody_elses_404_is_not_absence(connect: Connect, page: Answer) -> None:
    """A proxy or a wrong host answers so: nothing may be concluded from it."""
    with ScriptedServer(page) as server:
        client = connect(server.host)
        for call in (client.files.read, client.files.delete, client.webapps.get, client.webapps.delete):
            with pytest.raises(NoAnswer, match="check the host"):
                call("/home/alice/a")


def test_somebody_elses_403_is_not_a_missing_web_app(connect: Connect) -> None:
    with ScriptedServer(answer(403, HTML, "text/html")) as server, pytest.raises(ApiError) as caught:
        connect(server.host).webapps.delete(DOMAIN)
    assert type(caught.value) is ApiError


@pytest.mark.parametrize("status", [403, 404])
def test_an_absent_web_app_is_absent_by_either_status(connect: Connect, status: int) -> None:
    with ScriptedServer(answer(status, NO_PERMISSION)) as server:
        client = connect(server.host)
        for call in (client.webapps.get, client.webapps.reload, client.static_files.list, client.ssl.get):
            with pytest.raises(NotFound):
                call(DOMAIN)
        assert client.webapps.delete(DOMAIN) is False


def test_a_refused_upload_is_not_called_missing(connect: Connect) -> None:
    with (
        ScriptedServer(answer(403, NO_PERMISSION)) as server,
        pytest.raises(ApiError, match="may not be written") as caught,
    ):
        connect(server.host).files.write("/etc/passwd", b"")
    assert type(caught.value) is ApiError


@pytest.mark.parametrize("bad", [DROP, answer(503, b""), HTML_PAGE, answer(200, b"[]", missing=1)])
def test_a_read_is_repeated_until_it_works(connect: Connect, bad: Answer) -> None:
    waits: list[Waiting] = []
    with ScriptedServer(bad, answer(200, b"[]")) as server:
        assert connect(server.host, patience_s=30, on_wait=waits.append).webapps.list() == ()
    assert len(server.requests) == 2
    assert [wait.reason for wait in waits] == [WaitReason.BACK_OFF]


@pytest.mark.parametrize(
    "bad", [DROP, answer(500, b""), answer(503, b""), HTML_PAGE, answer(201, b'{"i', missing=1)]
)
def test_a_creating_call_is_sent_once_and_its_unknown_outcome_is_told(connect: Connect, bad: Answer) -> None:
    with ScriptedServer(bad) as server:
        client = connect(server.host, patience_s=30)
        for create in (
            lambda: client.webapps.create(DOMAIN, "3.12"),
            lambda: client.static_files.create(DOMAIN, url="/s/", path="/home/alice/s"),
            lambda: client.schedule.create(command="true", interval="hourly", minute=1),
        ):
            with pytest.raises(OutcomeUnknown, match="not known"):
                create()
    assert len(server.requests) == 3


def test_a_creating_call_without_the_new_id_has_an_unknown_outcome(connect: Connect) -> None:
    with ScriptedServer(answer(201, b"{}")) as server, pytest.raises(OutcomeUnknown, match="without an id"):
        connect(server.host).static_files.create(DOMAIN, url="/s/", path="/home/alice/s")


def test_a_creating_call_that_was_throttled_is_sent_again(connect: Connect) -> None:
    """A 429 means that nothing was done."""
    throttled = answer(429, b'{"detail":"Request was throttled."}', headers={"Retry-After": "1"})
    with ScriptedServer(throttled, answer(201, b'{"id":7}')) as server:
        made = connect(server.host, patience_s=30).static_files.create(
            DOMAIN, url="/s/", path="/home/alice/s"
        )
    assert made.id == 7


@pytest.mark.parametrize("bad", [DROP, answer(504, HTML, "text/html")])
def test_a_failed_reload_is_left_to_the_caller(connect: Connect, bad: Answer) -> None:
    with ScriptedServer(bad, OK) as server, pytest.raises((Unreachable, ServerFault)):
        connect(server.host, patience_s=30).webapps.reload(DOMAIN)
    assert len(server.requests) == 1


def test_a_reload_without_a_cname_is_a_success_with_a_warning(connect: Connect) -> None:
    with ScriptedServer(answer(409, b'{"status":"error","error":"cname_error"}'), OK) as server:
        client = connect(server.host)
        assert client.webapps.reload("www.example.org") is ReloadOutcome.NO_CNAME
        assert client.webapps.reload("www.example.org") is ReloadOutcome.OK
    with ScriptedServer(answer(500, b'{"error":"cname_error"}')) as server, pytest.raises(ServerFault):
        connect(server.host).webapps.reload("www.example.org")


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"{}", {"Retry-After": "1"}),
        (b'{"detail":"Request was throttled. Expected available in 1 second."}', {}),
    ],
)
def test_a_429_is_waited_out_as_long_as_it_says(
    connect: Connect, body: bytes, headers: dict[str, str]
) -> None:
    waits: list[Waiting] = []
    started = time.monotonic()
    with ScriptedServer(answer(429, body, headers=headers), answer(200, b"[]")) as server:
        assert connect(server.host, patience_s=30, on_wait=waits.append).webapps.list() == ()
    assert 1 <= time.monotonic() - started < 3
    assert [wait.reason for wait in waits] == [WaitReason.THROTTLED]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"<html><head><title>429 Too Many Requests</title></head></html>", "text/html"),
        (b"429 Too Many Requests, available in 429 seconds", "text/plain"),
        (b'{"error":"limit 500 exceeded"}', "application/json"),
        (b'{"detail":"Error 429: slow down"}', "application/json"),
        (b'["available in 99 seconds"]', "application/json"),
    ],
)
def test_a_number_on_a_429_page_is_not_taken_for_seconds(
    connect: Connect, tmp_path: Path, body: bytes, content_type: str
) -> None:
    with ScriptedServer(answer(429, body, content_type)) as server:
        held = Budget(host=server.host, username="alice", requests_per_minute=0, directory=tmp_path)
        with pytest.raises(RateLimited):
            connect(server.host).webapps.list()
    assert 11 < held.estimate({Endpoint.WEBAPPS: 1}) <= 12
    held.close()


def test_a_429_that_asks_for_a_day_does_not_stop_the_machine_for_one(
    connect: Connect, tmp_path: Path
) -> None:
    day = answer(429, b"{}", headers={"Retry-After": "86400"})
    with ScriptedServer(day) as server:
        held = Budget(host=server.host, username="alice", requests_per_minute=0, directory=tmp_path)
        with pytest.raises(RateLimited):
            connect(server.host, patience_s=300).webapps.list()
    assert 290 < held.estimate({Endpoint.WEBAPPS: 1}) <= 300
    held.close()


def test_a_429_longer_than_our_patience_is_an_error(connect: Connect) -> None:
    with ScriptedServer(answer(429, b"{}", headers={"Retry-After": "31"})) as server:
        client = connect(server.host, patience_s=30)
        with pytest.raises(RateLimited, match="429"):
            client.webapps.list()
        with pytest.raises(RateLimited, match="another 31 s"):
            client.webapps.list()  # the platform is not even asked
    assert len(server.requests) == 1


def test_a_wait_can_be_stopped(connect: Connect) -> None:
    class StoppedError(Exception):
        pass

    started = time.monotonic()

    def stop_soon() -> None:
        if time.monotonic() - started > 0.3:
            raise StoppedError

    with (
        ScriptedServer(answer(429, b"{}", headers={"Retry-After": "30"})) as server,
        pytest.raises(StoppedError),
    ):
        connect(server.host, patience_s=60, check_stop=stop_soon).webapps.list()
    assert time.monotonic() - started < 2


def test_the_last_error_says_how_often_it_was_tried(connect: Connect) -> None:
    with ScriptedServer(answer(503, b"")) as server, pytest.raises(ServerFault, match="tried 2 times"):
        connect(server.host, patience_s=0.6).webapps.list()


def test_no_connection_is_no_unknown_outcome(connect: Connect) -> None:
    with ScriptedServer(OK) as server:
        host = server.host
    with pytest.raises(Unreachable, match="Connection refused"):
        connect(host).webapps.create(DOMAIN, "3.12")


def test_only_what_the_platform_may_have_counted_is_charged(connect: Connect, tmp_path: Path) -> None:
    """Not a request that never left, nor one that was refused with 429."""
    with ScriptedServer(answer(429, b"{}", headers={"Retry-After": "9"}), DROP) as server:
        spent = Budget(host=server.host, username="alice", requests_per_minute=1, directory=tmp_path)
        client = connect(server.host, budget=spent)
        with pytest.raises(RateLimited):
            client.webapps.list()
        assert 8 < spent.estimate({Endpoint.WEBAPPS: 1}) <= 9
        with pytest.raises(Unreachable):
            client.cpu()
        assert spent.estimate({Endpoint.CPU: 1}) > 59
        client.close()
    with pytest.raises(Unreachable, match="cannot connect"):
        client.schedule.list()
    assert spent.estimate({Endpoint.SCHEDULE: 1}) == 0


def test_silence_ends_with_the_read_time_out(connect: Connect) -> None:
    with ScriptedServer(HANG) as server, pytest.raises(Unreachable, match=r"no answer within 0\.2 s"):
        connect(server.host, read_timeout_s=0.2).cpu()


def test_every_attempt_is_reported_and_counted(connect: Connect) -> None:
    done: list[RequestDone] = []
    with ScriptedServer(answer(503, b"?"), answer(200, b"[]"), DROP) as server:
        client = connect(server.host, patience_s=5, on_request=done.append)
        client.webapps.list()
        with pytest.raises(Unreachable):
            client.webapps.reload(DOMAIN)
    assert [
        (each.method, each.endpoint, each.status, each.attempt, each.bytes_received) for each in done
    ] == [
        ("GET", Endpoint.WEBAPPS, 503, 1, 1),
        ("GET", Endpoint.WEBAPPS, 200, 2, 2),
        ("POST", Endpoint.RELOAD, None, 1, 0),
    ]
    assert client.requests == {Endpoint.WEBAPPS: 2, Endpoint.RELOAD: 1}


def test_one_connection_serves_all_requests_and_no_cookie_comes_back(connect: Connect) -> None:
    with ScriptedServer(answer(200, b"[]", headers={"Set-Cookie": "sessionid=1; Path=/"})) as server:
        client = connect(server.host)
        for _ in range(3):
            client.webapps.list()
    assert server.connections == 1
    assert all("Cookie" not in request.headers for request in server.requests)
    assert server.requests[2].headers["Authorization"] == f"Token {TOKEN}"
    assert server.requests[2].headers["User-Agent"].startswith("deployer/")
    assert server.requests[2].headers["Accept-Encoding"] == "identity"


def test_an_upload_is_one_named_part_of_the_announced_length(connect: Connect) -> None:
    with ScriptedServer(answer(201), answer(200)) as server:
        client = connect(server.host)
        assert client.files.write("/home/alice/a", b"a\r\n--b\0") is True
        assert client.files.write("/home/alice/a", b"") is False
    first = server.requests[0]
    boundary = first.headers["Content-Type"].partition("boundary=")[2]
    assert (
        first.body
        == (
            f"--{boundary}\r\n"
            'Content-Disposition: form-data; name="content"; filename="content"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
            "a\r\n--b\0\r\n"
            f"--{boundary}--\r\n"
        ).encode()
    )
    assert "Transfer-Encoding" not in first.headers


def test_a_large_upload_is_never_in_memory_as_a_whole(connect: Connect, tmp_path: Path) -> None:
    size = 30 << 20
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(size)
    with ScriptedServer(answer(503), answer(201)) as server, large.open("rb") as file:
        client = connect(server.host, patience_s=30)
        tracemalloc.start()
        try:
            assert client.files.write("/home/alice/large", file, size) is True
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert [request.length > size for request in server.requests] == [True, True]
    assert peak < 6 << 20


@pytest.mark.parametrize("announced", [3, 5])
def test_a_file_that_changes_under_our_hands_is_not_uploaded(
    connect: Connect, tmp_path: Path, announced: int
) -> None:
    path = tmp_path / "four"
    path.write_bytes(b"four")
    with (
        ScriptedServer(answer(201)) as server,
        path.open("rb") as file,
        pytest.raises(UsageError, match="than announced"),
    ):
        connect(server.host).files.write("/home/alice/four", file, announced)
    assert server.requests == []


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("http://www.pythonanywhere.com", "unencrypted"),
        ("ftp://localhost", "not a host"),
        ("https://www.pythonanywhere.com/api", "not a host"),
    ],
)
def test_a_host_that_would_leak_the_token_or_is_none_is_refused(
    connect: Connect, host: str, says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        connect(host)


def test_a_host_without_scheme_is_spoken_to_in_https(connect: Connect) -> None:
    assert connect("eu.pythonanywhere.com").host == "https://eu.pythonanywhere.com"


@pytest.mark.parametrize("token", ["", "with\nbreak", "with space", "nön-ascii"])
def test_what_cannot_be_a_token_is_refused_without_being_quoted(connect: Connect, token: str) -> None:
    with pytest.raises(CredentialsRefused) as caught:
        connect("https://www.pythonanywhere.com", token=Secret(token))
    assert not token or token not in repr(caught.value)


def test_a_token_that_the_server_quotes_back_is_masked(connect: Connect) -> None:
    """As a debugging page does, with all headers of the request."""
    said = json.dumps({"detail": f"HTTP_AUTHORIZATION: Token {TOKEN}"}).encode()
    for status in (400, 500):
        with (
            ScriptedServer(answer(status, said)) as server,
            pytest.raises(ApiError, match=r"Token \*\*\*") as caught,
        ):
            connect(server.host).cpu()
        assert TOKEN not in repr(caught.value)


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's side of TLS for localhost, and the file that lets a client trust it."""
    certificate, key = self_signed("localhost")
    bundle, private = tmp_path / "bundle.pem", tmp_path / "key.pem"
    bundle.write_text(certificate)
    private.write_text(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(bundle, private)
    return context, bundle


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_private_certificate_authority_is_named_by_the_environment(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, tls: tuple[ssl.SSLContext, Path], variable: str
) -> None:
    context, bundle = tls
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv(variable, str(bundle))
    with ScriptedServer(answer(200, b"[]"), tls=context) as server:
        assert connect(server.host).webapps.list() == ()


def test_a_server_that_is_not_trusted_gets_no_token_and_no_second_try(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, tls: tuple[ssl.SSLContext, Path]
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with (
        ScriptedServer(answer(200, b"[]"), tls=tls[0]) as server,
        pytest.raises(ApiError, match="no trusted connection") as caught,
    ):
        connect(server.host, patience_s=30).webapps.list()
    assert server.requests == []
    assert server.connections == 1
    assert "REQUESTS_CA_BUNDLE" in caught.value.hint


def test_https_goes_through_the_proxy_of_the_environment_and_this_machine_never(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with ScriptedServer(answer(502)) as proxy, ScriptedServer(answer(200, b"[]")) as here:
        for variable in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(variable, proxy.host)
        assert connect(here.host).webapps.list() == ()
        assert proxy.requests == []
        with pytest.raises(Unreachable, match="cannot connect"):
            connect("https://www.pythonanywhere.com").webapps.list()
    assert [request.method for request in proxy.requests] == ["CONNECT"]
    assert all(TOKEN not in str(request) for request in proxy.requests)


def test_a_netrc_file_does_not_replace_the_token(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with ScriptedServer(answer(200, b"[]")) as server:
        connect(server.host).webapps.list()
    assert server.requests[0].headers["Authorization"] == f"Token {TOKEN}"


@pytest.mark.parametrize(
    "bad", [DROP, HANG, HTML_PAGE, answer(401, b"{}"), answer(500), answer(200, b"[]", missing=1), None]
)
def test_the_token_is_in_no_error_no_log_and_no_printed_form(
    connect: Connect, caplog: pytest.LogCaptureFixture, bad: Answer | None
) -> None:
    caplog.set_level(logging.DEBUG)
    with ScriptedServer(bad or OK) as server:
        host = server.host if bad else "http://127.0.0.1:1"
        client = connect(host, read_timeout_s=0.2)
        with pytest.raises(ApiError) as caught:
            client.webapps.list()
    errors: list[BaseException] = [caught.value]
    for error in errors:
        errors += [each for each in (error.__cause__, error.__context__) if each]
        errors += [each for each in error.args if isinstance(each, BaseException)]
        assert not hasattr(error, "request")  # what requests hangs on its exceptions holds the header
    shown = "".join(traceback.format_exception(caught.value))
    assert TOKEN not in shown + caplog.text + repr(client) + repr(vars(client)) + repr(errors)
