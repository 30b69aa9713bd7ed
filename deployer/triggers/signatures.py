"""Whether a request comes from who knows the secret: decided on raw bytes, before anything is parsed.

Sources: GitHub "Validating webhook deliveries"; GitLab "Webhooks" and the Standard Webhooks specification;
Gitea and Forgejo "Webhooks"; Bitbucket Cloud "Manage webhooks", Bitbucket Data Center "Event payload".
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from datetime import datetime

from deployer.secret import Secret
from deployer.triggers.headers import delivery_id, only
from deployer.triggers.rejection import Rejected

LATE_S = 300
"""How old a signed time may be (Standard Webhooks: five minutes)."""
EARLY_S = 30
"""How far ahead of ours the sender's clock may be."""

SIGNING_PREFIX = "whsec_"
"""What GitLab's signing tokens begin with, as Standard Webhooks has it; the rest is the key in base64."""
_LEAST_KEY_BYTES = 16
_SIGNATURES = re.compile(r"v\w{1,8},[A-Za-z0-9+/=]{1,200}( v\w{1,8},[A-Za-z0-9+/=]{1,200}){0,15}", re.ASCII)

Headers = Mapping[str, str]
Verifier = Callable[[bytes, Headers, bytes, datetime], frozenset[str]]
"""(secret, headers, body, now) -> the names by which this delivery is remembered. Raises Rejected."""


def secret_problem(provider: str, secret: Secret) -> str:
    """Why nothing could be verified with it; empty when all is well."""
    text = secret.reveal()
    if not text.strip():
        return "the secret is empty"
    if provider == "gitlab" and text.startswith(SIGNING_PREFIX) and _signing_key(text.encode()) is None:
        return (
            f"it begins with {SIGNING_PREFIX} like GitLab's signing tokens, but the rest is no key in base64"
        )
    return ""


def verify(provider: str, secret: Secret, headers: Headers, body: bytes, now: datetime) -> frozenset[str]:
    """The names by which this delivery is remembered, so that it is not accepted twice. Raises Rejected.

    Where the service signs its delivery's id, the id is the name. Where it signs the body alone, somebody who
    has seen one could send it again with an id of his own: the body's digest is a name, too.
    """
    if secret_problem(provider, secret):
        raise Rejected(401, "nothing can be verified: the secret that is kept here is not usable")
    verifier = _VERIFIERS.get(provider)
    if verifier is None:
        raise Rejected(401, "nothing can be verified: the service is not known here")
    return verifier(secret.reveal().encode("utf-8", "surrogatepass"), headers, body, now)


def _github(secret: bytes, headers: Headers, body: bytes, _: datetime) -> frozenset[str]:
    _same(only(headers, "X-Hub-Signature-256"), f"sha256={_hex(secret, body)}", "X-Hub-Signature-256")
    return _names(delivery_id(headers, "X-GitHub-Delivery"), body)


def _gitea(secret: bytes, headers: Headers, body: bytes, _: datetime) -> frozenset[str]:
    _same(only(headers, "X-Gitea-Signature"), _hex(secret, body), "X-Gitea-Signature")
    return _names(delivery_id(headers, "X-Gitea-Delivery"), body)


def _forgejo(secret: bytes, headers: Headers, body: bytes, now: datetime) -> frozenset[str]:
    """Its own headers; Gitea's alone where the webhook was made as one of Gitea's kind."""
    if "x-forgejo-signature" not in headers and "x-gitea-signature" in headers:
        return _gitea(secret, headers, body, now)
    _same(only(headers, "X-Forgejo-Signature"), _hex(secret, body), "X-Forgejo-Signature")
    return _names(delivery_id(headers, "X-Forgejo-Delivery", "X-Gitea-Delivery"), body)


def _bitbucket(secret: bytes, headers: Headers, body: bytes, _: datetime) -> frozenset[str]:
    _same(only(headers, "X-Hub-Signature"), f"sha256={_hex(secret, body)}", "X-Hub-Signature")
    return _names(delivery_id(headers, "X-Request-UUID", "X-Request-Id"), body)


def _gitlab(secret: bytes, headers: Headers, body: bytes, now: datetime) -> frozenset[str]:
    """What kind of secret is kept here decides which proof is asked for, never what the request brings."""
    key = _signing_key(secret)
    if key is not None:
        return _standard(key, headers, body, now)
    _same(only(headers, "X-Gitlab-Token"), secret, "X-Gitlab-Token")
    # Idempotency-Key stays the same when GitLab tries again; X-Gitlab-Event-UUID may be shared by several
    # deliveries, so it comes last.
    return frozenset(
        {f"id {delivery_id(headers, 'Idempotency-Key', 'X-Gitlab-Webhook-UUID', 'X-Gitlab-Event-UUID')}"}
    )


def _standard(key: bytes, headers: Headers, body: bytes, now: datetime) -> frozenset[str]:
    """Standard Webhooks: `v1,<base64>`, several of them with spaces between while a key is being replaced."""
    id_ = delivery_id(headers, "webhook-id")
    stamp = only(headers, "webhook-timestamp")
    given = only(headers, "webhook-signature")
    signed = f"{id_}.{stamp}.".encode("latin-1", "replace") + body
    right = b"v1," + base64.b64encode(hmac.digest(key, signed, "sha256"))
    # A proxy that joins two headers puts a comma between them, which is in no signature.
    entries = given.split(" ") if _SIGNATURES.fullmatch(given) else []
    matches = [hmac.compare_digest(entry.encode(), right) for entry in entries]
    if not any(matches):
        raise Rejected(401, "the signature in webhook-signature is wrong")
    _fresh(stamp, now, "webhook-timestamp")
    return frozenset({f"id {id_}"})


def _plain(secret: bytes, headers: Headers, body: bytes, now: datetime) -> frozenset[str]:
    stamp = only(headers, "X-Deployer-Timestamp")
    given = only(headers, "X-Deployer-Signature")
    signature = _hex(secret, stamp.encode("latin-1", "replace") + b"." + body)
    _same(given, f"sha256={signature}", "X-Deployer-Signature")
    _fresh(stamp, now, "X-Deployer-Timestamp")
    return frozenset({f"signature {signature}"})


_VERIFIERS: Mapping[str, Verifier] = {
    "github": _github,
    "gitlab": _gitlab,
    "gitea": _gitea,
    "forgejo": _forgejo,
    "bitbucket": _bitbucket,
    "hmac": _plain,
}


def _hex(key: bytes, message: bytes) -> str:
    return hmac.digest(key, message, "sha256").hex()


def _same(given: str, right: str | bytes, name: str) -> None:
    """In a time that does not tell where they differ."""
    expected = right if isinstance(right, bytes) else right.encode()
    if not hmac.compare_digest(given.encode("utf-8", "replace"), expected):
        what = "token" if name.endswith("Token") else "signature"
        raise Rejected(401, f"the {what} in {name} is wrong")


def _fresh(stamp: str, now: datetime, name: str) -> None:
    """Asked only after the signature: the time is then the sender's own."""
    if not re.fullmatch(r"[0-9]{1,12}", stamp):
        raise Rejected(401, f"the header {name} holds no time in seconds since 1970")
    age_s = now.timestamp() - int(stamp)
    if age_s > LATE_S:
        raise Rejected(401, f"the time in {name} is more than {LATE_S // 60} minutes ago")
    if age_s < -EARLY_S:
        raise Rejected(401, f"the time in {name} is still to come: compare the clocks of both machines")


def _names(id_: str, body: bytes) -> frozenset[str]:
    return frozenset({f"id {id_}", f"body {hashlib.sha256(body).hexdigest()}"})


def _signing_key(secret: bytes) -> bytes | None:
    """The key in one of GitLab's signing tokens; None: it is none."""
    if not secret.startswith(SIGNING_PREFIX.encode()):
        return None
    try:
        key = base64.b64decode(secret.removeprefix(SIGNING_PREFIX.encode()), validate=True)
    except binascii.Error:
        return None
    return key if len(key) >= _LEAST_KEY_BYTES else None
