"""The certificate: what is wanted, what was put there, what is there, and what is to be done about it.

What was put there is known by its fingerprint, so nobody asks the platform while that is what is wanted.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from deployer.model.actions import (
    Action,
    InstallCertificate,
    InstallDomainCertificate,
    RequestCertificate,
    RequestDomainCertificate,
)
from deployer.model.overrides import Overrides
from deployer.model.plan import Note
from deployer.model.site import Site
from deployer.model.tls import LETSENCRYPT, AppliedTls, Leaf, LetsEncrypt, LiveTls

ASK_AGAIN: Final = timedelta(hours=1)
"""How long nobody asks for a certificate again after a refusal or a lost answer. Let's Encrypt counts
attempts: it allows five failed ones of a name in an hour (its documentation, "Rate Limits")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFacts:
    """What is known of the certificate."""

    now: datetime
    source: str
    """Where it comes from, for messages: a file of this machine, or "letsencrypt"."""
    wanted: Leaf | LetsEncrypt | None = None
    """None also for a file in which no certificate can be made out."""
    problem: str = ""
    """Why what the files hold cannot be sent."""
    was_read: bool = False
    live: LiveTls | None = None
    """What the platform says, where it was asked; None: there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsPlan:
    """As SettingsPlan, for the certificate."""

    actions: tuple[Action, ...] = ()
    refusals: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    settled: AppliedTls | None
    reload: str | None = None
    """Why the site has to be reloaded although nothing is sent."""


def tls_in_doubt(
    site: Site, applied: AppliedTls | None, wanted: Leaf | LetsEncrypt | None, *, interrupted: bool
) -> bool:
    """Whether the platform has to be asked before a plan can be made."""
    if wanted is None or site.has_platforms_certificate:
        return False
    if applied is None:
        return True
    if isinstance(wanted, Leaf):
        return interrupted and applied.fingerprint == wanted.fingerprint  # another one is sent anyway
    return interrupted or applied.kind != LETSENCRYPT or applied.is_awaited


def plan_tls(
    site: Site, applied: AppliedTls | None, facts: TlsFacts | None, overrides: Overrides, *, anew: bool
) -> TlsPlan:
    """`facts` None: nobody says where a certificate comes from, so the one that is there is not ours.

    `anew`: the site is made by this plan, so what was put there may be gone with the one before.
    """
    if overrides.keep_certificate:
        return TlsPlan(settled=applied)
    if facts is None:
        return TlsPlan(settled=None)
    if site.has_platforms_certificate:
        why = "has the platform's own certificate, which it renews: `tls` of deployer.toml is not used"
        return TlsPlan(settled=None, notes=(Note(subject=site.domain, reason=why),))
    if facts.wanted == LETSENCRYPT:
        return _letsencrypt(site, applied, facts, overrides, anew=anew)
    return _files(site, applied, facts, anew=anew)


def _files(site: Site, applied: AppliedTls | None, facts: TlsFacts, *, anew: bool) -> TlsPlan:
    leaf = facts.wanted if isinstance(facts.wanted, Leaf) else None
    if leaf is not None and not anew and _is_there(leaf, applied, facts):
        return TlsPlan(settled=AppliedTls.of(leaf), notes=tuple(_spoilt(facts)))
    if leaf is None or facts.problem:
        what = facts.problem or f"{facts.source} holds no certificate"
        stays = "" if anew else "What is there stays; "
        refusal = f"certificate: {what}. {stays}mend the file, or take `tls` out of deployer.toml"
        return TlsPlan(settled=applied, refusals=(refusal,))
    kind = InstallCertificate if site.command is None else InstallDomainCertificate
    action = kind(subject=site.domain, reason=_why_sent(leaf, applied, facts, anew=anew))
    return TlsPlan(settled=None, actions=(action,))


def _is_there(leaf: Leaf, applied: AppliedTls | None, facts: TlsFacts) -> bool:
    """By what we put there, and by what the platform says of it, where it was asked. Two certificates may end
    at the same moment, so one that was recorded as another is not taken for this one: sending it is harmless.
    """
    if applied is not None and applied.fingerprint != leaf.fingerprint:
        return False
    if facts.was_read:
        return facts.live is not None and facts.live.is_same(leaf.not_after, leaf.names)
    return applied is not None


def _spoilt(facts: TlsFacts) -> Iterator[Note]:
    """Nothing would be sent, so nothing is refused: least of all a commit that has nothing to do with it."""
    if facts.problem:
        yield Note(subject="certificate", reason=f"{facts.problem}; it is the one that is there, and stays")


def _why_sent(leaf: Leaf, applied: AppliedTls | None, facts: TlsFacts, *, anew: bool) -> str:
    new = f"expires {_day(leaf.not_after)}"
    before = facts.live.not_after if facts.live else None
    if not facts.was_read and applied is not None:
        before = applied.not_after
    if anew or before is None:
        return f"{facts.source}, {new}"
    word = "renewed" if leaf.not_after > before else "another one"
    return f"{word}: {new}, the one there expires {_day(before)}"


def _letsencrypt(
    site: Site, applied: AppliedTls | None, facts: TlsFacts, overrides: Overrides, *, anew: bool
) -> TlsPlan:
    ours = applied if applied is not None and applied.kind == LETSENCRYPT else None
    live = facts.live
    if anew:
        return _asking(site, "the site is made, and shall have one of Let's Encrypt")
    if ours is not None and not facts.was_read:
        return TlsPlan(settled=ours)
    if live is not None and is_issued(live, ours):
        return _is_issued(live, ours)
    if overrides.force:
        return _asking(site, "asked for once more (--force)")
    if (waits := _still_awaited(live, ours, facts.now)) is not None:
        return TlsPlan(settled=waits, notes=(awaiting(site, waits),))
    issuer = f" of {live.issuer}" if live and live.issuer else ""
    there_now = f"; the one there{issuer} {_until(live)}" if live else ""
    return _asking(site, f"the platform gets it and renews it{there_now}")


def _asking(site: Site, reason: str) -> TlsPlan:
    kind = RequestCertificate if site.command is None else RequestDomainCertificate
    return TlsPlan(settled=None, actions=(kind(subject=site.domain, reason=reason),))


def _is_issued(live: LiveTls, ours: AppliedTls | None) -> TlsPlan:
    """One that was awaited is in force from the next reload on; one that was there before we looked is."""
    if ours is not None and not ours.is_awaited:
        return TlsPlan(settled=ours)
    there = AppliedTls(kind=LETSENCRYPT, not_after=live.not_after, names=live.names)
    reload = None if ours is None else f"Let's Encrypt's certificate is there now, {_until(live)}"
    return TlsPlan(settled=there, reload=reload)


def _still_awaited(live: LiveTls | None, ours: AppliedTls | None, now: datetime) -> AppliedTls | None:
    """None: it may be asked for."""
    awaited = ours if ours is not None and ours.is_awaited else None
    if live is not None and live.is_letsencrypt and live.not_after is None:
        return replace(awaited, problem="") if awaited else AppliedTls(kind=LETSENCRYPT, asked=now)
    if awaited is None or awaited.asked is None or now >= awaited.asked + ASK_AGAIN:
        return None
    return awaited


def is_issued(live: LiveTls, awaited: AppliedTls | None) -> bool:
    """Whether it is Let's Encrypt's. Where the platform does not say whose it is, the one that is there is
    taken for the one that was asked for: to ask again would not tell more.
    """
    if live.not_after is None:
        return False
    if live.is_letsencrypt is None:
        return awaited is not None and not awaited.problem
    return live.is_letsencrypt


def awaiting(site: Site, tls: AppliedTls) -> Note:
    """What is to be known of one that was asked for and is not there."""
    since = f"{tls.asked:%Y-%m-%d %H:%M} UTC" if tls.asked else "some time ago"
    if tls.problem:
        again = tls.asked + ASK_AGAIN if tls.asked else None
        when = f"It is asked again from {again:%H:%M} UTC on" if again else "It is asked again"
        reason = f"Let's Encrypt's was refused at {since} ({tls.problem}). {when}, or now with --force"
    else:
        reason = (
            f"Let's Encrypt's was asked for at {since} and is not there yet: does {site.domain} point at the "
            "platform (CNAME)? --force asks once more"
        )
    return Note(subject="certificate", reason=reason)


def _until(live: LiveTls) -> str:
    return f"expires {_day(live.not_after)}" if live.not_after else "expires nobody says when"


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"
