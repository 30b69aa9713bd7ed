"""`webapps/{domain}/ssl/`: the certificate of a custom domain.

The help page names other parameters for POST and says itself that they are wrong: they are `cert` and
`private_key`.
"""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from deployer.sandbox.endpoint import Call, Endpoint
from deployer.sandbox.families.domain_names import is_custom
from deployer.sandbox.families.webapps import webapp_of
from deployer.sandbox.fields import REQUIRED, Body, Choice, Kind, Text
from deployer.sandbox.replies import NOT_FOUND, OK, detail, refusal, reply
from deployer.sandbox.shapes import DONE, TEXT, TEXTS, thing
from deployer.sandbox.tls import BadMaterialError, Facts, NotIssuedError

LETSENCRYPT = "letsencrypt-auto-renew"
FIELDS: Mapping[str, Kind] = {
    "cert": Text(),
    "private_key": Text(),
    "cert_type": Choice(choices=("custom", LETSENCRYPT)),
}


async def show(call: Call) -> Response:
    return show_certificate(call, webapp_of(call).body["domain_name"])


async def install(call: Call) -> Response:
    return await install_certificate(call, webapp_of(call).body["domain_name"])


async def delete(call: Call) -> Response:
    return delete_certificate(call, webapp_of(call).body["domain_name"])


def show_certificate(call: Call, domain: str) -> Response:
    """Raises RefusalError."""
    if not is_custom(call, domain):
        return reply({"cert_type": "pythonanywhere-subdomain"})
    found = call.account.certificates.find(domain)
    if found is None:
        if call.switches.missing_certificate == "empty":
            return reply({})
        raise detail(404, NOT_FOUND)
    kind, facts = found
    return reply({"cert_type": kind, **(_shown(call, facts) if facts else {})})


async def install_certificate(call: Call, domain: str) -> Response:
    """Raises RefusalError, 400, for bad material; the text of the platform's own refusal is not public."""
    values = await call.fields(FIELDS)
    if not is_custom(call, domain):
        raise detail(400, "This domain has a certificate of the platform's own.")
    certificates = call.account.certificates
    try:
        if values.get("cert_type") == LETSENCRYPT:
            certificates.ask_letsencrypt(domain)
        else:
            missing = {name: [REQUIRED] for name in ("cert", "private_key") if not values.get(name)}
            if missing:
                raise refusal(400, missing)
            certificates.install(domain, values["cert"], values["private_key"])
    except (BadMaterialError, NotIssuedError) as error:
        raise detail(400, str(error)) from error
    return reply(OK)


def delete_certificate(call: Call, domain: str) -> Response:
    """Raises RefusalError."""
    if not call.account.certificates.remove(domain):
        raise detail(404, NOT_FOUND)
    return reply(OK)


def _shown(call: Call, facts: Facts) -> dict[str, Any]:
    end = facts.not_after
    iso = call.switches.not_after == "iso"
    return {
        "not_after": end.isoformat() if iso else end.strftime("%Y%m%dT%H%M%SZ"),
        "issuer_name": facts.issuer_name,
        "subject_name": facts.subject_name,
        "subject_alternate_names": list(facts.subject_alternate_names),
    }


KEYS = {
    "cert_type": TEXT,
    "not_after": TEXT,
    "issuer_name": TEXT,
    "subject_name": TEXT,
    "subject_alternate_names": TEXTS,
}
TAKES = {"POST": Body(fields=FIELDS)}
GIVES = {"GET": {200: thing(KEYS, optional=KEYS)}, "POST": {200: DONE}, "DELETE": {200: DONE}}
ENDPOINTS = (
    Endpoint(
        name="webapps/{domain}/ssl/",
        handlers={"GET": show, "POST": install, "DELETE": delete},
        takes=TAKES,
        gives=GIVES,
    ),
)
