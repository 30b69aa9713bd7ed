"""What one commit ships under one set of rules."""

from collections.abc import Iterable, Iterator, Mapping
from posixpath import basename

from deployer.errors import Refused, UsageError
from deployer.git.archived import Archived
from deployer.git.attributes import ATTRIBUTES_FILE, Attributes, Treatment
from deployer.git.limits import path_problem, size_problem
from deployer.git.links import Dangling, Links, Unfollowable
from deployer.git.objects import Objects
from deployer.git.process import Git
from deployer.git.tree import (
    FOLDER,
    LINK,
    SUBMODULE,
    TreeChange,
    TreeEntry,
    file_mode,
    folders,
    parse_changes,
    parse_tree,
)
from deployer.model.files import Change, FileEntry, Snapshot
from deployer.model.site import FileRules
from deployer.planning.patterns import PathPatterns


class Shipment:
    """Paths are relative to the source, except those called full: they are relative to the repository."""

    def __init__(
        self,
        git: Git,
        objects: Objects,
        attributes: Attributes,
        archived: Archived,
        *,
        commit: str,
        rules: FileRules,
    ) -> None:
        self._git = git
        self._objects = objects
        self._attributes = attributes
        self._archived = archived
        self._commit = commit
        self._source = rules.source
        self._prefix = f"{rules.source}/" if rules.source else ""
        self._exclude = PathPatterns(rules.exclude)
        self._keeps_links = rules.links == "keep"
        self._snapshot: Snapshot | None = None
        self._changed: dict[str, FileEntry] = {}
        self._converted: dict[str, str] = {}

    def snapshot(self) -> Snapshot:
        """Everything that is shipped.

        Raises Refused naming all that cannot be, UsageError when the source is no folder of the commit.
        """
        if self._snapshot is None:
            self._snapshot = self._take_snapshot()
        return self._snapshot

    def changes(self, base: str) -> tuple[Change, ...] | None:
        """What differs from a commit whose snapshot was plain, at the cost of what differs.

        None when the diff of the two trees does not tell. Raises Refused as `snapshot` does, for what
        is new.
        """
        if self._attributes.local.matter:
            return None
        new, old = self._objects.infos([f"{self._commit}:{self._source}", f"{base}:{self._source}"])
        if new is None or old is None or {new.type, old.type} != {"tree"}:
            return None
        above = self._attribute_files_above(self._commit)
        if above != self._attribute_files_above(base):
            return None
        differing = self._differing(old.id, new.id) if old != new else []
        if any(basename(change.path) == ATTRIBUTES_FILE for change in differing):
            return None
        beside = {self._prefix + ATTRIBUTES_FILE: f"{new.id}:{ATTRIBUTES_FILE}"} | {
            f"{self._prefix}{change.path}/{ATTRIBUTES_FILE}": f"{change.new_id}:{ATTRIBUTES_FILE}"
            for change in differing
            if change.new_mode == FOLDER
        }
        return self._as_changes(differing, above | self._blob_ids(beside))

    def entry(self, path: str) -> FileEntry:
        """One shipped file. Costs a snapshot, unless `changes` has named the path. KeyError: not shipped."""
        return self._changed.get(path) or self.snapshot().files[path]

    def archived_as(self, path: str) -> str | None:
        """The full path under which the bytes of a shipped file are archived; None: its blob is they."""
        return self._converted.get(path)

    def _take_snapshot(self) -> Snapshot:
        entries = self._entries()
        treatment = self._treatment_of_all(entries)
        kept = {
            path: entry
            for path, entry in entries.items()
            if path not in self._exclude and not treatment.ignores(self._full(path, entry.mode))
        }
        links = {
            path: self._objects.read(entry.id).decode("utf-8", "surrogateescape")
            for path, entry in kept.items()
            if entry.mode == LINK
        }
        blobs = {path: entry for path, entry in kept.items() if entry.mode not in (LINK, SUBMODULE)}
        self._converted = {
            path: full for path in blobs if (full := self._prefix + path) in treatment.converted
        }
        plain = not links and not self._converted and not self._attributes.local.matter
        files = self._as_archived(blobs)
        problems = [
            f"{path}: a submodule's files are not in the repository; exclude it, or commit the files"
            for path, entry in kept.items()
            if entry.mode == SUBMODULE
        ]
        problems += _leading_out(files, links) if self._keeps_links else self._copy_for_links(files, links)
        problems += _problems(files.items())
        if problems:
            raise Refused(sorted(problems))
        return Snapshot(
            commit=self._commit,
            files=dict(sorted(files.items())),
            links=dict(sorted(links.items())) if self._keeps_links else {},
            plain=plain,
        )

    def _entries(self) -> dict[str, TreeEntry]:
        source = self._objects.info(f"{self._commit}:{self._source}")
        if source is None or source.type != "tree":
            what = "is not a folder" if source else "does not exist"
            raise UsageError(
                f"{self._source}, the folder to be shipped, {what} in commit {self._commit[:10]}",
                hint="app.source in pythonanywhere.toml has to name a folder of the repository.",
            )
        return parse_tree(self._git.run("ls_tree", "-r", "-z", "-l", "--full-tree", source.id))

    def _treatment_of_all(self, entries: Mapping[str, TreeEntry]) -> Treatment:
        attribute_files = self._attribute_files_above(self._commit) | {
            self._prefix + path: entry.id
            for path, entry in entries.items()
            if basename(path) == ATTRIBUTES_FILE
        }
        full = [self._full(path, entry.mode) for path, entry in entries.items()]
        return self._attributes.treatment(attribute_files, full)

    def _as_archived(self, blobs: Mapping[str, TreeEntry]) -> dict[str, FileEntry]:
        """Only what may be converted is read."""
        self._archived.load(self._converted.values(), within=self._source)
        files = {}
        for path, entry in blobs.items():
            mode = file_mode(entry.mode)
            if (full := self._converted.get(path)) is None:
                files[path] = FileEntry(entry.id, entry.size, mode)
            else:
                files[path] = FileEntry(self._archived.digest(full), self._archived.size(full), mode)
        return files

    def _copy_for_links(self, files: dict[str, FileEntry], links: Mapping[str, str]) -> list[str]:
        """Add to `files` what the links stand for; returns the problems of those that stand for nothing."""
        if not links:
            return []
        problems = []
        shipped = Links(tuple(files), links)
        for link in links:
            try:
                for copy, original in shipped.copies(link):
                    if copy in self._exclude:
                        continue
                    files[copy] = files[original]
                    if original in self._converted:
                        self._converted[copy] = self._converted[original]
            except Unfollowable as error:
                problems.append(f"{link}: the link {error}; replace it by what it stands for, or exclude it")
        return problems

    def _differing(self, old: str, new: str) -> list[TreeChange]:
        """Folders included: their ids are the shortest way to the attribute files beside what differs."""
        printed = self._git.run(
            "diff_tree", "-r", "-t", "-z", "--raw", "--no-renames", "--ignore-submodules=none", old, new
        )
        return list(parse_changes(printed))

    def _as_changes(
        self, differing: Iterable[TreeChange], attribute_files: Mapping[str, str]
    ) -> tuple[Change, ...] | None:
        chosen = [
            change
            for change in differing
            if FOLDER not in (change.old_mode, change.new_mode) and change.path not in self._exclude
        ]
        full = [self._full(change.path, change.new_mode) for change in chosen]
        treatment = self._attributes.treatment(attribute_files, full)
        kept = [change for change, path in zip(chosen, full, strict=True) if not treatment.ignores(path)]
        if any({LINK, SUBMODULE} & {change.old_mode, change.new_mode} for change in kept):
            return None
        if any(self._prefix + change.path in treatment.converted for change in kept if change.is_there):
            return None
        self._changed = self._sized([change for change in kept if change.is_there])
        if problems := list(_problems(self._changed.items())):
            raise Refused(sorted(problems))
        return tuple(
            sorted(Change(change.path, change.before, self._changed.get(change.path)) for change in kept)
        )

    def _sized(self, changes: list[TreeChange]) -> dict[str, FileEntry]:
        infos = self._objects.infos([change.new_id for change in changes])
        files = {}
        for change, info in zip(changes, infos, strict=True):
            if info is None:
                raise UsageError(f"{change.path}: its content {change.new_id} is not in the repository")
            files[change.path] = FileEntry(info.id, info.size, file_mode(change.new_mode))
        return files

    def _attribute_files_above(self, commit: str) -> dict[str, str]:
        """Those that speak of the source from outside of it: full path -> blob id."""
        above = ["", *folders(self._source)] if self._source else []
        return self._blob_ids(
            {folder + ATTRIBUTES_FILE: f"{commit}:{folder}{ATTRIBUTES_FILE}" for folder in above}
        )

    def _blob_ids(self, names: Mapping[str, str]) -> dict[str, str]:
        """Full path -> blob id, for those of the named objects that are there."""
        infos = self._objects.infos([*names.values()])
        return {path: info.id for path, info in zip(names, infos, strict=True) if info is not None}

    def _full(self, path: str, mode: str) -> str:
        """As `git archive` asks for attributes: a submodule is a folder."""
        return f"{self._prefix}{path}/" if mode == SUBMODULE else self._prefix + path


def _leading_out(files: Mapping[str, FileEntry], links: Mapping[str, str]) -> list[str]:
    """The problems of links that are shipped as they are: they may lead to nothing, but not elsewhere."""
    problems = [problem for path in links if (problem := path_problem(path)) is not None]
    shipped = Links(tuple(files), links)
    for link in links:
        try:
            shipped.resolve(link)
        except Dangling:
            continue  # to what the site itself writes, as a rule
        except Unfollowable as error:
            problems.append(f"{link}: the link {error}; replace it by what it stands for, or exclude it")
    return problems


def _problems(files: Iterable[tuple[str, FileEntry]]) -> Iterator[str]:
    for path, entry in files:
        if (problem := path_problem(path) or size_problem(path, entry.size)) is not None:
            yield problem
