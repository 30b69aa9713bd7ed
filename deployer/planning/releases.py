"""What a deployment sends for a release, and what speaks against it."""

from collections.abc import Iterator, Mapping

from deployer.model.actions import Action, SendRelease
from deployer.model.files import FileEntry
from deployer.model.manifest import Manifest
from deployer.model.plan import Note
from deployer.model.release import ReleaseList
from deployer.planning import guards
from deployer.planning.changes import SPOILT
from deployer.planning.facts import Facts

LAYOUT = ("current", "releases")
"""Names in the target that are the deployer's own."""


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
        return id_on_server(self._facts.manifest, self._wanted)

    @property
    def is_live(self) -> bool:
        live = self._facts.manifest.release
        return live is not None and self._wanted.is_in(live.id)

    @property
    def is_there(self) -> bool:
        """On the server, built or at least sent."""
        return any(self._wanted.is_in(known) for known in _there(self._facts.manifest))

    def actions(self) -> Iterator[Action]:
        if self.is_there:
            return
        facts = self._facts
        base = usable_base(facts)
        new = self._wanted.new_content(base)
        sizes = {entry.digest: entry.size for entry in self._wanted.files.values()}
        gone = sum(change.after is None for change in facts.changes)
        added = sum(change.before is None for change in facts.changes)
        yield SendRelease(
            subject=self._wanted.id,
            reason=f"since {facts.manifest.commit[:10]}" if facts.manifest.commit else "as the first release",
            files=len(self._wanted.files),
            new=added,
            changed=len(facts.changes) - added - gone,
            gone=gone,
            content_bytes=sum(sizes[digest] for digest in new),
        )

    def reload_reason(self) -> str | None:
        """Why the site has to be reloaded even if nothing was sent; None: it need not be."""
        if self.is_live:
            return None
        there = ", which is on the server: nothing is sent" if self.is_there else ""
        return f"switches to release {self.id}{there}"

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
        yield from self._in_the_way()
        if self._wanted.wsgi and self._wanted.wsgi not in self._wanted.files:
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
        manifest = self._facts.manifest
        if manifest.flat:
            reason = f"{len(manifest.flat)} files of the site as it was before its releases: "
            later = "they stay, to go back to, until another release follows this one"
            now = "those that nobody changed are removed with this switch"
            reason += later if manifest.release is None else now
            self.notes.append(Note(subject=site.target, reason=reason))

    def _in_the_way(self) -> Iterator[str]:
        """A site that had files of such names before its releases cannot have them as well."""
        if self._facts.manifest.release is not None:
            return
        for name in LAYOUT:
            if any(path == name or path.startswith(f"{name}/") for path in self._facts.manifest.flat):
                yield (
                    f"{self._facts.site.target}/{name} was shipped before, and releases need that name: "
                    "give the site another [app] target"
                )


def id_on_server(manifest: Manifest, wanted: ReleaseList) -> str:
    """The name under which it is there, where it is: another commit may have shipped the same."""
    return next((known for known in _there(manifest) if wanted.is_in(known)), wanted.id)


def usable_base(facts: Facts) -> Mapping[str, FileEntry]:
    """The files of the live release that are still what they were, as far as anybody knows."""
    if facts.manifest.release is None:
        return {}
    spoilt = {change.path for change in facts.changes if change.before == SPOILT}
    return {path: entry for path, entry in facts.manifest.files.items() if path not in spoilt}


def _there(manifest: Manifest) -> Iterator[str]:
    if manifest.release is not None:
        yield manifest.release.id
    if manifest.pending is not None and (sent := manifest.pending.release) is not None and sent.archives:
        yield sent.id
    for each in reversed(manifest.releases):
        if each.failed is None:
            yield each.id
