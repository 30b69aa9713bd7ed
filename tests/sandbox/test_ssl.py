"""Certificates are really read, and a key has to belong to its certificate."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deployer.sandbox.switches import Switches
from tests.sandbox.client import DOMAIN, Client
from tests.sandbox.conftest import Start

SITE = "www.example.org"
PLACE = f"webapps/{SITE}/ssl/"
END = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)


def pair() -> dict[str, str]:
    """A certificate for two names, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SITE)])
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test CA")])
    names = x509.SubjectAlternativeName([x509.DNSName(SITE), x509.DNSName("example.org")])
    certificate = (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(END - timedelta(days=60))
        .not_valid_after(END)
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    return {"cert": public.decode(), "private_key": private.decode()}


@pytest.fixture
def site(start: Start) -> Client:
    """An account that may have certificates, with a web app on a custom domain."""
    api = start(plan="paid")
    api.create_webapp(SITE)
    return api


@pytest.mark.parametrize(
    ("answer", "end"),
    [("compact", END.strftime("%Y%m%dT%H%M%SZ")), ("iso", END.isoformat())],
    ids=["compact", "iso"],  # each test process has an END of its own, and all have to name the tests alike
)
def test_an_installed_certificate_is_shown_with_its_names_and_end(
    site: Client, answer: str, end: str
) -> None:
    response = site.post(PLACE, json=pair())
    assert (response.status_code, response.json()) == (200, {"status": "OK"})
    site.sandbox.switch(not_after=answer)
    assert site.get(PLACE).json() == {
        "cert_type": "custom",
        "not_after": end,
        "issuer_name": "Test CA",
        "subject_name": SITE,
        "subject_alternate_names": [SITE, "example.org"],
    }


def test_a_second_certificate_replaces_the_first_and_deletion_takes_it_away(site: Client) -> None:
    for _ in range(2):
        assert site.post(PLACE, data=pair()).status_code == 200
    deletion = site.delete(PLACE)
    assert (deletion.status_code, deletion.json()) == (200, {"status": "OK"})
    assert site.get(PLACE).status_code == site.delete(PLACE).status_code == 404


def test_bad_material_is_400_and_changes_nothing(site: Client) -> None:
    one, other = pair(), pair()
    for body in (
        {},
        {"cert": one["cert"]},
        {**one, "cert": "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"},
        {**one, "private_key": "x"},
        {**one, "private_key": other["private_key"]},
    ):
        assert site.post(PLACE, json=body).status_code == 400
    assert site.get(PLACE).status_code == 404


def test_the_private_key_is_not_kept(site: Client) -> None:
    material = pair()
    site.post(PLACE, json=material)
    secret = material["private_key"].splitlines()[1].encode()
    for file in site.sandbox.disk.data.rglob("*"):
        assert not file.is_file() or secret not in file.read_bytes()


def test_a_subdomain_of_the_platform_has_the_platforms_certificate(api: Client) -> None:
    api.create_webapp()
    assert api.get(f"webapps/{DOMAIN}/ssl/").json() == {"cert_type": "pythonanywhere-subdomain"}
    assert api.post(f"webapps/{DOMAIN}/ssl/", json=pair()).status_code == 400


def test_switch_missing_certificate(site: Client) -> None:
    missing = site.get(PLACE)
    assert (missing.status_code, missing.json()) == (404, {"detail": "Not found."})
    site.sandbox.switch(missing_certificate="empty")
    assert site.get(PLACE).json() == {}


def test_switch_letsencrypt(start: Start) -> None:
    api = start(plan="paid", switches=Switches(letsencrypt="failing"))
    api.create_webapp(SITE)
    ask = {"cert_type": "letsencrypt-auto-renew"}
    assert api.post(PLACE, json=ask).status_code == 400
    api.sandbox.switch(letsencrypt="pending")
    assert api.post(PLACE, json=ask).status_code == 200
    assert api.get(PLACE).json() == ask
    api.sandbox.switch(letsencrypt="issued")
    assert api.post(PLACE, json=ask).status_code == 200
    assert api.get(PLACE).json()["subject_name"] == SITE
