"""Where every shipped byte of a commit comes from: a blob, the archive, or the target of a link."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from posixpath import dirname

from git import Repo

from deployer.errors import Refused
from deployer.git.archive import archived
from deployer.git.attributes import Attributes
from deployer.git.links import Links
from deployer.git.objects import Objects
from deployer.git.tree import LINK, TreeEntry, list_tree, problem
from deployer.model.digest import blob_digest
from deployer.model.files import FileEntry, Snapshot
from deployer.model.site import FileRules
from deployer.planning.patterns import PathPatterns


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The snapshot of a commit, and the way to its bytes."""

    snapshot: Snapshot
    blobs: Mapping[str, str]
    """Path -> blob id, for files that are shipped just as they are."""
    copies: Mapping[str, str]
    """Path -> the path it is a copy of."""


def survey(repo: Repo, objects: Objects, commit: str, rules: FileRules) -> Survey:
    """Look at the whole commit. Raises Refused naming everything in it that cannot be shipped."""
    inside = f"{rules.source}/" if rules.source else ""
    excluded = PathPatterns(rules.exclude)
    leaves = [leaf for leaf in list_tree(repo, objects, commit, rules.source) if leaf.path not in excluded]
    attributes = Attributes(repo, objects, commit)
    matter = attributes.may_matter(inside + leaf.path for leaf in leaves)
    known = attributes.of(_with_folders(inside, leaves)) if matter else {}
    leaves = [leaf for leaf in leaves if not _ignored(inside + leaf.path, known)]
    problems = [text for leaf in leaves if (text := problem(leaf.path, leaf.mode, leaf.size))]
    links = Links(
        {leaf.path for leaf in leaves if leaf.mode != LINK},
        {leaf.path: _target(objects, leaf) for leaf in leaves if leaf.mode == LINK},
    )
    copies = links.copies()
    if problems or links.problems:
        raise Refused([*problems, *links.problems])
    regular = {leaf.path: leaf for leaf in leaves if leaf.mode != LINK}
    converted = [path for path in regular if attributes.converts(known.get(inside + path, {}))]
    entries = {path: FileEntry(leaf.id, leaf.size, _mode(leaf.mode)) for path, leaf in regular.items()}
    entries |= dict(_read_converted(repo, commit, inside, converted, entries))
    entries |= {path: entries[target] for path, target in copies.items()}
    ignoring = any("export-ignore" in values for values in known.values())
    return Survey(
        snapshot=Snapshot(
            commit=commit,
            files=dict(sorted(entries.items())),
            plain=not (copies or converted or ignoring),
        ),
        blobs={path: leaf.id for path, leaf in regular.items() if path not in set(converted)},
        copies=copies,
    )


def _with_folders(inside: str, leaves: list[TreeEntry]) -> Iterator[str]:
    folders = set()
    for leaf in leaves:
        path = folder = inside + leaf.path
        while (folder := dirname(folder)) and folder not in folders:
            folders.add(folder)
        yield path
    yield from (f"{folder}/" for folder in sorted(folders))


def _ignored(path: str, known: Mapping[str, Mapping[str, str]]) -> bool:
    """A folder that is left out takes everything below with it."""
    if "export-ignore" in known.get(path, {}):
        return True
    while path := dirname(path):
        if "export-ignore" in known.get(f"{path}/", {}):
            return True
    return False


def _target(objects: Objects, link: TreeEntry) -> str:
    return objects.read(link.id).decode("utf-8", "surrogateescape")


def _mode(mode: str) -> str:
    """Old repositories have modes like 100664; git archive knows only executable or not."""
    return "100755" if int(mode, 8) & 0o100 else "100644"


def _read_converted(
    repo: Repo, commit: str, inside: str, paths: list[str], entries: Mapping[str, FileEntry]
) -> Iterator[tuple[str, FileEntry]]:
    for name, stream in archived(repo, commit, [inside + path for path in paths]):
        path, content = name.removeprefix(inside), stream.read()
        before = entries[path]
        yield path, FileEntry(blob_digest(content, like=before.digest), len(content), before.mode)
