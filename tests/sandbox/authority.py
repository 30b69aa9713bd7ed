"""A certificate authority of the tests' own, as a domain's owner would have bought from."""

import socket
import ssl
from datetime import UTC, datetime, timedelta
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from deployer.sandbox import Sandbox

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: Key, password: bytes | None = None) -> str:
    encryption: KeySerializationEncryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()


def pem(*certificates: x509.Certificate) -> str:
    return "".join(each.public_bytes(Encoding.PEM).decode() for each in certificates)


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


class TestAuthority:
    """Signs for domains, and for authorities below itself."""

    __test__ = False

    def __init__(self, name: str = "Test CA", issuer: Self | None = None) -> None:
        self.key = new_key()
        self.name = named(name)
        signer = issuer or self
        self.certificate = signer.sign(
            self.key, self.name, x509.BasicConstraints(ca=True, path_length=None), days=(-1, 3650)
        )

    def site(
        self, *names: str, key: Key | None = None, days: tuple[float, float] = (-1, 60)
    ) -> tuple[x509.Certificate, Key]:
        """A certificate for these domains and its key; `days` are begin and end, counted from now."""
        key = key or new_key()
        alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        return self.sign(key, named(names[0]), alternatives, days=days), key

    def material(self, *names: str) -> dict[str, str]:
        """The body of a POST."""
        certificate, key = self.site(*names)
        return {"cert": pem(certificate), "private_key": key_pem(key)}

    def sign(
        self, key: Key, subject: x509.Name, extension: x509.ExtensionType, *, days: tuple[float, float]
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder(self.name, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(now + timedelta(days=days[0]))
            .not_valid_after(now + timedelta(days=days[1]))
            .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
            .sign(self.key, hashes.SHA256())
        )


def trusting(authority: str) -> ssl.SSLContext:
    """A client that believes in this authority (PEM) alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authority)
    return context


def connect(sandbox: Sandbox, name: str, authority: str) -> ssl.SSLSocket:
    """A TLS connection to the sandbox as whoever looks for `name`. Raises ssl.SSLCertVerificationError."""
    port = int(sandbox.https_url.rpartition(":")[2])
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    try:
        return trusting(authority).wrap_socket(
            connection,
            server_hostname=name,
            suppress_ragged_eofs=False,  # an end without TLS's farewell is a cut
        )
    except BaseException:
        connection.close()
        raise


def served(sandbox: Sandbox, name: str, authority: str | None = None) -> x509.Certificate:
    """What the sandbox shows to visitors of `name`, who trust the authority; else its own."""
    with connect(sandbox, name, authority or sandbox.ca_file.read_text()) as connection:
        shown = connection.getpeercert(binary_form=True)
    assert shown is not None
    return x509.load_der_x509_certificate(shown)
