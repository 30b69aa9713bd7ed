"""What a web server is given for a domain: a chain of certificates and the first one's key, checked.

The platform does not publish what it looks at. These are the rules without which no visitor would get in.
"""

import warnings
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import NameOID

LONGEST_CHAIN = 10  # certificates; real ones have two to four
DER = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
MALFORMED = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
    CryptographyDeprecationWarning,
)
"""What `cryptography` raises for bad certificates and keys, often only when a field is looked at."""


class BadMaterialError(ValueError):
    """What was given cannot be served; the text begins with the name of the field at fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is shown of a certificate."""

    not_after: datetime
    issuer_name: str
    subject_name: str
    subject_alternate_names: tuple[str, ...]


def check(chain: str, private_key: str, domain: str, now: datetime) -> bytes:
    """The material in one PEM text, key first, as a web server reads it. Raises BadMaterialError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", CryptographyDeprecationWarning)  # what its next version refuses
            certificates = _certificates(chain)
            key = _key(private_key)
            _check_key(certificates, key)
            _check_order(certificates)
            _check_dates(certificates, now)
            _check_names(certificates[0], domain)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return pem + b"".join(each.public_bytes(Encoding.PEM) for each in certificates)
    except BadMaterialError:
        raise
    except MALFORMED as error:
        raise BadMaterialError(f"cert: it cannot be made out: {error}") from error


def facts(certificate: x509.Certificate) -> Facts:
    return Facts(
        not_after=certificate.not_valid_after_utc,
        issuer_name=_common_name(certificate.issuer),
        subject_name=_common_name(certificate.subject),
        subject_alternate_names=tuple(_alternatives(certificate)),
    )


def _certificates(chain: str) -> list[x509.Certificate]:
    try:
        certificates = x509.load_pem_x509_certificates(chain.encode())
    except MALFORMED as error:
        raise BadMaterialError(f"cert: not a PEM certificate: {error}") from error
    if len(certificates) > LONGEST_CHAIN:
        raise BadMaterialError(f"cert: {len(certificates)} certificates, a chain has at most {LONGEST_CHAIN}")
    return certificates


def _key(private_key: str) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(private_key.encode(), password=None)
    except TypeError as error:
        raise BadMaterialError("private_key: it is encrypted; it is needed without a password") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadMaterialError(f"private_key: not an unencrypted PEM key: {error}") from error


def _check_key(certificates: list[x509.Certificate], key: PrivateKeyTypes) -> None:
    public = key.public_key().public_bytes(*DER)
    place = next(
        (n for n, each in enumerate(certificates) if each.public_key().public_bytes(*DER) == public), None
    )
    if place is None:
        raise BadMaterialError("private_key: it does not belong to the certificate")
    if place:
        raise BadMaterialError(
            f"cert: the private key belongs to certificate {place + 1}; the domain's own has to come first"
        )


def _check_order(certificates: list[x509.Certificate]) -> None:
    for number, (certificate, issuer) in enumerate(pairwise(certificates), 1):
        try:
            certificate.verify_directly_issued_by(issuer)
        except (*MALFORMED, InvalidSignature) as error:
            raise BadMaterialError(
                f"cert: certificate {number} ({_common_name(certificate.subject)}) was not issued by "
                f"certificate {number + 1} ({_common_name(issuer.subject)}): in a chain each one is followed "
                "by its issuer's"
            ) from error


def _check_dates(certificates: list[x509.Certificate], now: datetime) -> None:
    for number, each in enumerate(certificates, 1):
        if now > each.not_valid_after_utc:
            raise BadMaterialError(
                f"cert: certificate {number} expired on {each.not_valid_after_utc:%Y-%m-%d}"
            )
        if now < each.not_valid_before_utc:
            begin = each.not_valid_before_utc
            raise BadMaterialError(
                f"cert: certificate {number} is not valid before {begin:%Y-%m-%d %H:%M} UTC"
            )


def _check_names(certificate: x509.Certificate, domain: str) -> None:
    names = _alternatives(certificate)
    if not any(_covers(name.lower(), domain.lower()) for name in names):
        listed = ", ".join(names) or "no domain at all (subjectAltName)"
        raise BadMaterialError(f"cert: it is not for {domain}, but for {listed}")


def _covers(name: str, domain: str) -> bool:
    """A wildcard stands for one whole label, and has two more after it, as OpenSSL and browsers want it."""
    first, _, rest = name.partition(".")
    return name == domain or (first == "*" and "." in rest and rest == domain.partition(".")[2])


def _alternatives(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return names.get_values_for_type(x509.DNSName)


def _common_name(name: x509.Name) -> str:
    common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    value = common[0].value if common else name.rfc4514_string()
    return value if isinstance(value, str) else value.decode("latin-1")
