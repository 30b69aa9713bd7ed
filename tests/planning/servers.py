"""A server as a value: what it holds, what its listings would say, what a plan makes of it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from posixpath import dirname
from typing import Any

from deployer.model.actions import DeleteFile, RemoveEmptyDirectory, Upload
from deployer.model.files import FileEntry, Snapshot
from deployer.model.manifest import Live, Manifest
from deployer.model.overrides import Overrides
from deployer.model.plan import Plan
from deployer.model.site import Site
from deployer.planning.changes import (
    IN_DOUBT,
    apply,
    compare,
    fingerprint,
    reopen,
    restore_vanished,
    unsettled,
)
from deployer.planning.facts import Facts
from deployer.planning.listing import Listing, Presence
from deployer.planning.patterns import PathPatterns
from deployer.planning.planner import Decision, decide
from tests.planning.sites import COMMIT, TARGET

NO_OVERRIDES = Overrides()
Files = Mapping[str, FileEntry]
"""Path relative to the target -> what is there."""


def tree_answer(files: Files, directories: frozenset[str] = frozenset()) -> tuple[str, ...] | None:
    """What the platform's tree says: no dot-names, sorted; None for a target that is not there."""
    if not files and not directories:
        return None
    folders = {*directories, *(parent for path in files for parent in parents(path))}
    names = [*files, *(f"{folder}/" for folder in folders)]
    shown = sorted(name for name in names if not any(part.startswith(".") for part in name.split("/")))
    return tuple(f"{TARGET}/{name}" for name in shown)[:1000]


def parents(path: str) -> list[str]:
    found = []
    while path := dirname(path):
        found.append(path)
    return found


def directory_answer(files: Files, folder: str, directories: frozenset[str]) -> Mapping[str, str] | None:
    """One directory's listing, by absolute path; None when it is not there."""
    prefix = f"{folder}/".removeprefix(f"{TARGET}/")
    below = [path.removeprefix(prefix) for path in files if path.startswith(prefix)]
    folders = [f"{name}/".removeprefix(prefix) for name in directories if f"{name}/".startswith(prefix)]
    entries = {name.split("/")[0]: "directory" if "/" in name else "file" for name in below}
    entries |= {name.split("/")[0]: "directory" for name in folders if name}
    there = bool(below) or folder == TARGET or folder.removeprefix(f"{TARGET}/") in directories
    return entries if there else None


def plan_on(
    server: Files,
    site: Site,
    manifest: Manifest,
    wanted: Files,
    *,
    directories: frozenset[str] = frozenset(),
    overrides: Overrides = NO_OVERRIDES,
    doubts: tuple[str, ...] = (),
    **facts: Any,
) -> Decision:
    """Observe the server just as far as the planner needs it, then decide.

    `doubts` are paths that a cut-off deployment may have touched.
    """
    snapshot = Snapshot(commit=COMMIT.id, files=wanted, plain=True)
    listing = Listing(TARGET, tree_answer(server, directories))
    changes = reopen(compare(manifest.files, snapshot), doubts, wanted, before=IN_DOUBT)
    changes = restore_vanished(changes, manifest, listing)
    everything = frozenset({*directories, *(folder for path in server for folder in parents(path))})
    for change in unsettled(changes, PathPatterns(site.files.keep), manifest.theirs):
        path = site.on_server(change.path)
        while (folder := listing.next_to_list(path)) is not None:
            listing.learn(folder, directory_answer(server, folder, everything))
        if listing.presence(path) is Presence.DIRECTORY or site.files.prune == "all":
            top = change.path if site.files.prune != "all" else ""
            for folder in ("", *everything):
                if folder == top or folder.startswith(f"{top}/") or not top:
                    absolute = f"{TARGET}/{folder}".rstrip("/")
                    listing.learn(absolute, directory_answer(server, absolute, everything))
    identical = frozenset(
        change.path for change in changes if change.after and server.get(change.path) == change.after
    )
    return decide(
        Facts(
            site=site,
            commit=COMMIT,
            manifest=manifest,
            changes=changes,
            shipped=len(wanted),
            listing=listing,
            identical=identical,
            plain=True,
            overrides=overrides,
            **facts,
        )
    )


def carry_out(server: Files, plan: Plan) -> Files:
    """The server after the plan; fails where the platform would have lost something."""
    files = dict(server)
    for action in plan.actions:
        match action:
            case Upload():
                assert not any(path.startswith(f"{action.path}/") for path in files), action
                assert not any(parent in files for parent in parents(action.path)), action
                files[action.path] = action.entry
            case DeleteFile():
                del files[action.subject.removeprefix(f"{TARGET}/")]
            case RemoveEmptyDirectory():
                below = action.subject.removeprefix(f"{TARGET}/") + "/"
                assert not any(path.startswith(below) for path in files), action
    return files


def record(manifest: Manifest, site: Site, decision: Decision, wanted: Files) -> Manifest:
    """The manifest after the plan has come true."""
    snapshot = Snapshot(commit=COMMIT.id, files=wanted, plain=True)
    return replace(
        manifest,
        commit=COMMIT.id,
        rules=fingerprint(site.files),
        live=Live(commit=COMMIT.id, deployment="e", since=datetime(2026, 1, 2, tzinfo=UTC)),
        files=apply(manifest.files, compare(manifest.files, snapshot)),
        orphans=decision.orphans,
        theirs=decision.theirs,
        settings=decision.settled,
    )
