"""Static headers: kept by the API, sent with static files after a reload, and what is open about them."""

import pytest

from tests.sandbox.client import Client
from tests.sandbox.conftest import Start
from tests.sandbox.sites import APP, reload, serve, visit

PLACE = f"{APP}static_headers/"
CORS = {"url": "/s/", "name": "Access-Control-Allow-Origin", "value": "*"}


@pytest.fixture
def site(api: Client) -> Client:
    serve(api)
    api.upload("/home/alice/s/a.css", b"a {}")
    api.post(f"{APP}static_files/", json={"url": "/s/", "path": "/home/alice/s"})
    return api


def test_a_header_can_be_made_read_changed_replaced_and_deleted(api: Client) -> None:
    api.create_webapp()
    made = api.post(PLACE, json=CORS)
    header = made.json()
    item = f"{PLACE}{header['id']}/"
    assert (made.status_code, header) == (201, {"id": header["id"], **CORS})
    assert api.get(PLACE).json() == [api.get(item).json()] == [header]
    changed = api.patch(item, data={"value": "https://example.org"})
    assert (changed.status_code, changed.json()) == (200, {**header, "value": "https://example.org"})
    other = {"url": "no slash", "name": "X-Frame-Options", "value": "DENY"}
    assert api("PUT", item, json=other).json() == {"id": header["id"], **other}
    assert api("PUT", item, json={"url": "/"}).json() == {
        "name": ["This field is required."],
        "value": ["This field is required."],
    }
    assert api.delete(item).status_code == 204
    gone = api.get(item)
    assert (gone.status_code, gone.json()) == (404, {"detail": "Not found."})
    assert api.get(PLACE).json() == []


def test_it_is_sent_with_static_files_below_its_url_after_a_reload(site: Client) -> None:
    site.post(PLACE, json=CORS)
    site.post(PLACE, json={**CORS, "url": "/s/other", "name": "X-Other"})
    name = CORS["name"]
    assert name not in visit(site, "/s/a.css").headers
    reload(site)
    answer = visit(site, "/s/a.css")
    assert answer.headers[name] == "*"
    assert "X-Other" not in answer.headers
    unchanged = visit(site, "/s/a.css", headers={"If-Modified-Since": answer.headers["Last-Modified"]})
    assert (unchanged.status_code, unchanged.headers[name]) == (304, "*")
    assert name not in visit(site, "/s/missing").headers
    assert name not in visit(site).headers


def test_a_header_replaces_what_the_server_would_have_sent_under_that_name(site: Client) -> None:
    site.post(PLACE, json={"url": "/s", "name": "content-type", "value": "text/plain"})
    site.post(PLACE, json={"url": "/", "name": "Cache-Control", "value": "no-cache"})
    site.post(PLACE, json={"url": "/s/a.css", "name": "cache-control", "value": "max-age=3600"})
    reload(site)
    headers = visit(site, "/s/a.css").headers
    assert headers["Content-Type"] == "text/plain"
    assert headers["Cache-Control"] == "max-age=3600"


def test_switch_static_headers_reach(site: Client) -> None:
    site.sandbox.switch(static_headers_reach="everything")
    site.post(PLACE, json={"url": "/", "name": "X-Own", "value": "theirs"})
    reload(site)
    assert visit(site).headers["X-Own"] == "theirs"
    assert visit(site, "/s/a.css").headers["X-Own"] == "theirs"


def test_switch_static_header_value(site: Client) -> None:
    given = {"url": "/s", "name": "Permissions-Policy", "value": {"camera": [], "a": "b"}}
    refused = site.post(PLACE, json=given)
    assert (refused.status_code, refused.json()) == (400, {"value": ["Not a valid string."]})
    site.sandbox.switch(static_header_value="object")
    assert site.post(PLACE, json=given).json()["value"] == given["value"]
    assert site.post(PLACE, data={**CORS, "value": '{"x": 1}'}).json()["value"] == {"x": 1}
    assert site.post(PLACE, json={**CORS, "name": "X-Text"}).json()["value"] == "*"
    reload(site)
    headers = visit(site, "/s/a.css").headers
    assert headers["Permissions-Policy"] == '{"a": "b", "camera": []}'
    assert headers["X-Text"] == "*"


def test_what_could_not_be_sent_is_refused(api: Client) -> None:
    api.create_webapp()
    for field, value in (
        ("name", "two words"),
        ("name", "X-A:"),
        ("name", ""),
        ("name", "Content-Length"),
        ("name", "transfer-encoding"),
        ("value", "a\r\nSet-Cookie: b"),
        ("value", "a\x01b"),
        ("value", "\u20ac"),
        ("url", ""),
    ):
        response = api.post(PLACE, json={**CORS, field: value})
        assert (response.status_code, list(response.json())) == (400, [field])


def test_a_header_belongs_to_one_webapp_and_goes_with_it(start: Start) -> None:
    api = start(plan="paid")
    api.create_webapp()
    api.create_webapp("www.example.org")
    number = api.post(PLACE, json=CORS).json()["id"]
    assert api.get(f"webapps/www.example.org/static_headers/{number}/").status_code == 404
    assert api.get("webapps/none.example.org/static_headers/").status_code == 403
    api.delete(APP)
    api.create_webapp()
    assert api.get(PLACE).json() == []
