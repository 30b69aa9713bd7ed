"""Notices that the certificate of this machine is not the one that was sent."""

from dataclasses import dataclass
from datetime import UTC, datetime

from deployer.deployment.record import Record
from deployer.deployment.site_work import SiteWork
from deployer.deployment.tls import observe_tls
from deployer.errors import UsageError
from deployer.model.files import Commit
from deployer.model.manifest import Manifest
from deployer.model.overrides import Overrides
from deployer.model.tls import LETSENCRYPT, AppliedTls, Leaf, LetsEncrypt
from deployer.planning.tls import TlsFacts, plan_tls

_NOTHING_SAID = Overrides()


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """What one look found."""

    applied: AppliedTls | None
    """What was put there, for the next look."""
    reason: str = ""
    """Why the site is to be deployed once more; empty: it need not."""
    problem: str = ""
    """Why what this machine has cannot be sent."""
    stopped: bool = False
    """The last deployment was stopped by this, so it is the newest commit that is to be deployed."""


def look_for_renewal(work: SiteWork, known: AppliedTls | None) -> Renewal:
    """No request while this machine has what is `known` to have been put there; else one for the record, and
    one for the certificate while Let's Encrypt's is awaited. Raises ApiError, NeedsPerson.
    """
    here = observe_tls(work, Manifest.nothing(work.site), _NOTHING_SAID, exists=False).facts
    if here is None or work.site.has_platforms_certificate:
        return Renewal(applied=None)
    if known is not None and _is_known(here.wanted, known):
        return Renewal(applied=known)
    manifest = Record(work.site, work.api).read()
    applied = manifest.settings.tls
    stopped = applied is not None and bool(applied.problem) and _was_given_up(manifest)
    if _is_under_way(manifest) and not stopped:
        return Renewal(applied=None)
    facts: TlsFacts | None = observe_tls(work, manifest, _NOTHING_SAID, exists=True).facts
    plan = plan_tls(work.site, applied, facts, _NOTHING_SAID, anew=False)
    reasons = [action.reason for action in plan.actions] or [plan.reload or ""]
    return Renewal(applied=applied, reason=reasons[0], problem="".join(plan.refusals), stopped=stopped)


def what_is_live(work: SiteWork) -> Commit:
    """The commit that is deployed once more to send a certificate and nothing else. Raises UsageError where
    that is not known.
    """
    manifest = Record(work.site, work.api).read()
    if manifest.live is None or manifest.commit != manifest.live.commit:
        raise UsageError(
            f"{work.site.domain} has no certificate sent: it is not known to be live as it was deployed",
            hint="The next deployment sends it.",
        )
    return work.repository.resolve(manifest.live.commit)


def _is_known(wanted: Leaf | LetsEncrypt | None, known: AppliedTls) -> bool:
    if isinstance(wanted, Leaf):
        return wanted.fingerprint == known.fingerprint
    return wanted == LETSENCRYPT and known.kind == LETSENCRYPT and not known.is_awaited


def _is_under_way(manifest: Manifest) -> bool:
    """Or nothing is known to be live: what is missing is the next deployment's."""
    live = manifest.live
    return manifest.pending is not None or live is None or manifest.commit != live.commit


def _was_given_up(manifest: Manifest) -> bool:
    return manifest.pending is not None and manifest.pending.expires <= datetime.now(UTC)
