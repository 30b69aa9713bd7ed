"""What a commit ships against what is recorded and what the server has: by file, or as a release."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from deployer.deployment.site_work import SiteWork
from deployer.deployment.survey import Survey
from deployer.model.files import Change, Commit
from deployer.model.manifest import Manifest
from deployer.model.release import ReleaseList
from deployer.planning.changes import (
    IN_DOUBT,
    SPOILT,
    compare,
    count_after,
    diff_base,
    into_releases,
    out_of_releases,
    reopen,
    restore_vanished,
    settle,
)
from deployer.planning.listing import Listing


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What differs, and what the server has where it matters."""

    manifest: Manifest
    """What is recorded, with what a deployment that was cut off is known to have done."""
    changes: tuple[Change, ...]
    shipped: int
    plain: bool
    listing: Listing
    tree_shows_hidden: bool = False
    identical: frozenset[str] = frozenset()
    release: ReleaseList | None = None


def look_at(work: SiteWork, commit: Commit, manifest: Manifest, spoilt: frozenset[str]) -> Seen:
    """`spoilt` are shipped paths that a comparison found with other content."""
    if work.site.releases is not None:
        return _as_release(work, commit, manifest, spoilt)
    wanted = _Wanted.of(work, commit, manifest)
    listing = Survey(work, wanted.changes).listing
    changes = wanted.changes
    if spoilt:
        changes = reopen(changes, spoilt, wanted.manifest.files, before=SPOILT)
    changes = restore_vanished(changes, wanted.manifest, listing)
    survey = Survey(work, changes, listing, theirs=wanted.manifest.theirs)
    survey.settle_doubts()
    survey.settle_orphans(wanted.manifest.orphans)
    return Seen(
        manifest=wanted.manifest,
        changes=changes,
        shipped=wanted.shipped,
        plain=wanted.plain,
        listing=listing,
        tree_shows_hidden=survey.tree_shows_hidden(),
        identical=survey.identical(wanted.manifest),
    )


def _as_release(work: SiteWork, commit: Commit, manifest: Manifest, spoilt: frozenset[str]) -> Seen:
    """Nothing is listed: a release is built and checked on the server, whatever lies around it."""
    site = work.site
    rules = site.releases
    assert rules is not None  # noqa: S101 - whoever calls this has seen to it
    recorded = into_releases(manifest, site)
    snapshot = work.repository.snapshot(commit, site.files)
    files = _unshared(snapshot.files, rules.shared)
    source = f"{site.files.source}/" if site.files.source else ""
    release = ReleaseList(
        commit=commit.id,
        files=files,
        links=_unshared(snapshot.links, rules.shared),
        shared=rules.shared,
        wsgi=(site.wsgi or "").removeprefix(source),
        edition=_edition(recorded, commit, is_spoilt=bool(spoilt)),
    )
    changes = compare(recorded.files, replace(snapshot, files=files))
    return Seen(
        manifest=recorded,
        changes=reopen(changes, spoilt, files, before=SPOILT) if spoilt else changes,
        shipped=len(files),
        plain=False,
        listing=Listing(site.root, ()),
        release=release,
    )


def _edition(recorded: Manifest, commit: Commit, *, is_spoilt: bool) -> int:
    """Of the commit's newest release that is there; the next one where somebody changed that."""
    there = (*recorded.releases, *((recorded.release,) if recorded.release else ()))
    newest = max((each.edition for each in there if each.commit == commit.id), default=0)
    live = recorded.release.edition if recorded.release else 0
    return max(newest, live) + 1 if is_spoilt else newest


T = TypeVar("T")


def _unshared(entries: Mapping[str, T], shared: tuple[str, ...]) -> Mapping[str, T]:
    """What is shared belongs to the site: a commit's own placeholder for it is not shipped."""
    names = tuple(path.rstrip("/") for path in shared)
    folders = tuple(f"{name}/" for name in names)
    return {
        path: entry for path, entry in entries.items() if path not in names and not path.startswith(folders)
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """Recorded against wanted, before the server was asked."""

    manifest: Manifest
    changes: tuple[Change, ...]
    shipped: int
    plain: bool

    @classmethod
    def of(cls, work: SiteWork, commit: Commit, recorded: Manifest) -> "_Wanted":
        """By git's own diff where that tells everything, else by comparing all of it."""
        rules = work.site.files
        recorded = out_of_releases(recorded, work.site)
        if (base := diff_base(recorded, rules)) is not None:
            changes = () if base == commit.id else work.repository.changes(base, commit, rules)
            if changes is not None:
                shipped = count_after(recorded.files, changes)
                return cls(manifest=recorded, changes=changes, shipped=shipped, plain=True)
        confirmed = work.state.confirmed(recorded.pending.deployment) if recorded.pending else {}
        manifest, doubts = settle(recorded, confirmed)
        snapshot = work.repository.snapshot(commit, rules)
        manifest = replace(manifest, theirs=manifest.theirs & snapshot.files.keys())
        changes = reopen(compare(manifest.files, snapshot), doubts, snapshot.files, before=IN_DOUBT)
        return cls(manifest=manifest, changes=changes, shipped=len(snapshot.files), plain=snapshot.plain)
