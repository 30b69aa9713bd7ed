"""PathPatterns answers as git itself would."""

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from deployer.planning.patterns import PathPatterns
from tests.builders.git import GitRepo

PATHS = (
    "media/a.png",
    "shop/media/b.png",
    "media.txt",
    "readme.md",
    "docs/keep.md",
    "docs/api/deep/index.html",
    "build/out.js",
    "src/build/out.js",
    "a b/c#d.txt",
    "Größe.txt",
    ".env",
    "x.log",
)


@pytest.mark.parametrize(
    "patterns",
    [
        ("media/",),
        ("*.md", "!docs/keep.md"),
        ("!readme.md", "*.md"),
        ("/build/",),
        ("build",),
        ("docs/**/index.html",),
        ("**/media/*.png",),
        ("a b/", "# a comment", ""),
        ("Größe.*",),
        ("docs/", "!docs/keep.md"),
        ("docs", "!docs/keep.md"),
        ("docs/*", "!docs/keep.md"),
        (".*",),
        ("*", "!*.log"),
        ("\\#d.txt", "x.l?g"),
    ],
)
def test_matches_what_git_ignores(tmp_path: Path, patterns: tuple[str, ...]) -> None:
    """`git check-ignore` is the judge."""
    assert _matched(patterns) == _ignored_by_git(tmp_path, patterns)


def test_a_folder_pattern_names_everything_below_any_folder_of_that_name() -> None:
    assert _matched(("media/",)) == {"media/a.png", "shop/media/b.png"}


def test_no_pattern_names_nothing() -> None:
    assert _matched(()) == set()


@pytest.mark.parametrize("bad", ["!", "trailing\\", "[z-a]"])
def test_a_bad_pattern_is_named(bad: str) -> None:
    with pytest.raises(ValueError) as caught:
        PathPatterns(("*.md", bad))
    assert repr(bad) in str(caught.value)


def test_a_hundred_thousand_paths_are_asked_in_a_moment() -> None:
    patterns = PathPatterns(("tests/", "*.md", "!keep.md", "docs/**/drafts"))
    paths = [f"folder{number % 97}/inner{number % 7}/file{number}.py" for number in range(100_000)]
    started = time.perf_counter()
    assert not any(path in patterns for path in paths)
    assert time.perf_counter() - started < 5


def _matched(patterns: Sequence[str]) -> set[str]:
    compiled = PathPatterns(patterns)
    return {path for path in PATHS if path in compiled}


def _ignored_by_git(folder: Path, patterns: Sequence[str]) -> set[str]:
    repo = GitRepo(folder / "repo")
    (repo.path / ".gitignore").write_text("\n".join(patterns), encoding="utf-8")
    asked = subprocess.run(
        ["git", "check-ignore", "--no-index", "-z", "--stdin"],
        cwd=repo.path,
        input="\0".join(PATHS).encode(),
        stdout=subprocess.PIPE,
        check=False,
    )
    assert asked.returncode in (0, 1)
    return {path.decode() for path in asked.stdout.split(b"\0") if path}
