"""Reads what a plan needs to know, and asks the server no more than that."""

import sys
from dataclasses import dataclass, replace

from deployer.deployment.live import read_settings
from deployer.deployment.record import is_busy
from deployer.deployment.site_work import SiteWork
from deployer.errors import ApiError, ConfigError, NotFound
from deployer.git import Contents
from deployer.model.digest import blob_digest
from deployer.model.files import Change, Commit, FileEntry
from deployer.model.manifest import Manifest
from deployer.model.overrides import Overrides
from deployer.model.site import Site
from deployer.planning import guards
from deployer.planning.changes import (
    IN_DOUBT,
    SPOILT,
    at_target,
    compare,
    count_after,
    diff_base,
    reopen,
    restore_vanished,
    settle,
    unsettled,
)
from deployer.planning.facts import Facts
from deployer.planning.listing import Listing, Presence
from deployer.planning.patterns import PathPatterns
from deployer.planning.settings import DEFAULT_PYTHON, in_doubt


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The facts for the planner, and what the executor will need again."""

    facts: Facts
    contents: Contents
    wsgi: bytes | None
    busy: bool
    """Somebody else's deployment of this site is under way."""


def observe(
    work: SiteWork,
    commit: Commit,
    manifest: Manifest,
    overrides: Overrides,
    spoilt: frozenset[str] = frozenset(),
) -> Observation:
    """Ask git what the commit ships and the server what is there.

    `spoilt` are shipped paths, relative to the target or the WSGI file's own, that a comparison
    found with other content.
    """
    site = work.site
    contents = work.repository.contents(commit, site.files)
    wsgi = wsgi_content(work, commit)
    wanted = _Wanted.of(work, commit, manifest)
    listing = Survey(work, wanted.changes).listing
    ours = spoilt - {site.wsgi_path}
    changes = reopen(wanted.changes, ours, wanted.manifest.files, before=SPOILT) if ours else wanted.changes
    changes = restore_vanished(changes, wanted.manifest, listing)
    survey = Survey(work, changes, listing, theirs=wanted.manifest.theirs)
    survey.settle_doubts()
    survey.settle_orphans(wanted.manifest.orphans)
    entry = _entry(wsgi, commit) if wsgi is not None else None
    recorded = _without_spoilt_wsgi(wanted.manifest, site, spoilt)
    doubt = in_doubt(site, recorded, entry.digest if entry else None, force=overrides.force)
    live = read_settings(work, doubt)
    facts = Facts(
        site=site,
        commit=commit,
        manifest=recorded,
        changes=changes,
        shipped=wanted.shipped,
        listing=listing,
        heads=_heads(contents, changes),
        tree_shows_hidden=survey.tree_shows_hidden(),
        identical=survey.identical(wanted.manifest),
        wsgi=entry,
        wsgi_digest_live=blob_digest(live.wsgi, like=commit.id) if live.wsgi is not None else None,
        broken_wsgi=_broken_wsgi(site, wsgi),
        plain=wanted.plain,
        doubt=doubt,
        live=live,
        moved_from=manifest.target if manifest.target != site.target else None,
        overrides=overrides,
    )
    return Observation(
        facts=facts,
        contents=contents,
        wsgi=wsgi,
        busy=is_busy(manifest, owner=work.state.owner),
    )


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
        recorded = at_target(recorded, work.site.target)
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


class Survey:
    """What the server has at the paths that matter."""

    def __init__(
        self,
        work: SiteWork,
        changes: tuple[Change, ...],
        listing: Listing | None = None,
        *,
        theirs: frozenset[str] = frozenset(),
    ) -> None:
        self.work = work
        self.site = work.site
        self.keep = PathPatterns(work.site.files.keep)
        self.changes = changes
        self.theirs = theirs
        self.listing = listing if listing is not None else self._tree()

    def settle_doubts(self) -> None:
        """List directories until every path that would be created or deleted is proven."""
        asked = unsettled(self.changes, self.keep, self.theirs)
        for change in asked:
            if change.before is None or change.after is None or change.before == IN_DOUBT:
                self._prove(self.site.on_server(change.path))
        for change in asked:
            path = self.site.on_server(change.path)
            if change.after is not None and self.listing.presence(path) is Presence.DIRECTORY:
                self._walk(path)

    def tree_shows_hidden(self) -> bool:
        """Whether this platform's tree names dot-files, and so perhaps links, which it should leave out.

        Our own record stands in a dot-folder of the home: either the home's tree names that or not.
        """
        return self._is_mirror() and f"{self.site.home}/.deployer/" in self.work.api.files.tree(
            self.site.home
        )

    def _is_mirror(self) -> bool:
        return self.site.files.prune == "all" and bool(self.changes)

    def settle_orphans(self, orphans: tuple[str, ...]) -> None:
        """Files that an earlier `prune = "never"` left behind are ours to delete, once they are proven."""
        if self.site.files.prune != "never":
            for path in orphans:
                self._prove(self.site.on_server(path))

    def identical(self, manifest: Manifest) -> frozenset[str]:
        """Paths that we never shipped but that hold just what the commit would put there."""
        return frozenset(
            change.path
            for change in self.changes
            if change.after is not None
            and change.before is None
            and change.path not in manifest.files
            and change.path not in self.keep
            and self.listing.presence(self.site.on_server(change.path)) is Presence.FILE
            and self._holds(self.site.on_server(change.path), change.after)
        )

    def contents_of_files(self) -> dict[str, FileEntry]:
        """What the changed paths hold on the server now, by downloading each that is a file there."""
        found = {}
        for change in self.changes:
            path = self.site.on_server(change.path)
            if change.after is not None and self.listing.presence(path) is Presence.FILE:
                content = self._download(path)
                if content is not None:
                    digest = blob_digest(content, like=change.after.digest)
                    found[change.path] = FileEntry(digest, len(content), change.after.mode)
        return found

    def _tree(self) -> Listing:
        self.work.check_stop()
        self.work.reporter.observing(self.site.target)
        try:
            return Listing(self.site.target, self.work.api.files.tree(self.site.target))
        except NotFound:
            return Listing(self.site.target, None)
        except ApiError as error:
            if error.status != 400:
                raise
            raise ConfigError(
                "pythonanywhere.toml", [f"app.target: {self.site.target} cannot be a folder: {error.message}"]
            ) from error

    def _prove(self, path: str) -> None:
        while (directory := self.listing.next_to_list(path)) is not None:
            self._list(directory)

    def _walk(self, top: str) -> None:
        """List a folder that was ours and what is below it; never into somebody's link, which is listed
        like what it points to, but which the tree does not name.
        """
        ours = {self.site.on_server(change.path) for change in self.changes}
        below = [top]
        while below:
            directory = below.pop()
            if not self.listing.was_listed(directory):
                self._list(directory)
            folders = (
                f"{directory}/{name}"
                for name, kind in (self.listing.contents(directory) or {}).items()
                if kind == "directory"
            )
            below += [
                folder
                for folder in folders
                if self.listing.is_shown(folder) or any(path.startswith(f"{folder}/") for path in ours)
            ]

    def _list(self, directory: str) -> None:
        self.work.check_stop()
        self.work.reporter.observing(directory)
        try:
            self.listing.learn(directory, self.work.api.files.list_directory(directory))
        except NotFound:
            self.listing.learn(directory, None)

    def _holds(self, path: str, entry: FileEntry) -> bool:
        content = self._download(path)
        return content is not None and blob_digest(content, like=entry.digest) == entry.digest

    def _download(self, path: str) -> bytes | None:
        self.work.check_stop()
        self.work.reporter.observing(path)
        try:
            return self.work.api.files.read(path)
        except NotFound:
            return None


def wsgi_content(work: SiteWork, commit: Commit) -> bytes | None:
    """What the WSGI file shall be; None when it is not ours. Raises ConfigError when it is not there."""
    if work.site.wsgi is None:
        return None
    content = work.repository.read(commit, work.site.wsgi)
    if content is None:
        raise ConfigError(
            "pythonanywhere.toml",
            [f"app.wsgi: there is no file {work.site.wsgi} in commit {commit.short}"],
            hint="The path is relative to the top of the repository, and the file has to be committed.",
        )
    return content


def _broken_wsgi(site: Site, content: bytes | None) -> str | None:
    if site.wsgi is None or content is None:
        return None
    version = site.webapp.python_version or DEFAULT_PYTHON
    ours = sys.version_info[:2]
    return guards.broken_wsgi(site.wsgi, content, site_python=version, our_python=ours)


def _without_spoilt_wsgi(manifest: Manifest, site: Site, spoilt: frozenset[str]) -> Manifest:
    """Ours, but holding something else: no digest matches it."""
    if site.wsgi_path not in spoilt:
        return manifest
    return replace(manifest, settings=replace(manifest.settings, wsgi=SPOILT))


def _entry(content: bytes, commit: Commit) -> FileEntry:
    return FileEntry(blob_digest(content, like=commit.id), len(content), "100644")


def _heads(contents: Contents, changes: tuple[Change, ...]) -> dict[str, bytes]:
    return {
        change.path: contents.head(change.path, guards.HEAD_BYTES)
        for change in changes
        if change.after is not None
        and change.after.digest != change.before
        and guards.small_enough_to_read(change.after)
    }
