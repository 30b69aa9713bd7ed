"""Which recorded files differ from wanted ones."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from deployer.model.files import Change, FileEntry, Snapshot
from deployer.model.manifest import FileTable, Manifest
from deployer.model.site import FileRules, Site
from deployer.planning.listing import Listing
from deployer.planning.patterns import PathPatterns

IN_DOUBT = ""
"""`Change.before` of a path that is ours but whose content nobody knows."""
SPOILT = "spoilt"
"""`Change.before` of a path that is ours and was found with other content."""


def fingerprint(rules: FileRules) -> str:
    """Identifies the rules that choose what a commit sends; two equal ones choose alike."""
    chosen = json.dumps([rules.source, rules.exclude, rules.keep], ensure_ascii=False)
    return hashlib.sha256(chosen.encode()).hexdigest()[:16]


def compare(recorded: Mapping[str, FileEntry], snapshot: Snapshot) -> tuple[Change, ...]:
    """Every path whose entry differs, sorted; costs what exists, so `git diff-tree` is asked first."""
    wanted = snapshot.files
    gone = (Change(path, entry.digest, None) for path, entry in recorded.items() if path not in wanted)
    new = (
        Change(path, before.digest if before else None, entry)
        for path, entry in wanted.items()
        if (before := recorded.get(path)) != entry
    )
    return tuple(sorted((*gone, *new)))


def at_target(manifest: Manifest, target: str) -> Manifest:
    """What is recorded for a target: after a move, nothing is. The old folder is left as it is."""
    if manifest.target == target:
        return manifest
    return replace(manifest, target=target, commit=None, files=FileTable({}), orphans=(), theirs=frozenset())


def into_releases(manifest: Manifest, site: Site) -> Manifest:
    """What is recorded of a site's releases. The files that it had without any are known until they go."""
    there = at_target(manifest, site.root)
    if manifest.target == site.target:
        return replace(there, orphans=manifest.orphans, flat=manifest.files)
    return there


def out_of_releases(manifest: Manifest, site: Site) -> Manifest:
    """What is recorded of files straight in the target, where a site had them before its releases.

    A release that follows the first removes them, to its end or not: then each of them is looked at.
    """
    there = at_target(manifest, site.target)
    if manifest.target != f"{site.target}/current":
        return there
    ordered = manifest.pending.release if manifest.pending else None
    if manifest.release is not None and (ordered is not None or len(manifest.releases) > 1):
        orphans = tuple(sorted({*manifest.orphans, *manifest.flat}))
        return replace(there, orphans=orphans, flat={})
    return replace(there, files=FileTable(manifest.flat), orphans=manifest.orphans, flat={})


def diff_base(manifest: Manifest, rules: FileRules) -> str | None:
    """The commit from which a diff tells the whole difference; None when only a full comparison does."""
    usable = manifest.plain and manifest.rules == fingerprint(rules) and manifest.pending is None
    return manifest.commit if usable else None


def reopen(
    changes: Iterable[Change], paths: Iterable[str], wanted: Mapping[str, FileEntry], *, before: str
) -> tuple[Change, ...]:
    """Add paths that are ours but do not hold what is recorded: IN_DOUBT or SPOILT says which."""
    merged = {change.path: change for change in changes}
    for path in paths:
        merged[path] = Change(path, before, wanted.get(path))
    return tuple(sorted(merged.values()))


def restore_vanished(changes: tuple[Change, ...], manifest: Manifest, listing: Listing) -> tuple[Change, ...]:
    """Add the files that are recorded and unchanged, but that the tree does not show where it should.

    A suspicion: only the listing of a file's own folder proves that it is gone, since nobody knows
    where the platform cuts. A tree answer as long as it can be is no reason to suspect anything, so
    this never looks at more than the platform's thousand names unless the site is really gone.
    """
    if listing.is_cut or not manifest.files:
        return changes
    known = {change.path for change in changes}
    vanished = [
        Change(path, None, entry)
        for path, entry in manifest.files.items()
        if path not in known and listing.vanished(f"{manifest.target}/{path}")
    ]
    return tuple(sorted((*changes, *vanished))) if vanished else changes


def unsettled(changes: Iterable[Change], keep: PathPatterns, theirs: Collection[str]) -> tuple[Change, ...]:
    """The changes for which it matters what the server has at their paths.

    It does not for a kept path that the commit does not ship, nor for one that is known to be the site's.
    """
    return tuple(
        change
        for change in changes
        if change.path not in keep or (change.after is not None and change.path not in theirs)
    )


def apply(recorded: Mapping[str, FileEntry], changes: Iterable[Change]) -> Mapping[str, FileEntry]:
    """The recorded files after every change has come true."""
    entries = dict(recorded)
    for change in changes:
        if change.after is None:
            entries.pop(change.path, None)
        else:
            entries[change.path] = change.after
    return FileTable(entries)


def count_after(recorded: Mapping[str, FileEntry], changes: Iterable[Change]) -> int:
    """How many files the commit ships, without reading what did not change."""
    balance = sum(
        (change.after is not None) - (change.before is not None and change.before != IN_DOUBT)
        for change in changes
    )
    return len(recorded) + balance


def settle(manifest: Manifest, confirmed: Mapping[str, FileEntry | None]) -> tuple[Manifest, tuple[str, ...]]:
    """What is known after a cut-off deployment: the manifest with its confirmed steps, and the doubts.

    `confirmed` maps absolute server paths to the entry that is there now (None: deleted), from our
    own journal of that deployment. The doubts are relative to the target.
    """
    if manifest.pending is None:
        return manifest, ()
    files = dict(manifest.files)
    doubts = []
    for absolute in manifest.pending.paths:
        path = absolute.removeprefix(f"{manifest.target}/")
        if path == absolute:
            continue  # the WSGI file: in doubt as part of the settings
        if absolute not in confirmed:
            doubts.append(path)
        elif (entry := confirmed[absolute]) is None:
            files.pop(path, None)
        else:
            files[path] = entry
    return replace(manifest, files=FileTable(files)), tuple(doubts)
