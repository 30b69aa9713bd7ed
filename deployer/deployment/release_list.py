"""The releases of a site as `deployer releases` shows them: the record, and what the server has written.

Two requests; one where there is no release.
"""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from deployer.deployment.record import Record
from deployer.deployment.releases import report
from deployer.deployment.site_work import SiteWork
from deployer.errors import UsageError
from deployer.model.manifest import Manifest
from deployer.model.release import KnownRelease


class ReleaseState(StrEnum):
    LIVE = "live"
    KEPT = "kept"
    FAILED = "failed"
    GONE = "gone"
    """Recorded, but the server does not report it: `rollback` sends it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseSeen:
    """One release. Of its size nothing is known where the server has not reported it."""

    id: str
    commit: str
    subject: str | None
    """None: this repository does not have the commit."""
    deployment: str
    since: datetime
    """When it was first live, or failed."""
    state: ReleaseState
    on_server: bool | None
    """None: the server has not said."""
    failed: str | None = None
    files: int | None = None
    bytes: int | None = None
    adds_bytes: int | None = None
    """What it took when it was built: an unchanged file is a hard link to the release before, and free."""
    built: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Releases:
    """The newest first."""

    domain: str
    releases: tuple[ReleaseSeen, ...]
    rollback_to: str | None
    """The commit to which `deployer rollback` goes."""
    rollback_release: str | None
    """The release of it that is there; None: it would be sent again."""
    under_way: str | None
    """The release that a deployment is just switching to, or was when it was cut off."""
    current: str | None
    """What the server's link led to when it last started a release."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def list_releases(work: SiteWork) -> Releases:
    """Raises UsageError for a site that has no releases, and is to have none."""
    manifest = Record(work.site, work.api).read()
    if work.site.releases is None and not manifest.releases:
        raise UsageError(
            f"{work.site.domain} has no releases",
            hint='`strategy = "release"` under [app] in pythonanywhere.toml gives it some.',
        )
    said = report(work) if manifest.releases else {}
    there = _there(said)
    back = manifest.previous.commit if manifest.previous else None
    seen = tuple(_seen(work, manifest, known, there) for known in reversed(manifest.releases))
    ready = (each.id for each in seen if each.commit == back and each.state is ReleaseState.KEPT)
    ordered = manifest.pending.release if manifest.pending else None
    return Releases(
        domain=work.site.domain,
        releases=seen,
        rollback_to=back,
        rollback_release=next(ready, None),
        under_way=ordered.id if ordered else None,
        current=said.get("current"),
    )


def _there(said: dict[str, Any]) -> dict[str, dict[str, Any]] | None:
    """The releases that the server has, with what it knows of their size; None: it has not said."""
    there = said.get("releases")
    if not isinstance(there, dict):
        return None
    return {name: size if isinstance(size, dict) else {} for name, size in there.items()}


def _seen(
    work: SiteWork, manifest: Manifest, known: KnownRelease, there: dict[str, dict[str, Any]] | None
) -> ReleaseSeen:
    size = (there or {}).get(known.id, {})
    built = size.get("at")
    return ReleaseSeen(
        id=known.id,
        commit=known.commit,
        subject=_subject(work, known.commit),
        deployment=known.deployment,
        since=known.since,
        state=_state(manifest, known, there),
        on_server=None if there is None else known.id in there,
        failed=known.failed,
        files=size.get("files"),
        bytes=size.get("bytes"),
        adds_bytes=size.get("adds"),
        built=datetime.fromtimestamp(built, UTC) if isinstance(built, int | float) else None,
    )


def _state(manifest: Manifest, known: KnownRelease, there: dict[str, dict[str, Any]] | None) -> ReleaseState:
    if known.failed is not None:
        return ReleaseState.FAILED
    if manifest.release is not None and manifest.release.id == known.id:
        return ReleaseState.LIVE
    return ReleaseState.KEPT if there is None or known.id in there else ReleaseState.GONE


def _subject(work: SiteWork, commit: str) -> str | None:
    try:
        return work.repository.resolve(commit).subject
    except UsageError:
        return None
