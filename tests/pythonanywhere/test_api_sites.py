"""The client against a whole account: what belongs to sites, beyond `test_api_contract`."""

from datetime import UTC, datetime, timedelta

import pytest
import requests

from deployer.errors import ApiError, NotFound
from deployer.pythonanywhere import EnableOutcome, PythonAnywhere, ReloadOutcome
from deployer.sandbox import Sandbox
from deployer.secret import Secret
from tests.builders.waiting import until
from tests.pythonanywhere.certificates import self_signed
from tests.pythonanywhere.names import DOMAIN, HOME, Free


def site(sandbox: Sandbox, domain: str, path: str = "/") -> requests.Response:
    return requests.get(f"{sandbox.url}{path}", headers={"Host": domain}, timeout=30)


def test_a_web_app_is_replaced_as_a_whole(account: PythonAnywhere, domain: str) -> None:
    fields = {"python_version": "3.13", "source_directory": f"{HOME}/site"}
    assert account.webapps.replace(domain, **fields).source_directory == f"{HOME}/site"
    assert account.webapps.get(domain).python_version == "3.13"


def test_a_mapping_is_read_alone_and_replaced_as_a_whole(account: PythonAnywhere, domain: str) -> None:
    mapping = account.static_files.create(domain, url="/static/", path=f"{HOME}/static")
    assert account.static_files.get(domain, mapping.id) == mapping
    replaced = account.static_files.replace(domain, mapping.id, url="/media/", path=f"{HOME}/media")
    assert (replaced.id, replaced.url, replaced.path) == (mapping.id, "/media/", f"{HOME}/media")
    with pytest.raises(NotFound):
        account.static_files.get(domain, mapping.id + 1)


def test_a_web_app_is_taken_off_the_web_and_put_back(
    sandbox: Sandbox, account: PythonAnywhere, domain: str
) -> None:
    assert account.webapps.reload(domain) is ReloadOutcome.OK
    assert site(sandbox, domain).status_code == 200
    account.webapps.disable(domain)
    account.webapps.disable(domain)
    assert site(sandbox, domain).status_code != 200
    assert account.webapps.enable(domain) is EnableOutcome.ON
    assert until(lambda: site(sandbox, domain).status_code == 200)


def test_enabling_at_the_accounts_limit_does_not_fail_where_it_is_on_already(free: Free) -> None:
    """Under the default reading, in which a web app does not tell whether it is on."""
    free.account.webapps.create(DOMAIN, "3.12")
    assert free.account.webapps.enable(DOMAIN) is EnableOutcome.AT_LIMIT
    free.account.webapps.disable(DOMAIN)
    assert free.account.webapps.enable(DOMAIN) is EnableOutcome.ON


def test_headers_live_through_their_life(sandbox: Sandbox, account: PythonAnywhere, domain: str) -> None:
    account.files.write(f"{HOME}/static/a.txt", b"a")
    account.static_files.create(domain, url="/static/", path=f"{HOME}/static")
    header = account.static_headers.create(domain, url="/static/", name="X-Robots-Tag", value="noindex")
    assert header.value_text == "noindex"
    assert account.static_headers.list(domain) == (header,)
    assert account.static_headers.get(domain, header.id) == header
    account.webapps.reload(domain)
    assert site(sandbox, domain, "/static/a.txt").headers["X-Robots-Tag"] == "noindex"
    assert account.static_headers.update(domain, header.id, value="none").value == "none"
    replaced = account.static_headers.replace(domain, header.id, url="/", name="X-A", value="b")
    assert (replaced.id, replaced.url, replaced.name, replaced.value) == (header.id, "/", "X-A", "b")
    assert account.static_headers.delete(domain, header.id) is True
    assert account.static_headers.delete(domain, header.id) is False
    assert account.static_headers.list(domain) == ()


@pytest.mark.parametrize("value", ["no-store", {"a": "b", "c": 1}], ids=["text", "object"])
def test_a_headers_value_comes_back_as_it_went(
    sandbox: Sandbox, account: PythonAnywhere, domain: str, value: str | dict[str, object]
) -> None:
    sandbox.switch(static_header_value="object")
    made = account.static_headers.create(domain, url="/", name="X-A", value=value)
    assert made.value == value
    assert account.static_headers.list(domain) == (made,)


@pytest.mark.parametrize("status", [404, 403])
def test_a_missing_website_is_not_found_under_either_reading(
    sandbox: Sandbox, account: PythonAnywhere, status: int
) -> None:
    sandbox.switch(missing_website=status)
    for call in (account.websites.get, account.websites.reload, account.domains.get):
        with pytest.raises(NotFound):
            call(DOMAIN)
    assert account.websites.delete(DOMAIN) is False


def test_a_website_lives_through_its_life(sandbox: Sandbox, account: PythonAnywhere) -> None:
    account.files.write(f"{HOME}/server.py", SERVER)
    made = account.websites.create(DOMAIN, command=f"python3 {HOME}/server.py")
    assert (made.domain_name, made.command, made.enabled) == (DOMAIN, f"python3 {HOME}/server.py", True)
    assert account.websites.list() == (account.websites.get(DOMAIN),)
    assert account.webapps.list() == ()
    assert made.logfiles["error"] == f"/var/log/{DOMAIN}.error.log"
    assert until(lambda: site(sandbox, DOMAIN).text == "served by a command")
    with pytest.raises(ApiError, match="domain_name: domain with this domain name already exists"):
        account.websites.create(DOMAIN, command="true")
    assert account.websites.reload(DOMAIN) is ReloadOutcome.OK
    assert until(lambda: site(sandbox, DOMAIN).text == "served by a command")
    assert account.websites.set_enabled(DOMAIN, enabled=False).enabled is False
    assert site(sandbox, DOMAIN).text != "served by a command"
    assert account.websites.set_enabled(DOMAIN, enabled=True).enabled is True
    assert account.websites.delete(DOMAIN) is True
    assert account.websites.delete(DOMAIN) is False
    with pytest.raises(NotFound):
        account.websites.reload(DOMAIN)


SERVER = b"""\
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import UnixStreamServer


class Handler(BaseHTTPRequestHandler):
    def address_string(self):
        return "proxy"

    def do_GET(self):
        body = b"served by a command"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


UnixStreamServer(os.environ["DOMAIN_SOCKET"], Handler).serve_forever()
"""
"""The smallest server that listens where a website has to."""


def test_domains_and_their_certificates_live_through_their_life(account: PythonAnywhere) -> None:
    name = "www.example.org"
    made = account.domains.create(name)
    assert (made.domain_name, made.enabled) == (name, True)
    assert account.domains.list() == (account.domains.get(name),)
    assert account.domains.update(name, enabled=False).enabled is False
    with pytest.raises(NotFound):
        account.domains.certificate(name)
    certificate, key = self_signed(name)
    account.domains.upload_certificate(name, certificate=certificate, private_key=Secret(key))
    stored = account.domains.certificate(name)
    assert stored.not_after is not None
    assert stored.not_after - datetime.now(UTC) <= timedelta(days=90)
    assert account.domains.delete_certificate(name) is True
    assert account.domains.delete_certificate(name) is False
    account.domains.letsencrypt(name)
    assert account.domains.certificate(name).cert_type == "letsencrypt-auto-renew"
    assert account.domains.delete(name) is True
    assert account.domains.delete(name) is False
