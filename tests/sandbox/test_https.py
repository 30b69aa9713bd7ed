"""The sandbox by HTTPS: whose certificate is served, and that everything works there as on the plain port."""

import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
import urllib3
from cryptography import x509

from deployer.sandbox import Effect, Fault, Sandbox, SandboxOptions
from deployer.sandbox.tls import UnreadableAuthorityError
from tests.builders.waiting import until
from tests.sandbox.authority import TestAuthority, connect, key_pem, pem, served
from tests.sandbox.client import DOMAIN, Client
from tests.sandbox.conftest import Start

SITE = "www.example.org"
PLACE = f"webapps/{SITE}/ssl/"
ASK = {"cert_type": "letsencrypt-auto-renew"}
GET_CPU = b"GET /api/v0/user/alice/cpu/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Token %s\r\n\r\n"
WSGI = b"""
def application(environ, start_response):
    start_response("200 OK", [])
    said = environ["wsgi.url_scheme"], environ["SERVER_PORT"], environ.get("HTTP_ORIGIN", "-")
    return [" ".join(said).encode()]
"""

ASK_AS_THE_VENDOR = """
import os, requests
url = f"https://{os.environ['PYTHONANYWHERE_SITE']}/api/v0/user/alice/cpu/"
print(requests.get(url, headers={"Authorization": "Token " + os.environ["API_TOKEN"]}).status_code)
"""


@pytest.fixture(scope="module")
def ca() -> TestAuthority:
    return TestAuthority()


@pytest.fixture
def site(start: Start) -> Client:
    """With a web app on a custom domain, which says by what scheme its visitors come."""
    api = start(plan="paid")
    api.create_webapp(SITE)
    api.sandbox.disk.write("/var/www/www_example_org_wsgi.py", WSGI)
    return api


@pytest.fixture
def session(api: Client) -> Iterator[requests.Session]:
    """Trusts the authority of `api`'s sandbox and has its token."""
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(api.sandbox.ca_file)
        session.headers["Authorization"] = f"Token {api.sandbox.token}"
        yield session


def cpu(api: Client) -> str:
    return f"{api.sandbox.https_url}/api/v0/user/alice/cpu/"


def visit(sandbox: Sandbox, name: str, authority: str | None = None, **headers: str) -> Any:
    """A page of the site, from somebody who verifies whom they speak to; redirects are not followed."""
    with urllib3.HTTPSConnectionPool(
        "127.0.0.1",
        int(sandbox.https_url.rpartition(":")[2]),
        server_hostname=name,
        assert_hostname=name,
        ca_cert_data=authority or sandbox.ca_file.read_text(),
        timeout=10,
        retries=False,
    ) as pool:
        return pool.request("GET", "/", headers={"Host": name, **headers}, redirect=False)


def install(api: Client, ca: TestAuthority) -> x509.Certificate:
    certificate, key = ca.site(SITE)
    assert api.post(PLACE, json={"cert": pem(certificate), "private_key": key_pem(key)}).status_code == 200
    return certificate


def test_the_api_answers_whoever_trusts_the_sandboxs_authority(
    api: Client, session: requests.Session
) -> None:
    assert session.get(cpu(api), timeout=10).status_code == 200
    by_address = cpu(api).replace("localhost", "127.0.0.1")
    assert session.get(by_address, timeout=10).status_code == 200
    with pytest.raises(requests.exceptions.SSLError):
        session.get(cpu(api), timeout=10, verify=True)


def test_the_vendors_way_of_pointing_at_a_server_works(api: Client) -> None:
    """Their clients build https:// from this variable, and `requests` reads the other one."""
    environment = {
        **os.environ,
        "PYTHONANYWHERE_SITE": api.sandbox.https_url.removeprefix("https://"),
        "REQUESTS_CA_BUNDLE": str(api.sandbox.ca_file),
        "API_TOKEN": api.sandbox.token,
        "NO_PROXY": "localhost",
    }
    done = subprocess.run(
        [sys.executable, "-c", ASK_AS_THE_VENDOR], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "200\n"


def test_the_authority_survives_a_restart_and_its_keys_are_its_owners(start: Start) -> None:
    first = start()
    root = first.sandbox.ca_file.read_bytes()
    first.sandbox.close()
    first.sandbox.ca_file.unlink()
    second = start()
    assert second.sandbox.ca_file.read_bytes() == root
    assert b"PRIVATE" not in root
    keys = second.sandbox.disk.data / "tls" / "authority.pem"
    assert keys.stat().st_mode & 0o777 == 0o600
    second.sandbox.close()
    keys.write_bytes(b"garbage")
    with pytest.raises(UnreadableAuthorityError, match=f"{keys} does not hold .* left as it is"):
        start()
    assert keys.read_bytes() == b"garbage"


def test_a_site_of_the_platform_has_the_platforms_certificate(api: Client) -> None:
    api.create_webapp()
    assert b"Hello" in visit(api.sandbox, DOMAIN).data
    local = f"{DOMAIN}.localhost"
    assert b"Hello" in visit(api.sandbox, local).data
    shown = served(api.sandbox, DOMAIN)
    assert shown.issuer.rfc4514_string() == "CN=PythonAnywhere sandbox: root"
    assert served(api.sandbox, DOMAIN) == shown
    assert served(api.sandbox, local) != shown


def test_a_custom_domain_without_a_certificate_is_refused_by_its_visitors(site: Client) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        served(site.sandbox, SITE)


def test_an_installed_certificate_is_served_after_the_reload(site: Client, ca: TestAuthority) -> None:
    trusted = pem(ca.certificate)
    first = install(site, ca)
    with pytest.raises(ssl.SSLCertVerificationError):
        served(site.sandbox, SITE, trusted)
    site.post(f"webapps/{SITE}/reload/")
    assert served(site.sandbox, SITE.upper(), trusted).serial_number == first.serial_number
    assert visit(site.sandbox, SITE, trusted).data == b"https 443 -"
    second = install(site, ca)
    assert served(site.sandbox, SITE, trusted).serial_number == first.serial_number
    site.post(f"webapps/{SITE}/reload/")
    assert served(site.sandbox, SITE, trusted).serial_number == second.serial_number
    site.delete(PLACE)
    assert served(site.sandbox, SITE, trusted).serial_number == second.serial_number
    site.post(f"webapps/{SITE}/reload/")
    with pytest.raises(ssl.SSLCertVerificationError):
        served(site.sandbox, SITE, trusted)


def test_switch_certificate_activation(site: Client, ca: TestAuthority) -> None:
    site.sandbox.switch(certificate_activation="at-once")
    certificate = install(site, ca)
    trusted = pem(ca.certificate)
    assert served(site.sandbox, SITE, trusted).serial_number == certificate.serial_number
    site.delete(PLACE)
    with pytest.raises(ssl.SSLCertVerificationError):
        served(site.sandbox, SITE, trusted)


def test_an_installed_certificate_is_served_after_a_restart(
    start: Start, site: Client, ca: TestAuthority
) -> None:
    certificate = install(site, ca)
    site.sandbox.close()
    again = start(plan="paid")
    assert served(again.sandbox, SITE, pem(ca.certificate)).serial_number == certificate.serial_number
    assert again.get(PLACE).json()["cert_type"] == "custom"


def test_a_chain_is_served_whole(site: Client, ca: TestAuthority) -> None:
    between = TestAuthority("Between", issuer=ca)
    certificate, key = between.site("*.example.org")
    site.post(PLACE, json={"cert": pem(certificate, between.certificate), "private_key": key_pem(key)})
    site.post(f"webapps/{SITE}/reload/")
    assert visit(site.sandbox, SITE, pem(ca.certificate)).status == 200


def test_a_further_domains_certificate_comes_into_force_with_its_site(
    site: Client, ca: TestAuthority
) -> None:
    further = "shop.example.net"
    number = site.get(f"webapps/{SITE}/").json()["id"]
    v1 = f"{site.sandbox.url}/api/v1/user/alice/domains/"
    place = f"{v1}{further}/ssl/"
    site.session.post(v1, json={"domain_name": further, "webapp": number}, timeout=10)
    assert site.session.post(place, json=ca.material(further), timeout=10).status_code == 200
    site.post(f"webapps/{SITE}/reload/")
    assert visit(site.sandbox, further, pem(ca.certificate)).data == b"https 443 -"


def test_letsencrypt_is_played_by_the_sandboxs_authority(site: Client) -> None:
    assert site.post(PLACE, json=ASK).status_code == 200
    site.post(f"webapps/{SITE}/reload/")
    shown = served(site.sandbox, SITE)
    assert shown.issuer.rfc4514_string() == "CN=PythonAnywhere sandbox: instead of Let's Encrypt"
    life = shown.not_valid_after_utc - datetime.now(UTC)
    assert timedelta(days=89, hours=23) < life <= timedelta(days=90)
    assert site.get(PLACE).json() == {
        **ASK,
        "not_after": shown.not_valid_after_utc.strftime("%Y%m%dT%H%M%SZ"),
        "issuer_name": "PythonAnywhere sandbox: instead of Let's Encrypt",
        "subject_name": SITE,
        "subject_alternate_names": [SITE],
    }


def test_letsencrypt_renews_by_itself_a_month_before_the_end(site: Client) -> None:
    site.post(PLACE, json=ASK)
    site.post(f"webapps/{SITE}/reload/")
    first = served(site.sandbox, SITE)
    site.sandbox.clock.advance(timedelta(days=59).total_seconds())
    assert served(site.sandbox, SITE) == first
    site.sandbox.switch(letsencrypt="failing")
    site.sandbox.clock.advance(timedelta(days=2).total_seconds())
    site.post(f"webapps/{SITE}/reload/")
    assert served(site.sandbox, SITE) == first
    site.sandbox.switch(letsencrypt="issued")
    site.sandbox.clock.advance(0)
    assert until(lambda: served(site.sandbox, SITE).serial_number != first.serial_number)
    left = served(site.sandbox, SITE).not_valid_after_utc - site.sandbox.clock.now()
    assert left > timedelta(days=89)


def test_a_renewal_comes_at_its_time_without_anything_being_asked(site: Client) -> None:
    site.post(PLACE, json=ASK)
    site.post(f"webapps/{SITE}/reload/")
    first = served(site.sandbox, SITE)
    to_renewal = first.not_valid_after_utc - timedelta(days=30) - site.sandbox.clock.now()
    site.sandbox.clock.advance((to_renewal - timedelta(seconds=1)).total_seconds())
    assert served(site.sandbox, SITE) == first
    assert until(lambda: served(site.sandbox, SITE) != first)


def test_a_pending_certificate_waits_for_the_reload_and_leaves_the_old_one_until_then(
    site: Client, ca: TestAuthority
) -> None:
    old = install(site, ca)
    site.sandbox.switch(letsencrypt="pending")
    site.post(PLACE, json=ASK)
    site.post(f"webapps/{SITE}/reload/")
    assert served(site.sandbox, SITE, pem(ca.certificate)).serial_number == old.serial_number
    site.sandbox.switch(letsencrypt="issued")
    site.post(PLACE, json=ASK)
    site.post(f"webapps/{SITE}/reload/")
    assert "sandbox" in served(site.sandbox, SITE).issuer.rfc4514_string()


def test_plain_visitors_count_as_secure_unless_the_sandbox_is_told_otherwise(
    start: Start, site: Client
) -> None:
    def plain(client: Client, **headers: str) -> requests.Response:
        url = f"{client.sandbox.url}/x?y"
        return client.session.get(url, headers={"Host": SITE, **headers}, allow_redirects=False, timeout=10)

    site.patch(f"webapps/{SITE}/", json={"force_https": True})
    site.post(f"webapps/{SITE}/reload/")
    assert plain(site).text == "https 443 -"
    assert plain(site, **{"X-Forwarded-Proto": "http"}).status_code == 301
    site.sandbox.close()
    strict = start(plan="paid", plain_is_http=True)
    strict.post(PLACE, json=ASK)
    strict.post(f"webapps/{SITE}/reload/")
    for headers in ({}, {"X-Forwarded-Proto": "https"}):
        answer = plain(strict, **headers)
        assert (answer.status_code, answer.headers["Location"]) == (301, f"https://{SITE}/x?y")
    assert visit(strict.sandbox, SITE, **{"X-Forwarded-Proto": "http"}).data == b"https 443 -"
    local = plain(strict, Host=f"{SITE}.localhost:1")
    port = strict.sandbox.https_url.rpartition(":")[2]
    assert local.headers["Location"] == f"https://{SITE}.localhost:{port}/x?y"
    strict.patch(f"webapps/{SITE}/", json={"force_https": False})
    strict.post(f"webapps/{SITE}/reload/")
    assert plain(strict).text == "http 80 -"


def test_a_browser_at_the_local_name_is_taken_for_one_at_the_domain(site: Client) -> None:
    local = f"{SITE}.localhost"
    port = site.sandbox.https_url.rpartition(":")[2]
    answer = visit(site.sandbox, local, Host=f"{local}:{port}", Origin=f"https://{local}:{port}")
    assert answer.data == f"https 443 https://{SITE}".encode()


@pytest.mark.parametrize("kind", ["cut", "half", "stall", "status"])
def test_faults_happen_here_too(api: Client, session: requests.Session, kind: Any) -> None:
    api.sandbox.faults.add(Fault(times=1, effect=Effect(kind=kind)))
    with connect(api.sandbox, "localhost", api.sandbox.ca_file.read_text()) as connection:
        connection.sendall(GET_CPU % api.sandbox.token.encode())
        received = b""
        try:
            connection.settimeout(0.3 if kind == "stall" else 10)
            while chunk := connection.recv(65536):
                received += chunk
                if kind == "status":
                    break
            ended = "closed"
        except (ConnectionResetError, ssl.SSLEOFError):
            ended = "cut"
        except TimeoutError:
            ended = "open"
    head, _, body = received.partition(b"\r\n\r\n")
    promised = len(session.get(cpu(api), timeout=10).content)
    if kind == "half":
        assert f"content-length: {promised}".encode() in head
        assert (len(body), ended) == (promised // 2, "closed")
    elif kind == "status":
        assert head.startswith(b"HTTP/1.1 503")
    else:
        assert (received, ended) == (b"", "cut" if kind == "cut" else "open")


def test_what_is_not_tls_leaves_the_sandbox_serving(api: Client, session: requests.Session) -> None:
    port = int(api.sandbox.https_url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert plain.recv(65536)[:1] in {b"", b"\x15"}  # nothing, or TLS's alert
    for name in ("a" * 63, ".".join(["b" * 60] * 4), "x.localhost", "münchen.example"):
        with pytest.raises(ssl.SSLError):
            served(api.sandbox, name, pem(TestAuthority().certificate))
    assert session.get(cpu(api), timeout=10).status_code == 200


def test_closing_takes_a_moment_whatever_is_connected(start: Start) -> None:
    api = start()
    trusted = api.sandbox.ca_file.read_text()
    port = int(api.sandbox.https_url.rpartition(":")[2])
    api.sandbox.faults.add(Fault(effect=Effect(kind="half"), times=1))
    api.sandbox.faults.add(Fault(effect=Effect(kind="stall")))
    with (
        connect(api.sandbox, "localhost", trusted) as farewell,
        connect(api.sandbox, "localhost", trusted) as stalled,
        connect(api.sandbox, "localhost", trusted),
        socket.create_connection(("127.0.0.1", port)),
        socket.create_connection(("127.0.0.1", port)) as half_greeted,
    ):
        farewell.sendall(GET_CPU % api.sandbox.token.encode())
        assert farewell.recv(10)  # it waits for our last word now
        stalled.sendall(GET_CPU % api.sandbox.token.encode())
        half_greeted.sendall(b"\x16\x03\x01")
        assert until(lambda: sum(fired for _, fired in api.sandbox.faults.list()) == 2)
        begun = time.monotonic()
        api.sandbox.close()
        assert time.monotonic() - begun < 0.5
        assert half_greeted.recv(10) == b""


def test_a_taken_port_is_an_error(api: Client, tmp_path: Any) -> None:
    port = int(api.sandbox.https_url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        Sandbox(SandboxOptions(data=tmp_path / "other", https_port=port))
