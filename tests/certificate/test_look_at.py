"""The files of a certificate: what is wrong is said of the right file, and a good pair is taken whole."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from deployer.certificate import Found, look_at
from tests.sandbox.authority import Key, TestAuthority, key_pem, new_key, pem

DOMAIN = "www.example.org"
CA = TestAuthority()
BETWEEN = TestAuthority("Between", issuer=CA)


@dataclass
class Files:
    """The two files, as somebody has written them."""

    folder: Path

    @property
    def certificate(self) -> Path:
        return self.folder / "fullchain.pem"

    @property
    def private_key(self) -> Path:
        return self.folder / "privkey.pem"

    def look(self, chain: str | bytes, key: str | bytes, domain: str = DOMAIN) -> Found:
        for path, content in ((self.certificate, chain), (self.private_key, key)):
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return look_at(self.certificate, self.private_key, domain=domain, now=datetime.now(UTC))


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def pair(*names: str, key: Key | None = None, days: tuple[float, float] = (-1, 60)) -> tuple[str, str]:
    certificate, its_key = CA.site(*names, key=key, days=days)
    return pem(certificate), key_pem(its_key)


def test_a_chain_with_its_key_is_taken_without_what_else_the_file_holds(files: Files) -> None:
    certificate, key = BETWEEN.site(DOMAIN, "example.org")
    written = key_pem(new_key()) + "a comment\n" + pem(certificate, BETWEEN.certificate)

    found = files.look(written, key_pem(key))

    assert (found.problem, found.advice) == ("", "")
    assert found.material is not None
    assert found.material.chain == pem(certificate, BETWEEN.certificate)
    assert found.material.private_key.reveal() == key_pem(key)
    assert found.leaf == found.material.leaf
    assert found.leaf is not None
    assert found.leaf.fingerprint == certificate.fingerprint(SHA256()).hex()
    assert found.leaf.not_after == certificate.not_valid_after_utc
    assert found.leaf.names == (DOMAIN, "example.org")


def test_no_printed_form_of_what_was_found_holds_the_key(files: Files) -> None:
    chain, key = pair(DOMAIN)

    found = files.look(chain, key)

    assert found.material is not None
    secret = "".join(key.splitlines()[1:-1])
    assert secret[:30] not in f"{found!r} {found.material} {found.material.private_key}".replace("\\n", "")


@pytest.mark.parametrize(
    "name", ["example.org", "*.org", "www.example.com", "*.www.example.org", "w*.example.org"]
)
def test_a_certificate_for_something_else_is_refused(files: Files, name: str) -> None:
    found = files.look(*pair(name))

    assert found.problem == f"{files.certificate} is not for {DOMAIN}, but for {name}"
    assert found.material is None


@pytest.mark.parametrize("name", ["WWW.example.ORG", "*.example.org"])
def test_case_and_a_wildcard_of_one_label_do_not_matter(files: Files, name: str) -> None:
    assert files.look(*pair("other.example", name)).problem == ""


@pytest.mark.parametrize(
    ("days", "words"),
    [((-9, -2), r"fullchain\.pem has expired on 20"), ((2, 9), r"fullchain\.pem is not valid yet")],
)
def test_a_certificate_out_of_its_time_is_refused_and_still_known(
    files: Files, days: tuple[float, float], words: str
) -> None:
    found = files.look(*pair(DOMAIN, days=days))

    assert found.material is None
    assert found.leaf is not None
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(found.problem)


def test_an_expired_issuer_is_named(files: Files) -> None:
    constraints = x509.BasicConstraints(ca=True, path_length=None)
    key = new_key()
    old = CA.sign(key, BETWEEN.name, constraints, days=(-9, -2))
    between = TestAuthority("Between", issuer=CA)
    between.key = key
    certificate, its_key = between.site(DOMAIN)

    found = files.look(pem(certificate, old), key_pem(its_key))

    assert "fullchain.pem has expired: certificate 2 of it (Between) on 20" in found.problem


@pytest.mark.parametrize("kind", [rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey])
def test_a_key_of_another_certificate_is_refused_whatever_its_kind(files: Files, kind: type[Key]) -> None:
    other = rsa.generate_private_key(65537, 2048) if kind is rsa.RSAPrivateKey else new_key()
    chain, _ = pair(DOMAIN)

    found = files.look(chain, key_pem(other))

    both = f"{files.certificate} and {files.private_key}"
    assert found.problem == f"{both} do not belong together: it is the key of another certificate"


def test_a_chain_in_the_wrong_order_is_refused_with_both_names(files: Files) -> None:
    certificate, key = BETWEEN.site(DOMAIN)

    backwards = files.look(pem(BETWEEN.certificate, certificate), key_pem(key))
    gap = files.look(pem(certificate, CA.certificate), key_pem(key))

    assert "certificate 1 (Between) was not issued by certificate 2 (www.example.org)" in backwards.problem
    assert "certificate 1 (www.example.org) was not issued by certificate 2 (Test CA)" in gap.problem


def test_one_certificate_without_its_issuers_is_told_of_and_taken(files: Files) -> None:
    found = files.look(*pair(DOMAIN))

    assert found.material is not None
    assert "take fullchain.pem, not cert.pem" in found.advice


def test_an_encrypted_key_is_refused_with_the_way_out_of_it(files: Files) -> None:
    certificate, key = CA.site(DOMAIN)

    found = files.look(pem(certificate), key_pem(key, b"a password"))

    assert found.problem.startswith(
        f"{files.private_key} is encrypted; the platform takes keys without a password"
    )
    assert "openssl pkey" in found.problem


def test_files_that_are_no_files_are_refused_at_once(files: Files) -> None:
    chain, key = pair(DOMAIN)
    files.look(chain, key)
    now = datetime.now(UTC)

    for path in (files.certificate, files.private_key):
        kept = path.read_bytes()
        path.unlink()
        gone = look_at(files.certificate, files.private_key, domain=DOMAIN, now=now)
        os.mkfifo(path)
        pipe = look_at(files.certificate, files.private_key, domain=DOMAIN, now=now)
        path.unlink()
        path.write_bytes(b"x" * (2 << 20))
        large = look_at(files.certificate, files.private_key, domain=DOMAIN, now=now)
        path.write_bytes(kept)
        assert gone.problem == f"{path} cannot be read: No such file or directory"
        assert pipe.problem == f"{path} is not a file"
        assert large.problem == f"{path} is larger than any certificate or key"


CHAIN, KEY = (text.encode() for text in pair(DOMAIN))


@given(st.binary(max_size=300), st.binary(max_size=300), st.integers(0, len(CHAIN)), st.integers(0, len(KEY)))
def test_damaged_files_are_a_sentence_and_never_an_error(
    tmp_path_factory: pytest.TempPathFactory, one: bytes, two: bytes, cut: int, cut_key: int
) -> None:
    """Also half-written ones: certbot and its like replace files while we look."""
    files = Files(tmp_path_factory.mktemp("files"))
    for chain, key in ((one, two), (CHAIN[:cut] + one + CHAIN[cut:], KEY), (CHAIN, KEY[:cut_key] + two)):
        found = files.look(chain, key)

        assert (found.material is None) == bool(found.problem)
        assert "\n" not in found.problem
