"""What is worth telling people: a change of state, never that a good site is good again. Decisions only."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Final

EVIDENCE_BYTES: Final = 4096
"""What a mail or a chat takes without complaint; the status page has all of it."""
_BEGINNING_BYTES: Final = 1024
_KEPT_NOTICES: Final = 100


class Standing(StrEnum):
    """How a site stands."""

    NEW = "new"
    """Nothing was ever live."""
    LIVE = "live"
    """The newest commit that was tried answers as it should."""
    FAILED = "failed"
    """The newest commit is not live; what was live before still is."""
    DOWN = "down"
    """The newest commit failed and the site needs a person."""

    @property
    def is_bad(self) -> bool:
        return self in (Standing.FAILED, Standing.DOWN)


class Kind(StrEnum):
    """Why people are told; the most urgent first."""

    FAILURE = "failure"
    RECOVERY = "recovery"
    FIRST_LIVE = "first live"
    DRIFT = "drift"
    DRIFT_GONE = "drift gone"
    EXPIRY = "expiry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that ends soon, or has ended (see `expiry.due`)."""

    what: str
    """ "web app", "task nightly", "certificate"."""
    on: date
    stage: int
    """At so many days before, or earlier; 0: it has ended."""
    text: str
    """A sentence that says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteState:
    """What announcements of one site are decided by."""

    site: str
    """The name of its table."""
    domain: str
    standing: Standing
    commit: str = ""
    """The newest that was tried, in full; empty before the first."""
    subject: str = ""
    author: str = ""
    deployment: str = ""
    seconds: float | None = None
    """What the deployment took."""
    link: str = ""
    """Where the status page shows it."""
    evidence: str = ""
    """What went wrong, in the site's own words where it has some; empty while all is well."""
    drift: tuple[str, ...] = ()
    """Each difference that the last look found."""
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """One message, in plain text."""

    kind: Kind
    title: str
    body: str


def announcement(before: SiteState | None, after: SiteState) -> Announcement | None:
    """What to tell now that the site has come from `before` (None: nothing was ever told) to `after`.

    None: nothing has changed that people want to hear of. Several changes make one message.
    """
    parts = [*_deployed(before, after), *_drifted(before, after), *_expiring(before, after)]
    if not parts:
        return None
    kind, title, _ = parts[0]
    told = "\n\n".join(text for _, _, text in parts)
    return Announcement(kind=kind, title=f"{after.site}: {title}", body=told)


def remembered(before: SiteState | None, after: SiteState) -> SiteState:
    """`after`, with every notice that was told already: a look that failed must not make it new again."""
    notices = {notice.what: notice for notice in before.notices} if before else {}
    for notice in after.notices:
        known = notices.get(notice.what)
        if known is None or known.on != notice.on or notice.stage < known.stage:
            notices[notice.what] = notice
    newest = sorted(notices.values(), key=lambda notice: (notice.on, notice.what))[-_KEPT_NOTICES:]
    return replace(after, notices=tuple(newest))


def bounded(text: str, most: int = EVIDENCE_BYTES) -> str:
    """At most so many bytes of UTF-8: the beginning says what happened, the end of a traceback why."""
    data = text.encode(errors="replace")
    if len(data) <= most:
        return text
    mark = "\n[… the middle is left out …]\n".encode()
    beginning = min(_BEGINNING_BYTES, most // 4)
    end = max(most - beginning - len(mark), 1)
    return b"".join((_whole(data[:beginning]), mark, _whole(data[-end:])))[:most].decode(errors="ignore")


def _whole(data: bytes) -> bytes:
    """Without the halves of characters at its ends."""
    return data.decode(errors="ignore").encode()


_Part = tuple[Kind, str, str]
"""Kind, title, text."""


def _deployed(before: SiteState | None, after: SiteState) -> Iterator[_Part]:
    was = before.standing if before else Standing.NEW
    facts = _facts(after)
    if after.standing.is_bad:
        known = before is not None and (before.standing, before.commit) == (after.standing, after.commit)
        if not known:
            down = after.standing is Standing.DOWN
            state = "and the site needs a person" if down else "what was live before still is"
            title = "failed, the site needs a person" if down else "deployment failed"
            evidence = bounded(after.evidence.strip())
            text = f"Deploying to {after.domain} failed; {state}."
            yield Kind.FAILURE, title, "\n".join(part for part in (text, facts, "", evidence)).rstrip()
    elif after.standing is Standing.LIVE and was.is_bad:
        yield Kind.RECOVERY, "well again", f"{after.domain} is well again.\n{facts}".rstrip()
    elif after.standing is Standing.LIVE and was is Standing.NEW:
        yield Kind.FIRST_LIVE, "live for the first time", f"{after.domain} is live.\n{facts}".rstrip()


def _facts(state: SiteState) -> str:
    by = f" by {state.author}" if state.author else ""
    took = "" if state.seconds is None else f"Took: {state.seconds:.0f} s"
    lines = (
        f"Commit: {state.commit[:10]} {state.subject}{by}" if state.commit else "",
        f"Deployment: {state.deployment}" if state.deployment else "",
        took,
        state.link,
    )
    return "\n".join(line for line in lines if line)


def _drifted(before: SiteState | None, after: SiteState) -> Iterator[_Part]:
    known = frozenset(before.drift) if before else frozenset()
    fresh = [finding for finding in after.drift if finding not in known]
    if fresh:
        listed = bounded("\n".join(f"  {finding}" for finding in fresh))
        heal = "`deployer verify --heal` puts it right."
        text = f"{after.domain} differs from what was put there:\n{listed}\n{heal}"
        yield Kind.DRIFT, f"{_count(len(after.drift))} on the server", text
    elif known and not after.drift:
        text = f"{after.domain} is as it was put there again."
        yield Kind.DRIFT_GONE, "no difference on the server any more", text


def _count(differences: int) -> str:
    return "1 difference" if differences == 1 else f"{differences} differences"


def _expiring(before: SiteState | None, after: SiteState) -> Iterator[_Part]:
    known = {notice.what: notice for notice in before.notices} if before else {}
    for notice in after.notices:
        earlier = known.get(notice.what)
        if earlier is None or earlier.on != notice.on or notice.stage < earlier.stage:
            ends = f"{notice.what} has ended" if notice.stage == 0 else f"{notice.what} ends on {notice.on}"
            yield Kind.EXPIRY, ends, f"{after.domain}: {notice.text}"
