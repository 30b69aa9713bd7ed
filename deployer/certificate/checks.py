"""The rules without which no visitor gets in: whole, in order, in time, for the domain, with its own key.

The platform does not publish what it looks at, and a bad certificate that it took would show at the next
reload.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import NameOID

from deployer.model.tls import Leaf
from deployer.secret import Secret

_MALFORMED = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
    CryptographyDeprecationWarning,
)
"""What `cryptography` raises for what it cannot make out, often only when a field is looked at."""

Chain = Sequence[x509.Certificate]


class Unusable(Exception):
    """The text goes on after the name of the file. It quotes nothing of the file but names and dates."""


def chain_of(pem: bytes) -> Chain:
    """The certificates of a PEM file, in its order, at least one. Raises Unusable."""
    with _made_out("holds no certificate that can be made out (PEM)"):
        return x509.load_pem_x509_certificates(pem)


def leaf_of(chain: Chain) -> Leaf:
    """Raises Unusable."""
    with _made_out("holds a certificate that cannot be made out"):
        first = chain[0]
        return Leaf(
            fingerprint=first.fingerprint(SHA256()).hex(),
            not_after=first.not_valid_after_utc,
            names=tuple(_names(first)),
        )


def key_of(pem: bytes) -> PrivateKeyTypes:
    """Raises Unusable."""
    if b"ENCRYPTED" in pem:
        raise Unusable(
            "is encrypted; the platform takes keys without a password only: "
            "openssl pkey -in KEY -out KEY_WITHOUT_PASSWORD"
        )
    with _made_out("holds no private key that can be made out (PEM, without a password)"):
        return load_pem_private_key(pem, password=None)


def check_key(chain: Chain, key: PrivateKeyTypes) -> None:
    """Raises Unusable."""
    with _made_out("cannot be compared"):
        public = _public(key.public_key())
        place = next((n for n, each in enumerate(chain, 1) if _public(each.public_key()) == public), None)
    if place is None:
        raise Unusable("do not belong together: it is the key of another certificate")
    if place > 1:
        raise Unusable(
            f"do not fit: the key is of certificate {place}, and the domain's own has to come first"
        )


def check_chain(chain: Chain, domain: str, now: datetime) -> None:
    """Raises Unusable."""
    with _made_out("holds a certificate that cannot be made out"):
        _check_order(chain)
        _check_dates(chain, now)
        _check_names(chain[0], domain)


def advice(chain: Chain) -> str:
    """The commonest mistake with such files; only a visitor's browser can tell whether it is one."""
    if len(chain) > 1 or chain[0].issuer == chain[0].subject:
        return ""
    return (
        "holds one certificate and none of its issuers', which most visitors need, too. Of certbot's files "
        "take fullchain.pem, not cert.pem"
    )


def chain_text(chain: Chain) -> str:
    """The certificates alone: whatever else the file holds stays here."""
    return "".join(each.public_bytes(Encoding.PEM).decode("ascii") for each in chain)


def key_text(key: PrivateKeyTypes) -> Secret:
    return Secret(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii"))


@contextmanager
def _made_out(otherwise: str) -> Iterator[None]:
    """What its next version refuses counts as refused: the platform's version is not known."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", CryptographyDeprecationWarning)
            yield
    except _MALFORMED:
        raise Unusable(otherwise) from None


def _public(key: object) -> bytes:
    found: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return found


def _check_order(chain: Chain) -> None:
    for number, (certificate, issuer) in enumerate(pairwise(chain), 1):
        try:
            certificate.verify_directly_issued_by(issuer)
        except (*_MALFORMED, InvalidSignature):
            raise Unusable(
                f"is out of order: certificate {number} ({_common_name(certificate.subject)}) was not issued "
                f"by certificate {number + 1} ({_common_name(issuer.subject)}), and each has to be followed "
                "by its issuer's"
            ) from None


def _check_dates(chain: Chain, now: datetime) -> None:
    for number, each in enumerate(chain, 1):
        which = "" if len(chain) == 1 else f": certificate {number} of it ({_common_name(each.subject)})"
        if now > each.not_valid_after_utc:
            raise Unusable(f"has expired{which} on {each.not_valid_after_utc:%Y-%m-%d}")
        if now < each.not_valid_before_utc:
            raise Unusable(
                f"is not valid yet{which}, but from {each.not_valid_before_utc:%Y-%m-%d %H:%M} UTC on"
            )


def _check_names(certificate: x509.Certificate, domain: str) -> None:
    names = _names(certificate)
    if not any(_covers(name.lower(), domain.lower()) for name in names):
        listed = ", ".join(names) or "no domain at all (it has no subjectAltName)"
        raise Unusable(f"is not for {domain}, but for {listed}")


def _covers(name: str, domain: str) -> bool:
    """A wildcard stands for one label (RFC 6125), and browsers want two more after it."""
    first, _, rest = name.partition(".")
    return name == domain or (first == "*" and "." in rest and rest == domain.partition(".")[2])


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return names.get_values_for_type(x509.DNSName)


def _common_name(name: x509.Name) -> str:
    common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    value = common[0].value if common else name.rfc4514_string()
    return value if isinstance(value, str) else value.decode("latin-1")
