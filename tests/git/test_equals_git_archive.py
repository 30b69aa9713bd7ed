"""Whatever a repository holds, what is shipped is what `git archive` extracts."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from hypothesis import event, given, settings
from hypothesis import strategies as st

from deployer.git import Repository
from deployer.model.site import FileRules
from deployer.planning.changes import compare
from deployer.planning.patterns import PathPatterns
from tests.builders.git import GitRepo
from tests.git.archives import archived, is_sorted, shipped

SOURCE = "web"

NAMES = st.sampled_from(
    [
        SOURCE,
        "docs",
        "a b.txt",
        ".hidden",
        "100%.txt",
        "a#b?c.html",
        "x&y+z",
        "Größe.txt",
        "日本.bin",
        "'q\"uote\\",
        "-option",
        ":(top)x",
        "[z].css",
        "*",
        "trailing ",
        "n" * 120,
    ]
)
CONTENTS = st.sampled_from(
    [
        b"",
        b"\n",
        b"unix\nlines\n",
        b"dos\r\nlines\r\n",
        b"mixed\r\nlines\n",
        b"\0binary\n\xff\r\n",
        b"$Id$\n",
        b"$Id: stale $\n",
        b"$Format:%H %an: %s$\n",
        "Grüße, 世界\n".encode(),
        b"long line " * 8000,
    ]
)
PATTERNS = st.sampled_from(
    [
        "*",
        "*.txt",
        "docs",
        "docs/",
        "docs/**",
        "/web",
        f"{SOURCE}/docs/",
        '"a b.txt"',
        ".*",
        "**/Gr*",
        "[nx]*",
    ]
)
ATTRIBUTES = st.sampled_from(
    [
        "export-ignore",
        "-export-ignore",
        "export-subst",
        "text=auto",
        "text",
        "-text",
        "binary",
        "crlf",
        "-crlf",
        "eol=crlf",
        "eol=lf",
        "!eol",
        "ident",
        "filter=unknown",
        "working-tree-encoding=UTF-16LE",
        "diff=python",
        "ours",
    ]
)
HARMLESS = st.sampled_from(
    ["text=auto", "eol=lf", "diff=python", "binary", "-export-ignore", "export-ignore"]
)
CONFIGURATIONS = st.sampled_from(
    [(), (), (), ("core.autocrlf", "true"), ("core.autocrlf", "input"), ("core.eol", "crlf")]
)
EXCLUDES = st.sampled_from([(), (), ("*.txt",), ("docs/", "!Gr*"), (f"/{SOURCE}",)])


@dataclass(frozen=True)
class Tree:
    """One state of the repository."""

    files: Mapping[str, bytes]
    executable: frozenset[str]


@st.composite
def trees(draw: st.DrawFn, attributes: st.SearchStrategy[str] = ATTRIBUTES) -> Tree:
    paths = draw(st.lists(st.lists(NAMES, min_size=1, max_size=3).map("/".join), max_size=8, unique=True))
    files = {
        path: draw(CONTENTS)
        for path in paths
        if not any(other.startswith(f"{path}/") for other in paths if other != path)
    }
    for folder in draw(st.sets(st.sampled_from(["", f"{SOURCE}/", "docs/"]), max_size=2)):
        if folder.rstrip("/") not in files:
            lines = draw(st.lists(st.tuples(PATTERNS, attributes).map(" ".join), min_size=1, max_size=3))
            macro = [] if folder else ["[attr]ours export-ignore"]
            files[f"{folder}.gitattributes"] = "\n".join([*macro, *lines, ""]).encode()
    executable = draw(st.sets(st.sampled_from(sorted(files)))) if files else set()
    return Tree(files, frozenset(executable))


def commits(repo: GitRepo, states: list[Tree]) -> list[str]:
    made = []
    before: Mapping[str, bytes] = {}
    for state in states:
        gone = dict.fromkeys(path for path in before if path not in state.files)
        made.append(repo.commit({**gone, **state.files}, executable=state.executable))
        before = state.files
    return made


@settings(max_examples=60, deadline=None)
@given(state=trees(), configuration=CONFIGURATIONS, exclude=EXCLUDES)
def test_a_snapshot_is_what_git_archive_extracts(
    state: Tree, configuration: tuple[str, ...], exclude: tuple[str, ...]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        repo = GitRepo(Path(folder), bare=True)
        if configuration:
            repo.git("config", *configuration)
        [id_] = commits(repo, [state])
        folders = {""} | ({SOURCE} if any(path.startswith(f"{SOURCE}/") for path in state.files) else set())
        with Repository(repo.path) as repository:
            commit = repository.resolve("main")
            for source in folders:
                rules = FileRules(source=source, exclude=exclude)
                left_out = PathPatterns(exclude)
                wanted = {p: f for p, f in archived(repo, id_, source).items() if p not in left_out}
                assert shipped(repository, commit, rules) == wanted
                assert is_sorted(repository.snapshot(commit, rules))


@settings(max_examples=60, deadline=None)
@given(states=st.lists(trees(HARMLESS), min_size=2, max_size=3), exclude=EXCLUDES)
def test_changes_are_the_difference_of_two_snapshots(states: list[Tree], exclude: tuple[str, ...]) -> None:
    """Whenever the diff claims to know."""
    attributes = {path: text for path, text in states[0].files.items() if path.endswith(".gitattributes")}
    with tempfile.TemporaryDirectory() as folder:
        repo = GitRepo(Path(folder), bare=True)
        same_attributes = [Tree(_with(state.files, attributes), state.executable) for state in states]
        ids = commits(repo, same_attributes)
        rules = FileRules(exclude=exclude)
        for base, new in pairwise(ids):
            with Repository(repo.path) as repository:
                commit = repository.resolve(new)
                before = repository.snapshot(repository.resolve(base), rules)
                changes = repository.changes(base, commit, rules) if before.plain else None
                event(f"plain: {before.plain}, known: {changes is not None}")
                if changes is not None:
                    assert changes == compare(before.files, repository.snapshot(commit, rules))


def _with(files: Mapping[str, bytes], attributes: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """The same attribute files in every state: a changed one is never known from the diff."""
    others = {path: content for path, content in files.items() if not path.endswith(".gitattributes")}
    usable = {path: text for path, text in attributes.items() if path.rpartition("/")[0] not in others}
    return {**others, **usable}
