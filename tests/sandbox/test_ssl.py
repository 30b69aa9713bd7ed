"""`webapps/{domain}/ssl/`: certificates are really read, and what no visitor could use is refused."""

import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from deployer.sandbox.switches import Switches
from deployer.sandbox.tls import BadMaterialError
from deployer.sandbox.tls.material import check
from tests.pythonanywhere.certificates import self_signed
from tests.sandbox.authority import TestAuthority, key_pem, new_key, pem
from tests.sandbox.client import DOMAIN, Client
from tests.sandbox.conftest import Start

SITE = "www.example.org"
PLACE = f"webapps/{SITE}/ssl/"
ASK = {"cert_type": "letsencrypt-auto-renew"}


@pytest.fixture(scope="module")
def ca() -> TestAuthority:
    return TestAuthority()


@pytest.fixture
def site(start: Start) -> Client:
    """An account that may have certificates, with a web app on a custom domain."""
    api = start(plan="paid")
    api.create_webapp(SITE)
    return api


@pytest.mark.parametrize("spelling", ["compact", "iso"])
def test_an_installed_certificate_is_shown_with_its_names_and_end(
    site: Client, ca: TestAuthority, spelling: str
) -> None:
    certificate, key = ca.site(SITE, "example.org")
    response = site.post(PLACE, json={"cert": pem(certificate), "private_key": key_pem(key)})
    assert (response.status_code, response.json()) == (200, {"status": "OK"})
    site.sandbox.switch(not_after=spelling)
    end = certificate.not_valid_after_utc
    assert site.get(PLACE).json() == {
        "cert_type": "custom",
        "not_after": end.strftime("%Y%m%dT%H%M%SZ") if spelling == "compact" else end.isoformat(),
        "issuer_name": "Test CA",
        "subject_name": SITE,
        "subject_alternate_names": [SITE, "example.org"],
    }


def test_a_second_certificate_replaces_the_first_and_deletion_takes_it_away(
    site: Client, ca: TestAuthority
) -> None:
    for names in ((SITE,), (SITE, "example.org")):
        assert site.post(PLACE, data=ca.material(*names)).status_code == 200
        assert site.get(PLACE).json()["subject_alternate_names"] == list(names)
    deletion = site.delete(PLACE)
    assert (deletion.status_code, deletion.json()) == (200, {"status": "OK"})
    assert site.get(PLACE).status_code == site.delete(PLACE).status_code == 404


def refused(site: Client, cert: str, private_key: str) -> str:
    response: requests.Response = site.post(PLACE, json={"cert": cert, "private_key": private_key})
    assert response.status_code == 400, response.text
    assert site.get(PLACE).status_code == 404
    return str(response.json()["detail"])


def test_what_is_no_pem_is_refused(site: Client, ca: TestAuthority) -> None:
    good = ca.material(SITE)
    broken = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"
    assert "cert: not a PEM certificate" in refused(site, broken, good["private_key"])
    assert "cert: not a PEM certificate" in refused(site, good["private_key"], good["private_key"])
    assert "private_key: not an unencrypted PEM key" in refused(site, good["cert"], "x")
    assert site.post(PLACE, json={}).json() == {
        "cert": ["This field is required."],
        "private_key": ["This field is required."],
    }
    assert set(site.post(PLACE, json={"cert": good["cert"]}).json()) == {"private_key"}


def test_the_key_has_to_be_the_certificates_own_and_without_a_password(
    site: Client, ca: TestAuthority
) -> None:
    certificate, key = ca.site(SITE)
    assert "does not belong" in refused(site, pem(certificate), key_pem(new_key()))
    assert "encrypted" in refused(site, pem(certificate), key_pem(key, b"secret"))


def test_a_chain_has_to_be_in_order(site: Client, ca: TestAuthority) -> None:
    between = TestAuthority("Between", issuer=ca)
    certificate, key = between.site(SITE)
    good = pem(certificate, between.certificate, ca.certificate)
    said = refused(site, pem(between.certificate, certificate), key_pem(key))
    assert "the private key belongs to certificate 2" in said
    said = refused(site, pem(certificate, ca.certificate, between.certificate), key_pem(key))
    assert f"certificate 1 ({SITE}) was not issued by certificate 2 (Test CA)" in said
    namesake = TestAuthority("Between", issuer=ca)  # the right name, but not its signature
    assert "was not issued by" in refused(site, pem(certificate, namesake.certificate), key_pem(key))
    assert "at most 10" in refused(site, good * 4, key_pem(key))
    assert site.post(PLACE, json={"cert": good, "private_key": key_pem(key)}).status_code == 200


def test_a_certificate_has_to_be_valid_today(site: Client, ca: TestAuthority) -> None:
    for days, said in (((-60, -0.1), "certificate 1 expired on"), ((0.1, 60), "is not valid before")):
        certificate, key = ca.site(SITE, days=days)
        assert said in refused(site, pem(certificate), key_pem(key))
    certificate, key = ca.site(SITE)
    site.sandbox.clock.advance(timedelta(days=61).total_seconds())
    assert "expired" in refused(site, pem(certificate), key_pem(key))


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        (SITE, True),
        ("WWW.Example.ORG", True),
        ("*.example.org", True),
        ("*.EXAMPLE.org", True),
        ("example.org", False),
        ("*.www.example.org", False),
        ("w*.example.org", False),
        ("*.org", False),
        ("*", False),
        ("www.example.org.evil.net", False),
    ],
)
def test_a_certificate_has_to_name_the_domain(ca: TestAuthority, name: str, *, fits: bool) -> None:
    material = ca.material("other.net", name)
    now = datetime.now(UTC)
    if fits:
        assert check(material["cert"], material["private_key"], SITE, now)
    else:
        with pytest.raises(BadMaterialError, match=f"it is not for {SITE}, but for other.net"):
            check(material["cert"], material["private_key"], SITE, now)


def test_a_wildcard_stands_for_one_label_only(ca: TestAuthority) -> None:
    material = ca.material("*.example.org")
    for domain in ("example.org", "a.b.example.org"):
        with pytest.raises(BadMaterialError, match="it is not for"):
            check(material["cert"], material["private_key"], domain, datetime.now(UTC))


def test_a_common_name_is_no_name(site: Client, ca: TestAuthority) -> None:
    key = new_key()
    usage = x509.BasicConstraints(ca=False, path_length=None)
    certificate = ca.sign(key, ca.name, usage, days=(-1, 1))
    assert "no domain at all" in refused(site, pem(certificate), key_pem(key))


def test_what_openssl_would_not_serve_with_is_refused(site: Client, ca: TestAuthority) -> None:
    certificate, key = ca.site(SITE, key=rsa.generate_private_key(65537, 1024))
    assert "a web server cannot use it: EE_KEY_TOO_SMALL" in refused(site, pem(certificate), key_pem(key))


GOOD = self_signed(SITE)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(some.data())
def test_damaged_material_is_refused_or_taken_and_never_an_error(data: some.DataObject) -> None:
    """One byte of the certificate's DER is another one: its PEM stays readable."""
    der = bytearray(ssl.PEM_cert_to_DER_cert(GOOD[0]))
    der[data.draw(some.integers(0, len(der) - 1))] ^= data.draw(some.integers(1, 255))
    with suppress(BadMaterialError):
        check(ssl.DER_cert_to_PEM_cert(bytes(der)), GOOD[1], SITE, datetime.now(UTC))


def test_keys_are_kept_for_their_owner_only_and_gone_after_deletion(site: Client, ca: TestAuthority) -> None:
    material = ca.material(SITE)
    site.post(PLACE, json=material)
    secret = material["private_key"].splitlines()[1].encode()

    def holding() -> list[str]:
        data = site.sandbox.disk.data
        files = [file for file in data.rglob("*") if file.is_file() and secret in file.read_bytes()]
        assert all(file.stat().st_mode & 0o777 == 0o600 for file in files)
        return [str(file.relative_to(data)) for file in files]

    assert holding() == [f"tls/domains/{SITE}.pem"]
    site.delete(PLACE)
    assert holding() == []
    assert (site.sandbox.disk.data / "tls/authority.pem").stat().st_mode & 0o777 == 0o600


def test_a_subdomain_of_the_platform_has_the_platforms_certificate(api: Client, ca: TestAuthority) -> None:
    api.create_webapp()
    assert api.get(f"webapps/{DOMAIN}/ssl/").json() == {"cert_type": "pythonanywhere-subdomain"}
    assert api.post(f"webapps/{DOMAIN}/ssl/", json=ca.material(DOMAIN)).status_code == 400


def test_switch_missing_certificate(site: Client) -> None:
    missing = site.get(PLACE)
    assert (missing.status_code, missing.json()) == (404, {"detail": "Not found."})
    site.sandbox.switch(missing_certificate="empty")
    assert site.get(PLACE).json() == {}


def test_switch_letsencrypt(start: Start) -> None:
    api = start(plan="paid", switches=Switches(letsencrypt="failing"))
    api.create_webapp(SITE)
    assert api.post(PLACE, json=ASK).status_code == 400
    api.sandbox.switch(letsencrypt="pending")
    assert api.post(PLACE, json=ASK).status_code == 200
    assert api.get(PLACE).json() == ASK
    api.sandbox.switch(letsencrypt="issued")
    assert api.post(PLACE, json=ASK).status_code == 200
    shown = api.get(PLACE).json()
    assert shown["subject_alternate_names"] == [shown["subject_name"]] == [SITE]
    assert "sandbox" in shown["issuer_name"]


def test_a_pending_certificate_is_issued_after_a_while(site: Client) -> None:
    site.sandbox.switch(letsencrypt="pending")
    site.post(PLACE, json=ASK)
    site.sandbox.clock.advance(50)
    assert site.get(PLACE).json() == ASK
    site.sandbox.clock.advance(11)
    assert site.get(PLACE).json()["subject_name"] == SITE


def test_a_pending_certificate_can_be_taken_back(site: Client) -> None:
    site.sandbox.switch(letsencrypt="pending")
    site.post(PLACE, json=ASK)
    assert site.delete(PLACE).status_code == 200
    assert site.get(PLACE).status_code == 404


def test_a_name_too_long_for_a_subject_is_issued_all_the_same(start: Start) -> None:
    api = start(plan="paid")
    long = f"{'a' * 60}.{'b' * 60}.example.org"
    api.create_webapp(long)
    assert api.post(f"webapps/{long}/ssl/", json=ASK).status_code == 200
    assert api.get(f"webapps/{long}/ssl/").json()["subject_alternate_names"] == [long]
