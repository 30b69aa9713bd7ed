"""What the server has at the paths that matter, by as few listings as prove it."""

from deployer.deployment.site_work import SiteWork
from deployer.errors import ApiError, ConfigError, NotFound
from deployer.model.digest import blob_digest
from deployer.model.files import Change, FileEntry
from deployer.model.manifest import Manifest
from deployer.planning.changes import IN_DOUBT, unsettled
from deployer.planning.listing import Listing, Presence
from deployer.planning.patterns import PathPatterns


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
