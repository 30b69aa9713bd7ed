"""`webapps/{domain}/ssl/`: the certificate of a custom domain.

The help page names other parameters for POST and says itself that they are wrong: they are `cert` and
`private_key`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.responses import Response

from deployer.sandbox.endpoint import Call, Endpoint
from deployer.sandbox.families.webapps import is_custom, webapp_of
from deployer.sandbox.fields import REQUIRED, Choice, Kind, Text
from deployer.sandbox.replies import NOT_FOUND, OK, detail, refusal, reply
from deployer.sandbox.sites import owner_of
from deployer.sandbox.store import Record

CERTIFICATE = "certificate"
LETSENCRYPT = "letsencrypt-auto-renew"
LIFETIME = timedelta(days=90)  # of a Let's Encrypt certificate
FIELDS: Mapping[str, Kind] = {
    "cert": Text(),
    "private_key": Text(),
    "cert_type": Choice(choices=("custom", LETSENCRYPT)),
}


async def show(call: Call) -> Response:
    webapp = webapp_of(call)
    if not is_custom(call, webapp.body["domain_name"]):
        return reply({"cert_type": "pythonanywhere-subdomain"})
    certificate = _certificate_of(call, webapp)
    if certificate is None:
        if call.switches.missing_certificate == "empty":
            return reply({})
        raise detail(404, NOT_FOUND)
    return reply(_shown(call, certificate.body))


async def install(call: Call) -> Response:
    """Raises RefusalError, 400, for bad material; the text of the platform's own refusal is not public."""
    webapp = webapp_of(call)
    values = await call.fields(FIELDS)
    if not is_custom(call, webapp.body["domain_name"]):
        raise detail(400, "This domain has a certificate of the platform's own.")
    if values.get("cert_type") == LETSENCRYPT:
        facts = _from_letsencrypt(call, webapp.body["domain_name"])
    else:
        missing = {name: [REQUIRED] for name in ("cert", "private_key") if not values.get(name)}
        if missing:
            raise refusal(400, missing)
        facts = _read(values["cert"], values["private_key"])
    known = _certificate_of(call, webapp)
    if known:
        call.account.store.change(known, facts)
    else:
        call.account.store.add(CERTIFICATE, facts, owner=owner_of(webapp))
    return reply(OK)


async def delete(call: Call) -> Response:
    certificate = _certificate_of(call, webapp_of(call))
    if certificate is None:
        raise detail(404, NOT_FOUND)
    call.account.store.remove(certificate)
    return reply(OK)


def _certificate_of(call: Call, webapp: Record) -> Record | None:
    return next(iter(call.account.store.all(CERTIFICATE, owner=owner_of(webapp))), None)


def _shown(call: Call, facts: Any) -> dict[str, Any]:
    if "not_after" not in facts:
        return dict(facts)
    end = datetime.fromisoformat(facts["not_after"])
    iso = call.switches.not_after == "iso"
    return {**facts, "not_after": end.isoformat() if iso else end.strftime("%Y%m%dT%H%M%SZ")}


def _from_letsencrypt(call: Call, domain: str) -> dict[str, Any]:
    """Nobody asks Let's Encrypt from here: what it would have issued is written down."""
    if call.switches.letsencrypt == "failing":
        raise detail(400, f"Let's Encrypt could not verify {domain}. Does its DNS point here?")
    if call.switches.letsencrypt == "pending":
        return {"cert_type": LETSENCRYPT}
    return {
        "cert_type": LETSENCRYPT,
        "not_after": (datetime.now(UTC) + LIFETIME).replace(microsecond=0).isoformat(),
        "issuer_name": "Let's Encrypt",
        "subject_name": domain,
        "subject_alternate_names": [domain],
    }


def _read(certificate: str, private_key: str) -> dict[str, Any]:
    """The facts of a PEM chain's first certificate. The key is compared with it and not kept."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization as pem

    try:
        first = x509.load_pem_x509_certificates(certificate.encode())[0]
    except ValueError as error:
        raise detail(400, f"cert: not a PEM certificate: {error}") from error
    try:
        key = pem.load_pem_private_key(private_key.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise detail(400, f"private_key: not an unencrypted PEM key: {error}") from error
    form = (pem.Encoding.DER, pem.PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != first.public_key().public_bytes(*form):
        raise detail(400, "private_key: it does not belong to the certificate")
    try:
        names = first.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        alternates = names.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        alternates = []
    return {
        "cert_type": "custom",
        "not_after": first.not_valid_after_utc.isoformat(),
        "issuer_name": _common_name(first.issuer),
        "subject_name": _common_name(first.subject),
        "subject_alternate_names": alternates,
    }


def _common_name(name: Any) -> str:
    from cryptography.x509.oid import NameOID

    common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(common[0].value) if common else str(name.rfc4514_string())


ENDPOINTS = (
    Endpoint(name="webapps/{domain}/ssl/", handlers={"GET": show, "POST": install, "DELETE": delete}),
)
