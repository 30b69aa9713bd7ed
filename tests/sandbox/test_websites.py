"""Websites of version 1: the command really runs, listens on its socket and is visited through it."""

import contextlib
import shlex
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from deployer.sandbox import Sandbox, SandboxOptions
from tests.builders.waiting import until
from tests.sandbox.client import DOMAIN, Client
from tests.sandbox.conftest import Start
from tests.sandbox.version_1 import COMMAND, SERVER, SOURCE, Version1

PLACE = f"websites/{DOMAIN}/"


@pytest.fixture
def v1(api: Client) -> Version1:
    return Version1(api)


@pytest.fixture
def site(v1: Version1) -> Version1:
    """A website that answers."""
    v1.serve()
    return v1


@pytest.fixture(scope="module")
def visited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Version1]:
    """A website that answers, for those who do no more than visit it."""
    with Sandbox(SandboxOptions(data=tmp_path_factory.mktemp("visited"))) as sandbox:
        client = Client(sandbox)
        v1 = Version1(client)
        v1.serve()
        yield v1
        client.session.close()


def test_a_website_is_shown_as_the_help_page_shows_it(v1: Version1) -> None:
    made = v1.create(command="sleep 600")
    number = made.json()["id"]
    assert made.status_code == 201
    assert made.json() == {
        "id": number,
        "user": "alice",
        "domain_name": DOMAIN,
        "enabled": True,
        "webapp": {
            "id": number,
            "command": "sleep 600",
            "domains": [{"domain_name": DOMAIN, "enabled": True}],
        },
        "logfiles": {
            "access": f"/var/log/{DOMAIN}.access.log",
            "server": f"/var/log/{DOMAIN}.server.log",
            "error": f"/var/log/{DOMAIN}.error.log",
        },
    }
    assert v1("GET", "websites/").json() == [made.json()]
    assert v1("GET", PLACE.upper().replace("WEBSITES", "websites")).json() == made.json()


def test_a_custom_domain_has_a_cname(start: Start) -> None:
    made = Version1(start(plan="paid")).create("www.example.org", "sleep 600").json()
    assert made["webapp"]["domains"] == [
        {
            "domain_name": "www.example.org",
            "enabled": True,
            "cname": f"webapp-{made['id']}.pythonanywhere.com",
        }
    ]


def test_visitors_reach_the_command_over_its_socket(visited: Version1) -> None:
    answer = visited.visit("/a%20b?c=%26", headers={"X-Own": "ü".encode("latin-1"), "Cookie": "x=y"})
    facts = answer.json()
    assert (facts["method"], facts["target"]) == ("GET", "/a%20b?c=%26")
    headers = {name.lower(): value for name, value in facts["headers"]}
    assert headers["host"] == DOMAIN
    assert headers["x-forwarded-for"] == headers["x-real-ip"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "https"
    assert headers["cookie"] == "x=y"
    assert answer.raw.headers.getlist("set-cookie") == ["a=1", "b=2"]
    head = visited.visit("/", "HEAD")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) > 0


def test_bodies_stream_both_ways_at_the_same_time(visited: Version1) -> None:
    """Each piece comes back before the next one is sent."""
    head = f"POST /echo HTTP/1.1\r\nHost: {DOMAIN}\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", int(visited.api.sandbox.url.rpartition(":")[2]))) as visitor:
        visitor.settimeout(20)
        visitor.sendall(head.encode())
        answers = visitor.makefile("rb")
        for piece in (b"first", b"second"):
            visitor.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            while answers.readline() != piece + b"\r\n":
                pass
        visitor.sendall(b"0\r\n\r\n")
        assert b"0\r\n" in {answers.readline(), answers.readline()}


def test_a_server_that_speaks_websocket_has_the_connection_for_itself(visited: Version1) -> None:
    head = f"GET /ws HTTP/1.1\r\nHost: {DOMAIN}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    with socket.create_connection(("127.0.0.1", int(visited.api.sandbox.url.rpartition(":")[2]))) as visitor:
        visitor.settimeout(20)
        visitor.sendall(head.encode())
        answer = visitor.makefile("rb")
        assert answer.readline() == b"HTTP/1.1 101 Switching Protocols\r\n"
        while answer.readline() != b"\r\n":
            pass
        visitor.sendall(b"\x81\x05bytes")
        assert answer.read(13) == b"hello \x81\x05BYTES"
        visitor.shutdown(socket.SHUT_WR)
        assert answer.read() == b""
    assert until(lambda: '"GET /ws HTTP/1.1" 101 ' in visited.log("access"))


def test_closing_the_sandbox_ends_open_connections(site: Version1) -> None:
    head = f"GET /ws HTTP/1.1\r\nHost: {DOMAIN}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    with socket.create_connection(("127.0.0.1", int(site.api.sandbox.url.rpartition(":")[2]))) as visitor:
        visitor.settimeout(20)
        visitor.sendall(head.encode())
        assert visitor.recv(12) == b"HTTP/1.1 101"
        site.api.sandbox.close()
        with contextlib.suppress(ConnectionResetError):
            while visitor.recv(100):
                pass


def test_large_bodies_arrive_whole(visited: Version1) -> None:
    body = bytes(range(256)) * 20_000
    answer = visited.visit("/echo", "POST", data=body)
    assert (answer.status_code, answer.content) == (201, body)


def test_the_logs_have_visits_and_what_the_command_says(visited: Version1) -> None:
    visited.visit("/seen", headers={"User-Agent": "a test", "Referer": "http://x/"})
    line = '"GET /seen HTTP/1.1" 200 '
    assert until(lambda: line in visited.log("access"))
    assert '"http://x/" "a test"' in visited.log("access")
    assert until(lambda: "asked for /seen" in visited.log("server"))
    assert "a word on stdout" in visited.log("server")
    assert "a word on stderr" in visited.log("error")
    visited.api.delete(f"files/path/var/log/{DOMAIN}.server.log")
    visited.visit("/after")
    assert until(lambda: "asked for /after" in visited.log("server"))


def test_a_command_that_ends_is_started_again(site: Version1) -> None:
    before = site.visit().json()["pid"]
    assert site.visit("/end").status_code == 502
    assert until(lambda: site.visit().status_code == 200)
    assert site.visit().json()["pid"] != before
    assert "ended with exit status 3; it is started again in 0.25 s" in site.log("server")


def test_an_answer_that_breaks_off_breaks_off_for_the_visitor(site: Version1) -> None:
    with pytest.raises(requests.exceptions.RequestException):
        site.visit("/half").content  # noqa: B018 - the read raises


def test_reload_takes_the_new_code_and_waits_for_it(site: Version1) -> None:
    before = site.visit().json()
    site.api.upload(SERVER, SOURCE.replace('"one"', '"two"').encode())
    assert site.visit().json()["text"] == "one"
    response = site("POST", f"{PLACE}reload/")
    assert (response.status_code, response.json()) == (200, {"status": "OK"})
    after = site.visit().json()
    assert after["text"] == "two"
    assert after["pid"] != before["pid"]


def test_a_disabled_website_has_no_process_until_it_is_enabled(site: Version1) -> None:
    process = Path(f"/proc/{site.visit().json()['pid']}")
    disabled = site("PATCH", PLACE, json={"enabled": False, "webapp": {"command": "x"}})
    assert (disabled.status_code, disabled.json()["enabled"]) == (200, False)
    assert disabled.json()["webapp"]["command"] == COMMAND
    assert not process.exists()
    assert site.visit().status_code == 404
    assert site("POST", f"{PLACE}reload/").status_code == 500
    site("PATCH", PLACE, data={"enabled": "true"})
    assert until(lambda: site.visit().status_code == 200)


def test_a_deleted_website_is_gone_and_its_domain_free(site: Version1) -> None:
    process = Path(f"/proc/{site.visit().json()['pid']}")
    response = site("DELETE", PLACE)
    assert (response.status_code, response.content) == (204, b"")
    assert not process.exists()
    for method, place in (("GET", PLACE), ("DELETE", PLACE), ("POST", f"{PLACE}reload/")):
        missing = site(method, place)
        assert (missing.status_code, missing.json()) == (404, {"detail": "Not found."})
    assert site("GET", "websites/").json() == []
    assert site.create().status_code == 201


def test_websites_come_back_with_the_sandbox(start: Start) -> None:
    v1 = Version1(start())
    v1.serve()
    process = Path(f"/proc/{v1.visit().json()['pid']}")
    shown = v1("GET", "websites/").json()
    v1.api.sandbox.close()
    assert not process.exists()
    v1 = Version1(start())
    assert v1("GET", "websites/").json() == shown
    assert until(lambda: v1.visit().status_code == 200)


def test_a_website_that_does_not_listen_is_a_page_of_the_front(v1: Version1) -> None:
    v1.create(command="echo broken >&2; exit 1")
    assert until(lambda: "ended with exit status 1" in v1.log("server"))
    answer = v1.visit()
    assert answer.status_code == 502
    assert answer.headers["content-type"].startswith("text/html")
    assert "broken" in v1.log("error")
    assert until(lambda: " 502 " in v1.log("access"))


def test_switch_new_website_hidden_s(start: Start) -> None:
    v1 = Version1(start())
    v1.api.sandbox.switch(new_website_hidden_s=600.0)
    v1.api.upload(SERVER, SOURCE.encode())
    v1.create()
    assert until(lambda: "a word on stdout" in v1.log("server"))
    assert v1.visit().status_code == 404
    v1("POST", f"{PLACE}reload/")
    assert v1.visit().status_code == 200


@pytest.mark.parametrize("isolation", ["auto", "none"])
@pytest.mark.parametrize("folder", ["short", "long" * 40])
def test_the_socket_is_reached_wherever_the_data_folder_lies(
    tmp_path: Path, start: Start, folder: str, isolation: str
) -> None:
    """With a view of the machine of its own for the command, and without."""
    Version1(start(data=tmp_path / folder, isolation=isolation)).serve()


def test_a_domain_has_one_site(start: Start) -> None:
    api = start(plan="paid", webapps=3)
    v1 = Version1(api)
    taken = {"domain_name": ["domain with this domain name already exists."]}
    assert v1.create(command="sleep 600").status_code == 201
    again = v1.create(DOMAIN.upper(), "sleep 600")
    assert (again.status_code, again.json()) == (400, taken)
    refused = api.create_webapp()
    assert (refused.status_code, refused.json()["detail"]) == (
        403,
        "You do not have permission to perform this action.",
    )
    assert api.create_webapp("www.example.org").status_code == 201
    assert v1.create("www.example.org", "sleep 600").json() == taken
    assert [each["domain_name"] for each in api.get("webapps/").json()] == ["www.example.org"]
    assert [each["domain_name"] for each in v1("GET", "websites/").json()] == [DOMAIN]


def test_the_plans_limit_counts_web_apps_and_websites(start: Start) -> None:
    api = start(plan="paid", webapps=1)
    v1 = Version1(api)
    v1.create(command="sleep 600")
    for refused in (v1.create("www.example.org", "sleep 600"), api.create_webapp("www.example.org")):
        assert refused.status_code == 400
        assert "You cannot create any more webapps - your account only allows 1" in refused.text


def test_bad_bodies_are_400_with_the_field(v1: Version1) -> None:
    required = ["This field is required."]
    for body, field in (
        ({}, "domain_name"),
        ({"domain_name": DOMAIN}, "webapp"),
        ({"domain_name": DOMAIN, "webapp": "x"}, "webapp"),
        ({"domain_name": DOMAIN, "webapp": {}}, "webapp"),
        ({"domain_name": DOMAIN, "webapp": {"command": None}}, "webapp"),
        ({"domain_name": DOMAIN, "webapp": {"command": "x"}, "enabled": "maybe"}, "enabled"),
        ({"domain_name": "www.example.org", "webapp": {"command": "x"}}, "domain_name"),
        ({"domain_name": "no domain", "webapp": {"command": "x"}}, "domain_name"),
    ):
        response = v1("POST", "websites/", json=body)
        assert (response.status_code, list(response.json())) == (400, [field])
    missing = v1("POST", "websites/", json={"domain_name": DOMAIN, "webapp": {}})
    assert missing.json() == {"webapp": {"command": required}}
    assert v1("GET", "websites/").json() == []
    form = {"domain_name": DOMAIN, "webapp.command": "sleep 600", "enabled": "false"}
    assert v1("POST", "websites/", data=form).json()["enabled"] is False


def test_posts_work_without_the_final_slash(v1: Version1) -> None:
    body = {"domain_name": DOMAIN, "webapp": {"command": "sleep 600"}, "enabled": False}
    assert v1("POST", "websites", json=body).status_code == 201
    v1("PATCH", PLACE, json={"enabled": True})
    assert v1("GET", "websites").status_code == 301
    assert v1("DELETE", PLACE.rstrip("/")).status_code == 301


def test_version_0_knows_no_websites_and_version_1_no_web_apps(v1: Version1) -> None:
    assert v1.api.get("websites/").status_code == 404
    assert v1("GET", "webapps/").status_code == 404


@pytest.mark.parametrize("status", [404, 403])
def test_switch_missing_website(v1: Version1, status: int) -> None:
    v1.api.sandbox.switch(missing_website=status)
    assert v1("GET", PLACE).status_code == status


def test_switch_website_webapp_id(v1: Version1) -> None:
    v1.api.sandbox.switch(website_webapp_id="string")
    made = v1.create(command="sleep 600").json()
    assert made["webapp"]["id"] == str(made["id"])


def test_uvicorn_serves_an_asgi_application(start: Start) -> None:
    """The help page's own command, with the virtual environment of the tests for the account's."""
    v1 = Version1(start(isolation="none"))
    v1.api.upload(
        "/home/alice/main.py",
        b"async def app(scope, receive, send):\n"
        b"    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
        b"    await send({'type': 'http.response.body', 'body': scope['path'].encode()})\n",
    )
    command = f"{shlex.quote(sys.executable)} -m uvicorn --app-dir ~ --uds ${{DOMAIN_SOCKET}} main:app"
    v1.create(command=command)
    assert until(lambda: v1.visit().status_code == 200), v1.log("error")
    assert v1.visit("/a/b").content == b"/a/b"


def test_a_log_that_cannot_be_written_stops_nothing(site: Version1) -> None:
    """It leads out of the account."""
    for kind in ("access", "server", "error"):
        log = site.api.sandbox.disk.real(f"/var/log/{DOMAIN}.{kind}.log")
        log.unlink(missing_ok=True)
        log.symlink_to("/etc/hosts")
    assert site.visit().status_code == 200
    assert site.visit("/end").status_code == 502
    assert until(lambda: site.visit().status_code == 200)
