"""What happens to each path: the decision table of files.

Recorded against wanted against what the listings prove; every branch is one situation.
"""

from collections.abc import Iterator
from posixpath import dirname

from deployer.model.actions import Action, CreateFile, DeleteFile, RemoveEmptyDirectory, UpdateFile
from deployer.model.files import Change, FileEntry
from deployer.model.plan import Note
from deployer.planning import guards
from deployer.planning.changes import IN_DOUBT, SPOILT
from deployer.planning.facts import Facts
from deployer.planning.listing import Presence
from deployer.planning.patterns import PathPatterns

NEVER_PRUNED = PathPatterns(("__pycache__/",))
"""What the site's own Python writes beside our files; a mirror that fought it would never be in sync."""


class FilePlan:
    """Sorts every change into one of the lists below."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.site = facts.site
        self.keep = PathPatterns(facts.site.files.keep)
        self.making_room: list[Action] = []
        self.creates: list[CreateFile] = []
        self.updates: list[UpdateFile] = []
        self.deletes: list[DeleteFile] = []
        self.notes: list[Note] = []
        self.in_the_way: list[str] = []
        self.kept: set[str] = set()
        """Changes that are not carried out: what is recorded of these paths stays recorded."""
        self.orphans = set(facts.manifest.orphans)
        self.theirs = set(facts.manifest.theirs)
        self.leaving = (
            set()
            if facts.site.files.prune == "never"
            else {c.path for c in facts.changes if c.after is None and c.path not in self.keep}
        )

    def decide(self) -> None:
        for change in self.facts.changes:
            self.orphans.discard(change.path)
            self.theirs.discard(change.path)
            if change.path in self.keep:
                self._kept(change)
            elif change.after is None:
                self._gone(change)
            else:
                self._wanted(change, change.after)
        self._prune()
        self._make_room_for_directories()

    def actions(self) -> Iterator[Action]:
        yield from self.making_room
        yield from self.creates
        yield from self.updates
        yield from self.deletes

    def refusals(self) -> Iterator[str]:
        facts, rules = self.facts, self.site.files
        yield from guards.outside_target(change.path for change in facts.changes)
        empty = guards.empty_source(facts.shipped, facts.commit.id, rules)
        if empty and not facts.overrides.allow_empty:
            yield empty
        limit = facts.overrides.max_delete or rules.max_delete
        deletes = len(self.deletes) + sum(isinstance(action, DeleteFile) for action in self.making_room)
        if many := guards.too_many_deletes(deletes, len(facts.manifest.files), limit):
            yield many
        yield from guards.secrets(facts.changes, facts.heads, rules)
        yield from guards.lfs_pointers(facts.changes, facts.heads)
        yield from self._in_the_way()

    def _kept(self, change: Change) -> None:
        """A kept path is given to a site that has nothing there, and then never touched again."""
        path = self.site.on_server(change.path)
        missing = self.facts.listing.presence(path) is Presence.ABSENT
        not_given = change.before in (None, IN_DOUBT)
        if change.after is not None and not_given and missing and not self._file_above(path):
            self._create(change, change.after, "keep: given once, the site's own from then on")
        else:
            self.kept.add(change.path)
            if change.after is not None and change.path not in self.facts.manifest.files:
                self.theirs.add(change.path)
            self.notes.append(Note(subject=path, reason="keep: left as it is on the server"))

    def _gone(self, change: Change) -> None:
        path = self.site.on_server(change.path)
        if self.site.files.prune == "never":
            self.orphans.add(change.path)
            self.notes.append(Note(subject=path, reason='no longer shipped, left there (prune = "never")'))
        elif (there := self.facts.listing.presence(path)) is Presence.DIRECTORY:
            self.notes.append(Note(subject=path, reason="no longer shipped; a directory now, left alone"))
        elif there is not Presence.ABSENT:
            self.deletes.append(DeleteFile(subject=path, reason=f"gone in {self.facts.commit.short}"))

    def _wanted(self, change: Change, entry: FileEntry) -> None:
        path = self.site.on_server(change.path)
        there = self.facts.listing.presence(path)
        if there is Presence.DIRECTORY:
            self._make_room_for_file(change, entry)
        elif change.before is None:
            self._new(change, entry, there)
        elif change.before == IN_DOUBT:
            self._update(change, entry, "a deployment was cut off here, its content is not known")
        elif change.before == SPOILT:
            self._update(change, entry, "was found with other content than what was shipped")
        elif change.before != entry.digest:
            base = (self.facts.manifest.commit or "")[:10]
            self._update(change, entry, f"changed since {base}" if base else "changed")

    def _new(self, change: Change, entry: FileEntry, there: Presence) -> None:
        path = self.site.on_server(change.path)
        if blocking := self._file_above(path):
            self.in_the_way.append(blocking)
        elif there is Presence.ABSENT:
            missing = change.path in self.facts.manifest.files
            self._create(
                change, entry, "missing on the server" if missing else f"new in {self.facts.commit.short}"
            )
        elif change.path in self.facts.manifest.files:
            pass  # the tree did not show it, its own folder's listing does: it never went
        elif change.path in self.facts.manifest.orphans:
            self._update(change, entry, "shipped again, it was left behind before")
        elif change.path in self.facts.identical:
            self.notes.append(Note(subject=path, reason="was there already with this content; ours now"))
        elif self.facts.overrides.overwrite:
            self._update(change, entry, "replaces a file that was not shipped (--overwrite)")
        else:
            self.in_the_way.append(path)

    def _create(self, change: Change, entry: FileEntry, reason: str) -> None:
        subject = self.site.on_server(change.path)
        self.creates.append(CreateFile(subject=subject, path=change.path, entry=entry, reason=reason))

    def _update(self, change: Change, entry: FileEntry, reason: str) -> None:
        subject = self.site.on_server(change.path)
        self.updates.append(UpdateFile(subject=subject, path=change.path, entry=entry, reason=reason))

    def _make_room_for_file(self, change: Change, entry: FileEntry) -> None:
        """A directory became a file: it can go when nothing of anybody else's is in it.

        That it may be empty is our own doing: the platform keeps a directory whose last file went.
        """
        top = self.site.on_server(change.path)
        below = f"{top}/"
        listing = self.facts.listing
        files = [path for path in listing.files() if path.startswith(below)]
        foreign = [path for path in files if path.removeprefix(f"{self.site.target}/") not in self.leaving]
        foreign += [
            path for path in listing.directories() if path.startswith(below) and not listing.was_listed(path)
        ]
        if foreign:
            self.in_the_way.extend(foreign)
            return
        directories = [path for path in listing.directories() if path.startswith(below)]
        reason = f"{change.path} becomes a file in {self.facts.commit.short}"
        self.making_room += [DeleteFile(subject=path, reason=reason) for path in sorted(files)]
        self.making_room += [
            RemoveEmptyDirectory(subject=path, reason=reason)
            for path in sorted((*directories, top), key=lambda path: (-path.count("/"), path))
        ]
        self._create(change, entry, reason)

    def _file_above(self, path: str) -> str | None:
        """Somebody's file where a directory is needed; one of ours goes away first."""
        return next(
            (
                parent
                for parent in _parents(path, self.site.target)
                if self.facts.listing.presence(parent) is Presence.FILE
                and parent.removeprefix(f"{self.site.target}/") not in self.leaving
            ),
            None,
        )

    def _make_room_for_directories(self) -> None:
        """A file of ours became a directory: the file goes before anything is put below its name."""
        cleared = {action.subject for action in self.making_room if isinstance(action, DeleteFile)}
        sent = (*self.creates, *self.updates)  # an update may be the second try of a create
        parents = {parent for upload in sent for parent in _parents(upload.subject, self.site.target)}
        first = [delete for delete in self.deletes if delete.subject in parents]
        self.making_room += first
        self.deletes = [d for d in self.deletes if d.subject not in parents and d.subject not in cleared]

    def _prune(self) -> None:
        rules = self.site.files
        if rules.prune == "never":
            return
        for path in sorted(self.orphans):
            if path not in self.keep:
                subject = self.site.on_server(path)
                if self.facts.listing.presence(subject) is Presence.FILE:
                    self.deletes.append(DeleteFile(subject=subject, reason="left behind by an earlier prune"))
        self.orphans.clear()
        if rules.prune == "all":
            self._mirror()

    def _mirror(self) -> None:
        """Give up what the commit does not ship, as far as it is certain that no link leads out to it."""
        extra = [p for p in self._unshipped() if p not in self.keep and p not in NEVER_PRUNED]
        if extra and self.facts.tree_shows_hidden:
            reason = 'left: this platform lists links like folders, and prune = "all" must not follow one'
            self.notes += [Note(subject=self.site.on_server(path), reason=reason) for path in extra]
            return
        self.deletes += [
            DeleteFile(subject=self.site.on_server(path), reason='not in the commit (prune = "all")')
            for path in extra
        ]

    def _unshipped(self) -> list[str]:
        """Paths that the tree names, that the commit does not ship and that no change accounts for."""
        changed = {change.path for change in self.facts.changes}
        shown = (path.removeprefix(f"{self.site.target}/") for path in self.facts.listing.shown_files())
        return sorted(path for path in shown if path not in changed and path not in self.facts.manifest.files)

    def _in_the_way(self) -> Iterator[str]:
        if self.in_the_way:
            count = "1 path" if len(self.in_the_way) == 1 else f"{len(self.in_the_way)} paths"
            yield (
                f"{count} on the server would be overwritten that deployer did not ship: "
                f"{guards.named(self.in_the_way)}. Move them away, name them in [files] keep, "
                "or pass --overwrite"
            )


def _parents(path: str, root: str) -> Iterator[str]:
    while len(path := dirname(path)) > len(root):
        yield path
