"""Web apps: creating, changing, deleting and reloading them, and every open question about that."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta

import pytest
import requests

from deployer.sandbox.switches import Switches
from deployer.sandbox.threads import AT_A_TIME
from tests.sandbox.client import DOMAIN, Client
from tests.sandbox.conftest import Start

APP = f"webapps/{DOMAIN}/"
WSGI = "/var/www/alice_pythonanywhere_com_wsgi.py"
SAYING = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"{word}"]
"""

SEEN = b"""
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{environ['HTTP_HOST']} {environ['HTTP_ORIGIN']}".encode()] if "HTTP_ORIGIN" in environ else []
"""

HANGING = b"""
import os, time
def application(environ, start_response):
    while environ["PATH_INFO"] == "/hang" and not os.path.exists(os.path.expanduser("~/released")):
        time.sleep(0.01)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return []
"""


def visit(api: Client, domain: str = DOMAIN) -> requests.Response:
    return api.session.get(f"{api.sandbox.url}/", headers={"Host": domain}, timeout=30)


def until(condition: Callable[[], bool], deadline_s: float = 20) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def error_of(response: requests.Response) -> tuple[int, str, str]:
    body = response.json()
    assert body["status"] == "ERROR"
    return response.status_code, body["error_type"], body["error_message"]


def test_a_new_webapp_is_listed_with_its_defaults_and_shows_a_placeholder(api: Client) -> None:
    response = api.create_webapp()
    assert (response.status_code, response.json()) == (201, {"status": "OK"})
    assert response.headers["Content-Type"].startswith("text/json")
    (webapp,) = api.get("webapps/").json()
    assert webapp == api.get(APP).json()
    expiry = date.fromisoformat(webapp.pop("expiry"))
    assert timedelta(27) < expiry - datetime.now(UTC).date() < timedelta(32)
    assert webapp.pop("id") > 0
    assert webapp == {
        "user": "alice",
        "domain_name": DOMAIN,
        "python_version": "3.11",
        "source_directory": "",
        "working_directory": "/home/alice/",
        "virtualenv_path": "",
        "force_https": False,
        "password_protection_enabled": False,
        "password_protection_username": "",
        "password_protection_password": "",
    }
    assert f"Hello from {DOMAIN}" in visit(api).text


def test_a_browser_reaches_the_site_below_localhost_and_the_site_sees_its_own_domain(api: Client) -> None:
    """Many sites refuse other hosts and forms from elsewhere; another site's form stays foreign."""
    api.create_webapp()
    api.upload(WSGI, SEEN)
    assert api.post(f"{APP}reload/").status_code == 200
    local = f"{DOMAIN.title()}.localhost:8000"
    for host, origin, seen in (
        (local, f"http://{local}", f"{DOMAIN} https://{DOMAIN}"),
        (local, "http://bob.localhost:8000", f"{DOMAIN} http://bob.localhost:8000"),
        (f"{DOMAIN}:8000", f"http://{local}", f"{DOMAIN}:8000 http://{local}"),
    ):
        answer = api.session.get(f"{api.sandbox.url}/", headers={"Host": host, "Origin": origin}, timeout=30)
        assert answer.text == seen
    for stranger in ("localhost", ".localhost", "bob.pythonanywhere.com.localhost"):
        assert visit(api, stranger).status_code == 404


def test_creation_overwrites_the_wsgi_file(api: Client) -> None:
    api.upload(WSGI, b"mine")
    api.create_webapp()
    assert b"mine" not in api.get(f"files/path{WSGI}").content


def test_a_free_account_has_one_webapp_and_only_its_own_domain(api: Client) -> None:
    kind = "domain_name_error"
    custom = "You do not have permission to create webapps on custom domains. Please upgrade"
    own = f"The only .pythonanywhere.com address you can register is {DOMAIN}"
    assert error_of(api.create_webapp("www.example.org")) == (400, kind, custom)
    for other in ("bob.pythonanywhere.com", "blog-alice.pythonanywhere.com"):
        assert error_of(api.create_webapp(other)) == (400, kind, own)
    assert api.get("webapps/").json() == []


def test_a_paid_account_has_custom_domains_and_subdomains_up_to_its_number(start: Start) -> None:
    api = start(plan="paid", webapps=3)
    for domain in (DOMAIN, "www.example.org", "blog-alice.pythonanywhere.com"):
        assert api.create_webapp(domain).status_code == 201
    status, _, text = error_of(api.create_webapp("four.example.org"))
    assert (status, text) == (400, "You cannot create any more webapps - your account only allows 3")


@pytest.mark.parametrize("domain", ["../../etc.x", "a b.example.org", "localhost", "-"])
def test_what_is_no_domain_name_is_refused(start: Start, domain: str) -> None:
    assert start(plan="paid").create_webapp(domain).status_code == 400


def test_a_domain_may_be_as_long_as_the_files_named_after_it(start: Start) -> None:
    api = start(plan="paid")
    longest = ("a" * 60 + ".") * 3 + "a" * 60
    assert api.create_webapp(longest).status_code == 201
    assert f"Hello from {longest}" in visit(api, longest).text
    assert api.delete(f"webapps/{longest}/").status_code == 204
    assert error_of(api.create_webapp(f"{longest}a"))[0] == 400


def test_versions_are_spelt_without_dot_in_creation_and_with_one_later(api: Client) -> None:
    for wrong in ("3.10", "python36", "python3.10", "ruby"):
        assert error_of(api.create_webapp(version=wrong))[0] == 400
    assert api.create_webapp(version="python310").status_code == 201
    assert api.get(APP).json()["python_version"] == "3.10"
    refused = api.patch(APP, data={"python_version": "python311"})
    assert refused.status_code == 400
    assert refused.json() == {"python_version": ['"python311" is not a valid choice.']}
    assert api.patch(APP, data={"python_version": "3.11"}).json()["python_version"] == "3.11"


def test_creation_needs_both_fields(api: Client) -> None:
    response = api.post("webapps/", data={})
    assert response.status_code == 400
    assert sorted(response.json()) == ["domain_name", "python_version"]


@pytest.mark.parametrize(
    "changes",
    [{"data": {"force_https": "True", "unknown": "1"}}, {"json": {"force_https": True, "unknown": 1}}],
)
def test_a_patch_changes_what_it_names_and_ignores_what_it_does_not_know(
    api: Client, changes: dict[str, object]
) -> None:
    api.create_webapp()
    before = api.get(APP).json()
    after = api("PATCH", APP, **changes)
    assert after.status_code == 200
    assert after.json() == {**before, "force_https": True}
    assert api.get(APP).json() == after.json()


def test_a_wrong_boolean_is_400(api: Client) -> None:
    api.create_webapp()
    response = api.patch(APP, json={"force_https": "maybe"})
    assert (response.status_code, response.json()) == (400, {"force_https": ["Must be a valid boolean."]})


@pytest.mark.parametrize("status", [403, 404])
def test_switch_missing_webapp(api: Client, status: int) -> None:
    api.sandbox.switch(missing_webapp=status)
    places = [("GET", APP), ("PATCH", APP), ("DELETE", APP), ("POST", f"{APP}reload/")]
    places += [("GET", f"{APP}ssl/"), ("GET", f"{APP}static_files/")]
    for method, place in places:
        assert api(method, place).status_code == status


def test_switch_webapp_create_status(start: Start) -> None:
    api = start(switches=Switches(webapp_create_status=200))
    assert api.create_webapp().status_code == 200


def test_switch_webapp_refusal(start: Start) -> None:
    api = start(switches=Switches(taken_domains=("taken.example.org",)), plan="paid")
    assert error_of(api.create_webapp("Taken.example.org"))[0] == 400
    api.create_webapp()
    assert error_of(api.create_webapp())[0] == 400
    api.sandbox.switch(webapp_refusal="field-errors")
    assert list(api.create_webapp().json()) == ["domain_name"]
    assert list(api.create_webapp("new.example.org", "ruby").json()) == ["python_version"]


def test_switches_for_the_object(start: Start) -> None:
    api = start(
        switches=Switches(new_webapp_source="home", webapp_shows_enabled=True, domain_case="lowered"),
    )
    api.create_webapp("Alice.PythonAnywhere.com")
    webapp = api.get(APP).json()
    assert webapp["source_directory"] == "/home/alice"
    assert webapp["enabled"] is True
    assert webapp["domain_name"] == DOMAIN


def test_a_domain_is_found_in_any_case_and_shown_as_posted(api: Client) -> None:
    api.create_webapp("Alice.PythonAnywhere.com")
    assert api.get(APP).json()["domain_name"] == "Alice.PythonAnywhere.com"
    assert visit(api, "ALICE.pythonanywhere.com:8000").status_code == 200


def test_switch_webapp_paths(api: Client) -> None:
    api.create_webapp()
    change = {"source_directory": "/home/alice/nothing", "virtualenv_path": ""}
    assert api.patch(APP, json=change).status_code == 200
    api.sandbox.switch(webapp_paths="must-exist")
    assert list(api.patch(APP, json=change).json()) == ["source_directory"]
    assert api.patch(APP, json={"source_directory": "/home/alice"}).status_code == 200


@pytest.mark.parametrize(
    ("answer", "missing"),
    [("python_version", ["python_version"]), ("nothing", []), ("everything", ["python_version", "..."])],
)
def test_switch_webapp_put_requires(api: Client, answer: str, missing: list[str]) -> None:
    api.create_webapp()
    api.sandbox.switch(webapp_put_requires=answer)
    response = api("PUT", APP, json={"force_https": True})
    assert response.status_code == (400 if missing else 200)
    if missing:
        assert next(iter(response.json())) == "python_version"
        assert (len(response.json()) > 1) == (len(missing) > 1)
    assert api("PUT", APP, json=api.get(APP).json()).status_code == 200


def test_deleting_takes_the_site_down_and_backs_up_its_wsgi_file(api: Client) -> None:
    api.create_webapp()
    api.post(f"{APP}static_files/", json={"url": "/s/", "path": "/home/alice"})
    visit(api)
    wsgi = api.get(f"files/path{WSGI}").content
    assert api.delete(APP).status_code == 204
    assert api.get("webapps/").json() == []
    assert visit(api).status_code == 404
    assert api.get(f"files/path{WSGI}").status_code == 404
    assert api.get(f"files/path{WSGI}.bak").content == wsgi
    assert f"/var/log/{DOMAIN}.access.log" in api.get("files/tree/?path=/var/log").json()
    api.create_webapp()
    assert api.get(f"{APP}static_files/").json() == []


def test_switches_for_what_a_deleted_webapp_leaves(start: Start) -> None:
    api = start(
        switches=Switches(
            deleted_webapp_wsgi="copied", deleted_webapp_mappings="kept", deleted_webapp_logs="removed"
        )
    )
    api.create_webapp()
    api.post(f"{APP}static_files/", json={"url": "/s/", "path": "/home/alice"})
    visit(api)
    api.delete(APP)
    assert api.get(f"files/path{WSGI}").status_code == 200
    assert api.get("files/tree/?path=/var/log").json() == []
    api.create_webapp()
    assert len(api.get(f"{APP}static_files/").json()) == 1


def test_a_reload_brings_new_code_and_new_settings(api: Client) -> None:
    api.sandbox.switch(wsgi_upload="nothing")
    api.create_webapp()
    assert "Hello" in visit(api).text
    api.upload(WSGI, SAYING.replace("{word}", "new").encode())
    api.upload("/home/alice/s/file", b"static")
    api.post(f"{APP}static_files/", json={"url": "/s/", "path": "/home/alice/s"})
    assert "Hello" in visit(api).text
    reload = api.post(f"{APP}reload/")
    assert (reload.status_code, reload.json()) == (200, {"status": "OK"})
    assert visit(api).text == "new"
    static = api.session.get(f"{api.sandbox.url}/s/file", headers={"Host": DOMAIN})
    assert static.content == b"static"


def test_a_broken_site_reloads_with_200(api: Client) -> None:
    api.create_webapp()
    api.upload(WSGI, b"import nothing_of_that_name\n")
    assert api.post(f"{APP}reload/").status_code == 200
    assert visit(api).status_code >= 500


def test_the_site_finds_the_token_and_the_api_in_its_environment(api: Client) -> None:
    api.create_webapp()
    names = '"API_TOKEN", "PYTHONANYWHERE_SITE", "PYTHONANYWHERE_DOMAIN"'
    told = f'" ".join(__import__("os").environ[name] for name in ({names}))'
    api.upload(WSGI, SAYING.replace('b"{word}"', f"({told}).encode()").encode())
    api.post(f"{APP}reload/")
    address = api.sandbox.https_url.removeprefix("https://")
    assert visit(api).text == f"{api.sandbox.token} {address} pythonanywhere.com"


def test_uploading_the_wsgi_file_reloads_by_itself_a_little_later(start: Start) -> None:
    api = start(switches=Switches(wsgi_upload_delay_s=0.05, rate_limit="off"))
    api.create_webapp()
    assert "Hello" in visit(api).text
    api.upload(WSGI, SAYING.replace("{word}", "new").encode())
    until(lambda: visit(api).text == "new")


@pytest.mark.parametrize("status", ["500", "502", "504"])
def test_switch_slow_reload(start: Start, status: str) -> None:
    api = start(reload_limit_s=0.3, switches=Switches().changed({"slow_reload": status}))
    api.create_webapp()
    api.upload(WSGI, b"import time\ntime.sleep(0.7)\n" + SAYING.replace("{word}", "up").encode())
    response = api.post(f"{APP}reload/")
    assert response.status_code == int(status)
    assert response.headers["Content-Type"].startswith("text/html")
    assert visit(api).text == "up"


def test_switch_slow_reload_hang(start: Start) -> None:
    api = start(reload_limit_s=0.2, switches=Switches(slow_reload="hang"))
    api.create_webapp()
    api.upload(WSGI, b"import time\ntime.sleep(30)\n")
    begun = time.monotonic()
    with pytest.raises(requests.exceptions.ReadTimeout):
        api.session.post(f"{api.base}{APP}reload/", timeout=1)
    api.sandbox.close()
    assert time.monotonic() - begun < 10


def test_switch_cname(start: Start) -> None:
    api = start(plan="paid", switches=Switches(cname="missing"))
    api.create_webapp()
    api.create_webapp("www.example.org")
    assert api.post(f"{APP}reload/").status_code == 200
    response = api.post("webapps/www.example.org/reload/")
    assert (response.status_code, response.json()) == (409, {"status": "error", "error": "cname_error"})
    api.sandbox.switch(cname="found")
    assert api.post("webapps/www.example.org/reload/").status_code == 200


def test_static_mappings_keep_their_order_and_can_be_changed(api: Client) -> None:
    api.create_webapp()
    place = f"{APP}static_files/"
    first = api.post(place, data={"url": "no slash", "path": "/home/alice/a"})
    assert first.status_code == 201
    number = first.json()["id"]
    assert first.json() == {"id": number, "url": "no slash", "path": "/home/alice/a"}
    second = api.post(place, json={"url": "/b/", "path": "/home/alice/b"}).json()
    changed = api.patch(f"{place}{number}/", json={"url": "/a/"})
    assert changed.json() == {"id": number, "url": "/a/", "path": "/home/alice/a"}
    assert api.get(place).json() == [changed.json(), second]
    assert api("PUT", f"{place}{number}/", json={"url": "/c/"}).json() == {
        "path": ["This field is required."]
    }
    api.sandbox.switch(static_order="last-changed")
    assert api.get(place).json() == [second, changed.json()]
    assert api.delete(f"{place}{number}/").status_code == 204
    gone = api.get(f"{place}{number}/")
    assert (gone.status_code, gone.json()) == (404, {"detail": "Not found."})


def test_switch_static_duplicates_and_urls(api: Client) -> None:
    api.create_webapp()
    mapping = {"url": "/s", "path": "/home/alice"}
    for _ in range(2):
        assert api.post(f"{APP}static_files/", json=mapping).status_code == 201
    api.sandbox.switch(static_duplicates="refused")
    assert api.post(f"{APP}static_files/", json=mapping).status_code == 400
    api.sandbox.switch(static_urls="slash-added")
    assert api.post(f"{APP}static_files/", json=mapping).json()["url"] == "/s/"


def test_a_mapping_belongs_to_one_webapp(start: Start) -> None:
    api = start(plan="paid")
    api.create_webapp()
    api.create_webapp("www.example.org")
    number = api.post(f"{APP}static_files/", json={"url": "/s", "path": "/tmp"}).json()["id"]
    assert api.get(f"webapps/www.example.org/static_files/{number}/").status_code == 404


def test_a_site_with_any_number_of_hanging_visitors_can_be_reloaded(api: Client) -> None:
    api.create_webapp()
    api.sandbox.switch(wsgi_upload="nothing")
    api.upload(WSGI, HANGING)
    api.post(f"{APP}reload/")
    log = api.sandbox.disk.real(f"/var/log/{DOMAIN}.server.log")
    reloads = log.read_text().count("reload of")
    with ExitStack() as opened:
        for _ in range(2 * AT_A_TIME):
            opened.enter_context(api.raw("GET /hang HTTP/1.1", host=DOMAIN))
        reloading = opened.enter_context(api.raw(f"POST /api/v0/user/alice/{APP}reload/ HTTP/1.1"))
        until(lambda: log.read_text().count("reload of") > reloads)
        api.upload("/home/alice/released")
        assert reloading.recv(15) == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize(
    ("method", "status", "length"),
    [("GET", "204 No Content", None), ("GET", "304 Not Modified", None), ("HEAD", "200 OK", "1000")],
)
def test_answers_without_a_body_pass(api: Client, method: str, status: str, length: str | None) -> None:
    api.create_webapp()
    headers = [("Content-Length", length)] if length else []
    answering = f"    start_response({status!r}, {headers})\n    return []\n"
    api.upload(WSGI, f"def application(environ, start_response):\n{answering}".encode())
    api.post(f"{APP}reload/")
    answer = api.session.request(method, f"{api.sandbox.url}/", headers={"Host": DOMAIN}, timeout=30)
    assert (f"{answer.status_code} {answer.reason}", answer.content) == (status, b"")
    assert answer.headers.get("Content-Length") == length
