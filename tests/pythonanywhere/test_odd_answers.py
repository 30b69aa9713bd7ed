"""Answers that public sources disagree on, in each reading of them: consoles, headers, websites and more."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deployer.errors import (
    ApiError,
    ConsoleNotStarted,
    CredentialsRefused,
    NoAnswer,
    NotFound,
    OutcomeUnknown,
)
from deployer.model.endpoints import Endpoint
from deployer.pythonanywhere import Budget, EnableOutcome, PythonAnywhere, ReloadOutcome
from deployer.pythonanywhere.endpoints import address, query_address
from deployer.secret import Secret
from tests.pythonanywhere.names import DOMAIN, HOME, TOKEN, Connect
from tests.pythonanywhere.scripted_server import DROP, Answer, ScriptedServer, answer

OK = answer(200, b'{"status":"OK"}')
NO_PERMISSION = answer(403, b'{"detail":"You do not have permission to perform this action."}')
AT_LIMIT = answer(400, b'{"error":"You cannot create any more webapps - your account only allows 1"}')
NOT_STARTED = answer(
    412, b'{"error":"Console not yet started. Please load it (or its iframe) in a browser first"}'
)
TWO_CONSOLES = answer(200, b'[{"id":11,"executable":"bash"},{"id":12,"name":"Python","executable":null}]')


def shown(value: dict[str, Any], status: int = 200) -> Answer:
    return answer(status, json.dumps(value).encode())


@pytest.mark.parametrize(
    "refusal",
    [
        answer(403, b"<html><title>Upgrade your account</title></html>", "text/html"),
        answer(403, b"<p>You have too many consoles</p>", "text/html"),
        answer(400, b'{"detail":"You have too many consoles."}'),
        answer(400, b'{"error":"You have too many consoles."}'),
        answer(404, b'{"detail":"Not found."}'),
        answer(200, b""),
        answer(200, b"You have too many consoles."),
        answer(200, b'{"status":"ERROR","error_message":"too many"}'),
        answer(200, b'{"status":"OK"}'),
        answer(200, b"<html>no</html>", "text/html"),
        NO_PERMISSION,
    ],
    ids=lambda refusal: refusal.raw.splitlines()[0].decode()[9:12] + " " + refusal.raw[-25:].decode(),
)
def test_every_answer_without_an_id_is_a_refusal_of_a_console(connect: Connect, refusal: Answer) -> None:
    with ScriptedServer(refusal, TWO_CONSOLES) as server, pytest.raises(ApiError) as caught:
        connect(server.host, patience_s=30).consoles.create()
    assert not isinstance(caught.value, OutcomeUnknown)
    assert "there are 2: 11 (bash), 12 (Python)" in caught.value.message
    assert "use one of these or delete one" in caught.value.hint
    assert [request.method for request in server.requests] == ["POST", "GET"], "sent once"


def test_a_refused_console_says_when_there_is_none_and_when_there_are_many(connect: Connect) -> None:
    many = json.dumps([{"id": number, "executable": "bash"} for number in range(1, 9)]).encode()
    refused = answer(400, b'{"executable":["\\"no\\" is not a valid choice."]}')
    with ScriptedServer(refused, answer(200, b"[]"), refused, answer(200, many)) as server:
        consoles = connect(server.host).consoles
        with pytest.raises(ApiError, match=r"not a valid choice.*there are none yet"):
            consoles.create(executable="no")
        with pytest.raises(ApiError, match=r"there are 8: 1 \(bash\), .*5 \(bash\) and 3 more"):
            consoles.create()


def test_a_refused_console_is_told_from_a_token_of_somebody_else(connect: Connect) -> None:
    with ScriptedServer(NO_PERMISSION) as server, pytest.raises(CredentialsRefused, match="another user"):
        connect(server.host).consoles.create()


@pytest.mark.parametrize("lost", [DROP, answer(201, b'{"id":1}', missing=3), answer(502)])
def test_a_console_whose_answer_was_lost_is_unknown_and_no_refusal(connect: Connect, lost: Answer) -> None:
    with ScriptedServer(lost) as server, pytest.raises(OutcomeUnknown):
        connect(server.host, patience_s=30).consoles.create()
    assert len(server.requests) == 1


def test_a_refusal_keeps_its_words_when_the_list_does_not_answer(connect: Connect) -> None:
    with (
        ScriptedServer(answer(400, b'{"detail":"too many"}'), answer(500)) as server,
        pytest.raises(ApiError, match="400 too many"),
    ):
        connect(server.host).consoles.create()


def test_a_refusals_page_does_not_show_the_token(connect: Connect) -> None:
    page = f"<title>Request with Authorization: Token {TOKEN}</title>".encode()
    with (
        ScriptedServer(answer(200, page, "text/html"), TWO_CONSOLES) as server,
        pytest.raises(ApiError) as caught,
    ):
        connect(server.host).consoles.create()
    assert "Authorization: Token" in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_a_console_may_leave_out_everything_but_its_id(connect: Connect) -> None:
    with ScriptedServer(answer(201, b'{"id":7,"name":null,"arguments":null,"new":1}')) as server:
        console = connect(server.host).consoles.create(working_directory=HOME)
    assert (console.id, console.name, console.arguments, console.console_url) == (7, None, None, None)
    sent = json.loads(server.requests[0].body)
    assert sent == {"executable": "bash", "arguments": "", "working_directory": HOME}


@pytest.mark.parametrize(
    "call",
    [lambda consoles: consoles.latest_output(7), lambda consoles: consoles.send_input(7, "ls\n")],
    ids=["output", "input"],
)
def test_a_console_that_was_never_opened_says_what_to_open(
    connect: Connect, call: Callable[[Any], None]
) -> None:
    with ScriptedServer(NOT_STARTED) as server, pytest.raises(ConsoleNotStarted) as caught:
        call(connect(server.host, patience_s=30).consoles)
    assert caught.value.status == 412
    assert "Open /user/alice/consoles/7/" in caught.value.hint
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "wrong", [OK, answer(200, b'{"output":null}'), answer(200, b""), answer(200, b"[]")], ids=str
)
def test_what_is_no_output_is_not_taken_for_silence(connect: Connect, wrong: Answer) -> None:
    with ScriptedServer(wrong) as server, pytest.raises(NoAnswer):
        connect(server.host).consoles.latest_output(7)


def test_input_is_typed_once_whatever_becomes_of_the_answer(connect: Connect) -> None:
    with ScriptedServer(answer(500)) as server, pytest.raises(OutcomeUnknown, match="done twice"):
        connect(server.host, patience_s=30).consoles.send_input(7, 'echo "ä"\n')
    assert [json.loads(request.body) for request in server.requests] == [{"input": 'echo "ä"\n'}]


@pytest.mark.parametrize(("said", "was_there"), [(answer(204), True), (answer(404, b"{}"), False)])
def test_ending_a_console_is_done_at_204_and_404(connect: Connect, said: Answer, was_there: bool) -> None:
    with ScriptedServer(said) as server:
        assert connect(server.host).consoles.delete(7) is was_there


@pytest.mark.parametrize(
    ("enabled", "outcome"), [(True, EnableOutcome.ON), (None, EnableOutcome.AT_LIMIT)], ids=["on", "unsaid"]
)
def test_a_web_app_that_is_on_already_may_be_refused_at_the_limit(
    connect: Connect,
    enabled: bool | None,
    outcome: EnableOutcome,
) -> None:
    app = {"domain_name": DOMAIN} | ({} if enabled is None else {"enabled": enabled})
    with ScriptedServer(AT_LIMIT, shown(app)) as server:
        assert connect(server.host).webapps.enable(DOMAIN) is outcome


def test_a_web_app_that_is_off_and_one_too_many_is_refused(connect: Connect) -> None:
    with (
        ScriptedServer(AT_LIMIT, shown({"domain_name": DOMAIN, "enabled": False})) as server,
        pytest.raises(ApiError, match="only allows 1"),
    ):
        connect(server.host).webapps.enable(DOMAIN)


def test_another_refusal_to_enable_is_one(connect: Connect) -> None:
    with ScriptedServer(answer(400, b'{"error":"no"}')) as server, pytest.raises(ApiError, match="400 no"):
        connect(server.host).webapps.enable(DOMAIN)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [("no-store", "no-store"), ({"b": 1, "a": "x"}, '{"a": "x", "b": 1}'), (None, None)],
    ids=["text", "object", "missing"],
)
def test_a_headers_value_is_text_or_an_object(connect: Connect, value: Any, text: str | None) -> None:
    body = {"id": 3, "url": "/", "name": "Cache-Control", "value": value}
    with ScriptedServer(shown(body, 201)) as server:
        header = connect(server.host).static_headers.create(
            DOMAIN, url="/", name="Cache-Control", value=value or "x"
        )
    assert (header.value, header.value_text) == (value, text)
    assert json.loads(server.requests[0].body)["value"] == (value or "x"), "sent as it was given"


@pytest.mark.parametrize("key", ["detail", "error", "message", "error_message"])
def test_an_always_on_task_on_a_free_account_is_refused_in_the_platforms_words(
    connect: Connect, key: str
) -> None:
    with ScriptedServer(shown({key: "Please upgrade"}, 403)) as server, pytest.raises(ApiError) as caught:
        connect(server.host, patience_s=30).always_on.create(command="worker")
    assert "403 Please upgrade" in caught.value.message
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "said", [OK, answer(200), answer(204), shown({"id": 1, "command": "worker"})], ids=str
)
def test_a_restart_may_be_confirmed_by_anything_but_an_error(connect: Connect, said: Answer) -> None:
    """What the platform answers here is not public."""
    with ScriptedServer(said, answer(200, b'{"status":"ERROR","error":"no"}')) as server:
        always_on = connect(server.host).always_on
        always_on.restart(1)
        with pytest.raises(ApiError, match="no"):
            always_on.restart(1)


def test_a_website_whose_domain_is_taken_is_refused_by_field(connect: Connect) -> None:
    said = {"domain_name": ["domain with this domain name already exists."]}
    with (
        ScriptedServer(shown(said, 400)) as server,
        pytest.raises(ApiError, match="domain_name: domain with this domain name already exists"),
    ):
        connect(server.host).websites.create(DOMAIN, command="serve")
    assert server.requests[0].target == "/api/v1/user/alice/websites/"
    sent = json.loads(server.requests[0].body)
    assert sent == {"domain_name": DOMAIN, "enabled": True, "webapp": {"command": "serve"}}


def test_a_website_is_read_with_and_without_what_came_later(connect: Connect) -> None:
    old = {"domain_name": DOMAIN, "webapp": {"id": "42", "command": "serve", "domains": []}}
    new = old | {"id": 42, "enabled": True, "logfiles": {"error": "/var/log/e.log", "odd": None}}
    with ScriptedServer(shown(old), shown(new), shown({"domain_name": DOMAIN, "webapp": None})) as server:
        websites = connect(server.host).websites
        first, second, third = (websites.get(DOMAIN) for _ in range(3))
    assert (first.command, first.enabled, first.logfiles) == ("serve", None, {})
    assert (second.id, second.enabled, second.logfiles) == (42, True, {"error": "/var/log/e.log"})
    assert third.command is None


@pytest.mark.parametrize("webapp", [7, "7", {"id": 7}, None])
def test_what_serves_a_domain_is_handed_on_as_it_came(connect: Connect, webapp: object) -> None:
    with ScriptedServer(shown({"domain_name": DOMAIN, "enabled": True, "webapp": webapp})) as server:
        assert connect(server.host).domains.get(DOMAIN).webapp == webapp


@pytest.mark.parametrize("missing", [NO_PERMISSION, answer(404, b'{"detail":"Not found."}')], ids=str)
def test_a_site_that_is_not_there_is_not_found_in_every_family(connect: Connect, missing: Answer) -> None:
    with ScriptedServer(missing) as server:
        client = connect(server.host)
        for call in (
            client.webapps.enable,
            client.webapps.disable,
            client.static_headers.list,
            client.websites.get,
            client.websites.reload,
            client.domains.get,
            client.domains.certificate,
        ):
            with pytest.raises(NotFound):
                call(DOMAIN)
        assert client.websites.delete(DOMAIN) is False
        assert client.domains.delete(DOMAIN) is False
        assert client.domains.delete_certificate(DOMAIN) is False


def test_a_website_reloaded_without_a_cname_is_a_warning(connect: Connect) -> None:
    with ScriptedServer(answer(409, b'{"status":"error","error":"cname_error"}')) as server:
        assert connect(server.host).websites.reload(DOMAIN) is ReloadOutcome.NO_CNAME


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.websites.reload(DOMAIN),
        lambda client: client.always_on.restart(1),
        lambda client: client.domains.letsencrypt(DOMAIN),
        lambda client: client.static_headers.create(DOMAIN, url="/", name="n", value="v"),
        lambda client: client.always_on.create(command="c"),
        lambda client: client.websites.create(DOMAIN, command="c"),
        lambda client: client.domains.create(DOMAIN),
    ],
    ids=["website reload", "restart", "letsencrypt", "header", "always on", "website", "domain"],
)
def test_what_must_not_be_sent_twice_is_not(
    connect: Connect, call: Callable[[PythonAnywhere], object]
) -> None:
    with ScriptedServer(answer(502)) as server, pytest.raises(ApiError):
        call(connect(server.host, patience_s=30))
    assert len(server.requests) == 1


def test_a_shared_file_has_the_same_link_new_and_known(connect: Connect) -> None:
    link = b'{"url":"/user/alice/shares/asdf1234/"}'
    script = [answer(201, link), answer(200, link), answer(404, b"{}"), answer(204), answer(404, b"{}")]
    path = f"{HOME}/a&b+c #1.txt"
    with ScriptedServer(*script) as server:
        client = connect(server.host)
        assert client.files.share(path) == "/user/alice/shares/asdf1234/"
        assert client.url(client.files.share(path)) == f"{server.host}/user/alice/shares/asdf1234/"
        assert client.files.shared(path) is None
        assert client.files.unshare(path) is True
        assert client.files.unshare(path) is False
    assert json.loads(server.requests[0].body) == {"path": path}
    query = "?path=%2Fhome%2Falice%2Fa%26b%2Bc+%231.txt"
    assert server.requests[2].target == f"/api/v0/user/alice/files/sharing/{query}"


@pytest.mark.parametrize("wrong", [OK, answer(200, b'{"url":""}'), answer(200, b"")], ids=str)
def test_what_is_no_link_is_not_taken_for_one(connect: Connect, wrong: Answer) -> None:
    with ScriptedServer(wrong) as server:
        files = connect(server.host).files
        for call in (files.share, files.shared):
            with pytest.raises(NoAnswer):
                call(f"{HOME}/a")


@pytest.mark.parametrize("endpoint", [each for each in Endpoint if each is not Endpoint.FILES_PATH])
def test_every_address_has_its_final_slash(endpoint: Endpoint) -> None:
    """Without it the platform redirects, and what was a POST becomes a GET that does nothing."""
    version = "v1" if endpoint.startswith(("websites", "domains")) else "v0"
    plain = address("alice", endpoint, domain=DOMAIN, id=7)
    assert plain == f"/api/{version}/user/alice/{endpoint.format(domain=DOMAIN, id=7)}/"
    assert query_address("alice", Endpoint.FILES_SHARING, "/a").partition("?")[0].endswith("/")


def test_a_redirect_is_not_followed_in_version_1_either(connect: Connect) -> None:
    moved = answer(301, headers={"Location": "/api/v1/user/alice/websites/"})
    with ScriptedServer(moved) as server, pytest.raises(OutcomeUnknown, match="a redirect to /api/v1"):
        connect(server.host).websites.create(DOMAIN, command="serve")
    assert len(server.requests) == 1


def test_a_certificate_of_a_domain_goes_where_version_1_has_it(connect: Connect) -> None:
    with ScriptedServer(OK) as server:
        client = connect(server.host)
        client.domains.upload_certificate(DOMAIN, certificate="CHAIN", private_key=Secret("KEY"))
        client.domains.letsencrypt(DOMAIN)
        assert client.domains.delete_certificate(DOMAIN) is True
    target = f"/api/v1/user/alice/domains/{DOMAIN}/ssl/"
    assert [(each.method, each.target) for each in server.requests] == [
        ("POST", target),
        ("POST", target),
        ("DELETE", target),
    ]
    assert json.loads(server.requests[0].body) == {"cert": "CHAIN", "private_key": "KEY"}
    assert json.loads(server.requests[1].body) == {"cert_type": "letsencrypt-auto-renew"}


def test_input_has_an_allowance_of_its_own(tmp_path: Path) -> None:
    budget = Budget(host="http://127.0.0.1:9", username="alice", directory=tmp_path)
    assert budget.limit(Endpoint.CONSOLE_INPUT) == 120
    assert budget.limit(Endpoint.CONSOLE_OUTPUT) == 40
    budget.close()
