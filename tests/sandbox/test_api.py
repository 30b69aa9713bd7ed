"""What holds for every endpoint: who is let in, how errors look, what a URL is."""

import pytest

from tests.sandbox.client import DOMAIN, Client
from tests.sandbox.conftest import Start


@pytest.mark.parametrize(
    ("authorization", "text"),
    [
        (None, "Authentication credentials were not provided."),
        ("Bearer {token}", "Authentication credentials were not provided."),
        ("Token", "Invalid token header. No credentials provided."),
        ("Token {token} more", "Invalid token header. Token string should not contain spaces."),
        ("Token 0123456789012345678901234567890123456789", "Invalid token."),
    ],
)
def test_without_the_token_every_request_is_401(api: Client, authorization: str | None, text: str) -> None:
    header = authorization and authorization.format(token=api.sandbox.token)
    response = api.get("cpu/", headers={"Authorization": header})
    assert response.status_code == 401
    assert response.json() == {"detail": text}
    assert response.headers["WWW-Authenticate"] == "Token"


def test_the_scheme_is_read_in_any_case(api: Client) -> None:
    assert api.get("cpu/", headers={"Authorization": f"token {api.sandbox.token}"}).status_code == 200


def test_a_generated_token_has_40_hexadecimal_digits_and_stays(start: Start) -> None:
    first = start()
    first.sandbox.close()
    assert len(bytes.fromhex(first.sandbox.token)) == 20
    assert start().sandbox.token == first.sandbox.token


def test_another_users_url_is_403(api: Client) -> None:
    response = api.session.get(f"{api.sandbox.url}/api/v0/user/bob/cpu/")
    assert response.status_code == 403
    assert response.json() == {"detail": "You do not have permission to perform this action."}


@pytest.mark.parametrize(("answer", "status"), [("sensitive", 403), ("insensitive", 200)])
def test_switch_user_case(api: Client, answer: str, status: int) -> None:
    api.sandbox.switch(user_case=answer)
    assert api.session.get(f"{api.sandbox.url}/api/v0/user/ALICE/cpu/").status_code == status


def test_an_unknown_url_is_an_html_page_even_without_a_token(api: Client) -> None:
    for place in ("poop/", "files/pathfoo", "files/path", "webapps/a/b/"):
        response = api.get(place, headers={"Authorization": ""})
        assert response.status_code == 404
        assert response.headers["Content-Type"].startswith("text/html")


def test_a_method_that_the_endpoint_lacks_is_405_with_those_it_has(api: Client) -> None:
    response = api("PUT", "schedule/")
    assert response.status_code == 405
    assert response.json() == {"detail": 'Method "PUT" not allowed.'}
    assert response.headers["Allow"] == "GET, POST, HEAD, OPTIONS"


def test_bodies_come_as_json_form_or_multipart(api: Client) -> None:
    task = {"command": "true", "interval": "daily", "hour": "5", "minute": "0"}
    for body in ({"json": task}, {"data": task}, {"files": {name: (None, v) for name, v in task.items()}}):
        response = api.post("schedule/", **body)
        assert response.status_code == 201
        assert response.json()["printable_time"] == "05:00"
        assert api.delete(f"schedule/{response.json()['id']}/").status_code == 204


@pytest.mark.parametrize(
    ("kind", "body", "status", "text"),
    [
        ("text/plain", "x", 415, 'Unsupported media type "text/plain" in request.'),
        (
            "application/json",
            "{",
            400,
            "JSON parse error - Expecting property name",
        ),
        pytest.param(
            "application/json", "[" * 100_000, 400, "JSON parse error - maximum recursion depth", id="deep"
        ),
        pytest.param(
            f"multipart/form-data; boundary={'b' * 5000}",
            "x",
            400,
            "Multipart form parse error - Invalid boundary in multipart: bbb",
            id="long boundary",
        ),
        ("multipart/form-data", "x", 400, "Multipart form parse error - Invalid boundary in multipart: None"),
        ("multipart/form-data; boundary=b", "--b\r\nA: b\r\n\r\n", 400, "Multipart form parse error - "),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(
    api: Client, kind: str, body: str, status: int, text: str
) -> None:
    response = api.post("schedule/", data=body, headers={"Content-Type": kind})
    assert response.status_code == status
    assert response.json()["detail"].startswith(text)


def test_a_json_body_has_to_be_an_object(api: Client) -> None:
    response = api.post("schedule/", json=[1])
    assert response.status_code == 400
    assert response.json() == {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]}


@pytest.mark.parametrize("number", ["0", str(2**63), "9" * 5000])
def test_a_number_of_any_length_that_nothing_has_is_404(api: Client, number: str) -> None:
    api.create_webapp()
    for place in (f"schedule/{number}/", f"webapps/{DOMAIN}/static_files/{number}/"):
        response = api.delete(place)
        assert (response.status_code, response.json()) == (404, {"detail": "Not found."})


def test_json_has_no_spaces(api: Client) -> None:
    assert ": " not in api.get("cpu/").text


def test_an_accept_header_without_json_is_406(api: Client) -> None:
    assert api.get("cpu/", headers={"Accept": "image/png"}).status_code == 406


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_missing_slash_is_a_redirect_for_every_method(api: Client, method: str) -> None:
    response = api(method, "webapps?x=1")
    assert response.status_code == 301
    assert response.headers["Location"] == "/api/v0/user/alice/webapps/?x=1"
    assert response.content == b""


def test_switch_missing_slash_accept_serves_it(api: Client) -> None:
    api.sandbox.switch(missing_slash="accept")
    assert api.get("webapps").json() == []


def test_options_describes_and_head_has_the_head_of_get(api: Client) -> None:
    assert api("OPTIONS", "schedule/").json()["name"] == "Schedule"
    response = api("HEAD", "cpu/")
    assert response.headers["Content-Length"] == api.get("cpu/").headers["Content-Length"]
    assert response.content == b""


def test_cpu_shows_the_plans_seconds_and_those_used(start: Start) -> None:
    shown = start(plan="paid", cpu_used_s=1.5).get("cpu/").json()
    assert shown["daily_cpu_limit_seconds"] == 2000
    assert shown["daily_cpu_total_usage_seconds"] == 1.5
    assert shown["next_reset_time"].endswith("T00:00:00")
