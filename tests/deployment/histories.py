"""Random repositories: trees of difficult names and contents, edited from commit to commit."""

from collections.abc import Iterator
from dataclasses import dataclass
from posixpath import dirname, relpath

from hypothesis import strategies as st

from tests.builders.git import GitRepo

SOURCE = "site"
ANCHOR = f"{SOURCE}/always"
"""Without a file in it, the source would not be in the commit."""

NAMES = st.sampled_from(["a", "b c", "d", ".h", "é#?%&+", "%41", "x.md", "kept", "日本"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
CONTENTS = st.sampled_from(
    [
        b"",
        b"one\n",
        b"two\n",
        b"windows\r\nlines\r\n",
        b"mixed\r\nlines\n",
        bytes(range(256)),
        b"$Id$ $Format:%H %s$\n",
        b"long\n" * 20_000,
    ]
)
ATTRIBUTES = st.lists(
    st.sampled_from(
        [
            "* text=auto",
            "* text eol=crlf",
            "* ident",
            "* export-subst",
            "* -text",
            "*.md export-ignore",
            "d export-ignore",
            ".gitattributes export-ignore",
            "kept/** text eol=crlf",
        ]
    ),
    min_size=1,
    max_size=3,
).map(lambda lines: "".join(f"{line}\n" for line in lines).encode())
EXCLUDES = st.sampled_from([(), (), ("*.md",), ("d/",), ("/a", "b c/**", "!b c/a"), (".*",)])
KEEPS = st.sampled_from([(), (), ("kept/",), ("*.md", "/d/a")])


@dataclass(frozen=True, slots=True)
class File:
    content: bytes
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    text: str


Tree = dict[str, File | Link]


@dataclass(frozen=True, slots=True)
class Visit:
    """One deployment of one of the commits, from one of two machines."""

    commit: int
    state: str


@dataclass(frozen=True, slots=True)
class History:
    source: str
    exclude: tuple[str, ...]
    keep: tuple[str, ...]
    trees: tuple[Tree, ...]
    visits: tuple[Visit, ...]

    def commit_to(self, repo: GitRepo) -> list[str]:
        """One commit for each tree; returns their ids."""
        ids = []
        before: Tree = {}
        for number, tree in enumerate(self.trees):
            files: dict[str, bytes | str | None] = dict.fromkeys(before)
            files |= {path: entry.content for path, entry in tree.items() if isinstance(entry, File)}
            ids.append(
                repo.commit(
                    files,
                    f"Tree {number}",
                    executable={p for p, e in tree.items() if isinstance(e, File) and e.executable},
                    links={path: entry.text for path, entry in tree.items() if isinstance(entry, Link)},
                )
            )
            before = tree
        return ids


@st.composite
def histories(draw: st.DrawFn) -> History:
    source = draw(st.sampled_from(["", "", SOURCE]))
    tree: Tree = {ANCHOR: File(b"x")} if source else {}
    for _ in range(draw(st.integers(1, 8))):
        _edit(draw, tree, source)
    trees = [dict(tree)]
    for _ in range(draw(st.integers(1, 4))):
        for _ in range(draw(st.integers(1, 4))):
            _edit(draw, tree, source)
        trees.append(dict(tree))
    visit = st.builds(Visit, st.integers(0, len(trees) - 1), st.sampled_from(["here", "here", "elsewhere"]))
    return History(
        source=source,
        exclude=draw(EXCLUDES),
        keep=draw(KEEPS),
        trees=tuple(trees),
        visits=tuple(draw(st.lists(visit, min_size=2, max_size=4))),
    )


def _edit(draw: st.DrawFn, tree: Tree, source: str) -> None:
    """One change of the kind that people make, in place."""
    kind = draw(st.sampled_from(["write", "write", "write", "remove", "rename", "link", "attributes"]))
    path = draw(PATHS)
    if source and draw(st.integers(0, 4)):
        path = f"{source}/{path}"
    movable = sorted(tree.keys() - {ANCHOR})
    if kind == "write" or not movable:
        _put(tree, path, File(draw(CONTENTS), draw(st.booleans())))
    elif kind == "attributes":
        folder = draw(st.sampled_from(["", *sorted({dirname(known) for known in tree})]))
        _put(tree, f"{folder}/.gitattributes".lstrip("/"), File(draw(ATTRIBUTES)))
    elif kind == "link":
        known = draw(st.sampled_from(sorted({*movable, *filter(None, map(dirname, movable))})))
        _put(tree, path, Link(relpath(known, dirname(path) or ".")))
    else:
        moved = draw(st.sampled_from(movable))
        entry = tree.pop(moved)
        if kind == "rename":
            _put(tree, path, entry)


def _put(tree: Tree, path: str, entry: File | Link) -> None:
    """A file takes the place of a folder of its name, and of files that are folders in its path."""
    for known in [*tree]:
        if known.startswith(f"{path}/") or path.startswith(f"{known}/"):
            del tree[known]
    tree[path] = entry


def above(path: str) -> Iterator[str]:
    while path := dirname(path):
        yield path


def clash(path: str, others: set[str]) -> bool:
    """Whether the path would have to be a file and a folder at once."""
    return any(parent in others for parent in above(path)) or any(
        other.startswith(f"{path}/") for other in others
    )
