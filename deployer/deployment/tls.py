"""The certificate of a site: what this machine has, what the platform says, and how it is put there."""

import re
from datetime import UTC, datetime
from typing import Final, NamedTuple

from deployer.certificate import Found, Material, look_at
from deployer.config import CertificateFiles
from deployer.deployment.expiry import LETSENCRYPT as LETSENCRYPT_TYPE
from deployer.deployment.expiry import certificate_of
from deployer.deployment.site_work import SiteWork
from deployer.errors import ApiError, CredentialsRefused, NotFound, RateLimited, Temporary
from deployer.events import log
from deployer.model.manifest import Manifest
from deployer.model.overrides import Overrides
from deployer.model.site import Site
from deployer.model.tls import LETSENCRYPT, AppliedTls, LiveTls
from deployer.planning.tls import TlsFacts, is_issued, tls_in_doubt
from deployer.pythonanywhere import Certificate, PythonAnywhere

_QUOTED: Final = 20
"""So many characters of a key in a row come of the key."""


class NotIssued(ApiError):
    """The platform refused to get a certificate of Let's Encrypt. `tls` is what is to be recorded of that."""

    def __init__(self, error: ApiError, site: Site, tls: AppliedTls) -> None:
        super().__init__(
            f"{site.domain} gets no certificate of Let's Encrypt: {error.message}",
            status=error.status,
            hint=f"{site.domain} has to point at the platform first: its CNAME is on the page Web. Then run "
            "again with --force; without it, it is asked again after an hour at the earliest.",
        )
        self.tls = tls


class WantedTls(NamedTuple):
    """What a plan is made from, and what is sent if it says so."""

    facts: TlsFacts | None
    material: Material | None = None


def observe_tls(work: SiteWork, manifest: Manifest, overrides: Overrides, *, exists: bool) -> WantedTls:
    """Read this machine's files, and ask the platform where they and the record do not tell enough.

    `exists`: the site is there, so that there can be a certificate.
    """
    if work.tls is None or overrides.keep_certificate:
        return WantedTls(None)
    facts, material = _here(work)
    interrupted = overrides.force or (manifest.pending is not None and manifest.pending.settings)
    if not tls_in_doubt(work.site, manifest.settings.tls, facts.wanted, interrupted=interrupted):
        return WantedTls(facts, material)
    work.reporter.observing("the certificate")
    live = live_tls(work.api, work.site) if exists else None
    return WantedTls(
        TlsFacts(
            now=facts.now,
            source=facts.source,
            wanted=facts.wanted,
            problem=facts.problem,
            was_read=True,
            live=live,
        ),
        material,
    )


def _here(work: SiteWork) -> tuple[TlsFacts, Material | None]:
    now = datetime.now(UTC)
    if not isinstance(work.tls, CertificateFiles):
        return TlsFacts(now=now, source=LETSENCRYPT, wanted=LETSENCRYPT), None
    source = str(work.tls.certificate)
    if work.site.has_platforms_certificate:
        return TlsFacts(now=now, source=source), None
    found = files_of(work.tls, work.site, now)
    return TlsFacts(now=now, source=source, wanted=found.leaf, problem=found.problem), found.material


def files_of(files: CertificateFiles, site: Site, now: datetime) -> Found:
    """What the files of this machine hold for the site."""
    return look_at(files.certificate, files.private_key, domain=site.domain, now=now)


def live_tls(api: PythonAnywhere, site: Site) -> LiveTls | None:
    """One request. None: there is no certificate, which the platform may say in more than one way."""
    certificate = certificate_of(api, site)
    if certificate is None or certificate == _NOTHING:
        return None
    kind = certificate.cert_type
    return LiveTls(
        is_letsencrypt=None if kind is None else kind == LETSENCRYPT_TYPE,
        not_after=certificate.not_after,
        names=certificate.subject_alternate_names,
        issuer=certificate.issuer_name,
    )


_NOTHING: Final = Certificate(
    cert_type=None, not_after=None, issuer_name=None, subject_name=None, subject_alternate_names=()
)


def install(work: SiteWork, material: Material) -> AppliedTls:
    """Send it. An answer that is lost is no matter: it is sent again, which is the same as once."""
    api, site = work.api, work.site
    upload = api.ssl.upload if site.command is None else api.domains.upload_certificate
    try:
        upload(site.domain, certificate=material.chain, private_key=material.private_key)
    except ApiError as error:
        error.message = _without_key(error.message, material)
        error.args = (error.message,)
        raise
    return AppliedTls.of(material.leaf)


def request(work: SiteWork) -> AppliedTls:
    """Have the platform get one of Let's Encrypt, unless it has; and see what came of it. Raises NotIssued.

    Never repeated on a guess, since attempts are counted: an answer that was lost is settled by a look, and
    where that tells nothing, whoever comes next waits before asking again.
    """
    api, site = work.api, work.site
    before = live_tls(api, site)
    if before is not None and is_issued(before, None):
        return _issued(before)
    asked = AppliedTls(kind=LETSENCRYPT, asked=datetime.now(UTC))
    problem = "the platform does not have it yet"
    try:
        (api.ssl if site.command is None else api.domains).letsencrypt(site.domain)
    except (RateLimited, CredentialsRefused, NotFound):
        raise
    except Temporary as error:
        problem = f"whether it was asked is not known: {error.message}"
    except ApiError as error:
        words = " ".join(error.message.split())
        refused = AppliedTls(kind=LETSENCRYPT, asked=asked.asked, problem=words)
        raise NotIssued(error, site, refused) from error
    live = live_tls(api, site)
    if live is not None and is_issued(live, asked) and not (before and live.not_after == before.not_after):
        return _issued(live)
    log.warning("certificate_awaited", problem=problem)
    return asked


def _issued(live: LiveTls) -> AppliedTls:
    return AppliedTls(kind=LETSENCRYPT, not_after=live.not_after, names=live.names)


def where_to_ask(work: SiteWork, tls: TlsFacts | None, applied: AppliedTls | None) -> str | None:
    """The address for the check. A site whose certificate is still awaited is asked without one; None: that
    leads nowhere, since it sends everybody to https.
    """
    has_one = tls is not None and tls.live is not None and tls.live.not_after is not None
    if applied is None or not applied.is_awaited or has_one or work.site_url != f"https://{work.site.domain}":
        return work.site_url
    return None if work.site.webapp.force_https else f"http://{work.site.domain}"


def what_to_do(work: SiteWork) -> str:
    """Of a certificate that ends, where this machine has to do with it; else nothing."""
    if not isinstance(work.tls, CertificateFiles):
        return ""
    found = files_of(work.tls, work.site, datetime.now(UTC))
    if found.problem:
        return f"The new one cannot be used: {found.problem}. Mend that; the daemon sends it then."
    return f"Renew {work.tls.certificate}: the daemon sends it within the hour, `deployer sync` at once."


def _without_key(text: str, material: Material) -> str:
    """A debugging page shows the whole request, in whatever notation, and it is a person who reads that."""
    lines = material.private_key.reveal().splitlines()
    key = "".join(line for line in lines if not line.startswith("-----"))
    said = re.sub(r"\\n|\\r|[^A-Za-z0-9+/=]", "", text)
    if any(key[start : start + _QUOTED] in said for start in range(len(key) - _QUOTED + 1)):
        return "the platform did not take the certificate; its words quote the private key and are left out"
    return text
