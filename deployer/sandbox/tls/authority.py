"""The sandbox's private authority: its root signs for the platform, an intermediate plays Let's Encrypt.

Both are made when a data folder is first used, and kept. Keys are on an elliptic curve: making one takes a
tenth of a millisecond, where RSA would take a tenth of a second.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deployer.sandbox.tls.private import write_private

ROOT_NAME = "PythonAnywhere sandbox: root"
LETSENCRYPT_NAME = "PythonAnywhere sandbox: instead of Let's Encrypt"
AUTHORITY_LIFE = timedelta(days=3650)
PLATFORM_LIFE = timedelta(days=397)  # the most that browsers take
LETSENCRYPT_LIFE = timedelta(days=90)
BACKDATED = timedelta(hours=1)  # as Let's Encrypt does it, for clocks that are slow
LONGEST_COMMON_NAME = 64  # characters, by RFC 5280; domains can be longer


class UnreadableAuthorityError(ValueError):
    """The file that should hold the authority's keys holds something else."""


@dataclass(frozen=True, slots=True)
class Signer:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return _pem(self.key) + self.certificate.public_bytes(Encoding.PEM)


class Authority:
    """Lives in `<data>/tls/authority.pem`; visitors trust the certificate of its root, `<data>/ca.pem`.

    Raises UnreadableAuthorityError.
    """

    def __init__(self, data: Path) -> None:
        self.root_file = data / "ca.pem"
        file = data / "tls" / "authority.pem"
        file.parent.mkdir(mode=0o700, exist_ok=True)
        if not file.exists():
            write_private(file, _new_authority())
        self._root, self._letsencrypt = _read(file)
        root = self._root.certificate.public_bytes(Encoding.PEM)
        if not self.root_file.exists() or self.root_file.read_bytes() != root:
            self.root_file.write_bytes(root)

    def for_platform(self, names: Sequence[str]) -> bytes:
        """Key and certificate, PEM, for names of the sandbox's own: domains or IPv4 addresses."""
        return _issue(self._root, names, datetime.now(UTC) + PLATFORM_LIFE)

    def letsencrypt(self, domain: str, now: datetime) -> bytes:
        """Key and chain, PEM, as Let's Encrypt would have issued them.

        The end is counted from `now`, which may be ahead of this machine's clock; by that one it is valid at
        once, because that is what visitors go by.
        """
        chain = self._letsencrypt.certificate.public_bytes(Encoding.PEM)
        return _issue(self._letsencrypt, [domain], now + LETSENCRYPT_LIFE) + chain

    def plays_letsencrypt_for(self, certificate: x509.Certificate) -> bool:
        """Whether `letsencrypt` has issued this certificate."""
        try:
            certificate.verify_directly_issued_by(self._letsencrypt.certificate)
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True


def _new_authority() -> bytes:
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_name, name = _name(ROOT_NAME), _name(LETSENCRYPT_NAME)
    end = datetime.now(UTC) + AUTHORITY_LIFE
    root = _builder(root_name, root_name, root_key, root_key, end)
    signed = _as_authority(root, path_length=1).sign(root_key, hashes.SHA256())
    intermediate = _builder(name, root_name, key, root_key, end)
    return (
        Signer(signed, root_key).pem
        + Signer(_as_authority(intermediate, path_length=0).sign(root_key, hashes.SHA256()), key).pem
    )


def _read(file: Path) -> tuple[Signer, Signer]:
    blocks = re.findall(
        rb"-----BEGIN PRIVATE KEY-----.*?-----END CERTIFICATE-----\n", file.read_bytes(), re.DOTALL
    )
    try:
        root, letsencrypt = (_signer(block) for block in blocks)
    except ValueError as error:
        raise UnreadableAuthorityError(
            f"{file} does not hold the keys of a sandbox's authority: {error}. It was left as it is. Move it "
            "away and start again to get a new authority; who trusted the old one has to be told of it."
        ) from error
    return root, letsencrypt


def _signer(block: bytes) -> Signer:
    key = load_pem_private_key(block, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("a key of another kind")  # noqa: TRY004 - of what a file holds, not of an argument
    return Signer(x509.load_pem_x509_certificate(block), key)


def _issue(signer: Signer, names: Sequence[str], end: datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    short = len(names[0]) <= LONGEST_COMMON_NAME
    alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
    certificate = (
        _builder(
            _name(names[0]) if short else x509.Name([]), signer.certificate.subject, key, signer.key, end
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(for_signing_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(alternatives, critical=not short)
        .sign(signer.key, hashes.SHA256())
    )
    return _pem(key) + certificate.public_bytes(Encoding.PEM)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signing: ec.EllipticCurvePrivateKey,
    end: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - BACKDATED)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False
        )
    )


def _as_authority(builder: x509.CertificateBuilder, *, path_length: int) -> x509.CertificateBuilder:
    return builder.add_extension(
        x509.BasicConstraints(ca=True, path_length=path_length), critical=True
    ).add_extension(_usage(for_signing_certificates=True), critical=True)


def _usage(*, for_signing_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not for_signing_certificates,
        key_cert_sign=for_signing_certificates,
        crl_sign=for_signing_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general_name(name: str) -> x509.GeneralName:
    is_address = re.fullmatch(r"[0-9]+(\.[0-9]+){3}", name)
    return x509.IPAddress(IPv4Address(name)) if is_address else x509.DNSName(name)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
