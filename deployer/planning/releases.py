"""What a deployment sends for a release, and what speaks against it."""

from collections.abc import Iterator

from deployer.model.plan import Action, Note, SendRelease
from deployer.model.release import ReleaseList
from deployer.planning import guards
from deployer.planning.facts import Facts


class ReleasePlan:
    """In the place of a plan for single files: all of them go up at once, or are there already."""

    def __init__(self, facts: Facts, wanted: ReleaseList) -> None:
        self._facts = facts
        self._wanted = wanted
        self.notes: list[Note] = []
        self.kept: frozenset[str] = frozenset()
        self.orphans = frozenset(facts.manifest.orphans)
        self.theirs: frozenset[str] = frozenset()

    @property
    def id(self) -> str:
        """The name under which it is on the server, where it is: another commit may have shipped the same."""
        return next((known for known in self._there() if self._wanted.is_in(known)), self._wanted.id)

    @property
    def is_live(self) -> bool:
        live = self._facts.manifest.release
        return live is not None and self._wanted.is_in(live.id)

    @property
    def is_there(self) -> bool:
        """On the server, built or at least sent."""
        return any(self._wanted.is_in(known) for known in self._there())

    def _there(self) -> Iterator[str]:
        manifest = self._facts.manifest
        if manifest.release is not None:
            yield manifest.release.id
        if manifest.pending is not None and (sent := manifest.pending.release) is not None and sent.archives:
            yield sent.id
        for each in reversed(manifest.releases):
            yield each.id

    def actions(self) -> Iterator[Action]:
        if self.is_there:
            return
        base = self._facts.manifest.files if self._facts.manifest.release else {}
        new = self._wanted.new_content(base)
        sizes = {entry.digest: entry.size for entry in self._wanted.files.values()}
        yield SendRelease(
            subject=self._wanted.id,
            reason=self._reason(),
            content_bytes=sum(sizes[digest] for digest in new),
        )

    def reload_reason(self) -> str | None:
        """Why the site has to be reloaded even if nothing was sent; None: it need not be."""
        if self.is_live:
            return None
        return f"switches to release {self.id}, which is on the server"

    def refusals(self) -> Iterator[str]:
        facts, rules = self._facts, self._facts.site.files
        empty = guards.empty_source(facts.shipped, facts.commit.id, rules)
        if empty and not facts.overrides.allow_empty:
            yield empty
        limit = facts.overrides.max_delete or rules.max_delete
        gone = sum(change.after is None for change in facts.changes)
        if many := guards.too_many_deletes(gone, len(facts.manifest.files), limit):
            yield many
        yield from guards.secrets(facts.changes, facts.heads, rules)
        yield from guards.lfs_pointers(facts.changes, facts.heads)
        if self._wanted.wsgi not in self._wanted.files:
            yield (
                f"{self._wanted.wsgi}, which serves a release, is not shipped: "
                "take it out of [files] exclude and [app] shared"
            )

    def decide(self) -> None:
        """Notes what a person may not expect."""
        site = self._facts.site
        if site.files.keep:
            reason = "has no meaning with releases: name what the site itself writes in [app] shared"
            self.notes.append(Note(subject=f"[files] keep = {', '.join(site.files.keep)}", reason=reason))
        if self._facts.manifest.release is None and self._facts.manifest.live is not None:
            reason = "the files of the site as it was so far stay beside its releases; delete them by hand"
            self.notes.append(Note(subject=site.target, reason=reason))

    def _reason(self) -> str:
        facts = self._facts
        total, changed = len(self._wanted.files), len(facts.changes)
        if facts.manifest.release is None:
            return f"all {total} files of {facts.commit.short}"
        return f"{changed} of {total} files changed since {(facts.manifest.commit or '')[:10]}"
