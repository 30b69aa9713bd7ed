"""Opening repositories, naming commits, reading single files."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from deployer.errors import UsageError
from deployer.git import Repository
from deployer.model.site import FileRules
from tests.builders.git import GitRepo


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    made = GitRepo(tmp_path / "repo")
    made.commit({"folder/a.txt": "a", "b.txt": "b"}, "First")
    made.commit({"b.txt": "more"}, "Second: a subject\nwith two lines\n\nand a body")
    return made


def _bare(repo: GitRepo) -> Path:
    path = repo.path.parent / "bare.git"
    repo.git("clone", "--quiet", "--bare", ".", str(path))
    return path


def _linked(repo: GitRepo) -> Path:
    path = repo.path.parent / "linked"
    repo.git("worktree", "add", "--quiet", "--detach", str(path), "HEAD")
    return path


@pytest.mark.parametrize(
    "place",
    [lambda repo: repo.path, lambda repo: repo.path / "folder", _bare, _linked],
    ids=["work tree", "folder in it", "bare", "linked work tree"],
)
def test_every_kind_of_repository_opens(repo: GitRepo, place: Callable[[GitRepo], Path]) -> None:
    with Repository(place(repo)) as repository:
        commit = repository.resolve("HEAD")
        assert commit.id == repo.git("rev-parse", "HEAD")
        assert list(repository.snapshot(commit, FileRules()).files) == ["b.txt", "folder/a.txt"]


def test_the_root_is_the_top_of_the_work_tree(repo: GitRepo) -> None:
    with Repository(repo.path / "folder") as repository:
        assert repository.root == repo.path


def test_no_repository_is_a_usage_error_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no git repository at") as caught:
        Repository(tmp_path)
    assert "git init" in caught.value.hint


def test_a_missing_folder_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        Repository(tmp_path / "nowhere")


def test_a_hook_s_own_environment_does_not_mislead(
    repo: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git runs hooks with GIT_DIR set, and the site's repository may be another one."""
    other = GitRepo(tmp_path / "other", bare=True)
    monkeypatch.setenv("GIT_DIR", str(other.path))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other.path / "index"))
    with Repository(repo.path) as repository:
        assert repository.resolve("main").subject.startswith("Second")


@pytest.mark.parametrize("attributes", ["", "*.txt eol=crlf\n"], ids=["plain", "converted"])
def test_a_replacement_of_this_clone_is_not_shipped(repo: GitRepo, attributes: str) -> None:
    """Neither in place of a file nor of a commit, by whichever way the bytes are read."""
    named = repo.commit({".gitattributes": attributes, "b.txt": "as committed\n"})
    other = repo.commit({"b.txt": "something else\n"}, "Another")
    end = "\r\n" if attributes else "\n"
    repo.git("replace", f"{named}:b.txt", f"{other}:b.txt")
    repo.git("replace", named, other)
    with Repository(repo.path) as repository:
        commit = repository.resolve(named)
        snapshot = repository.snapshot(commit, FileRules())
        with repository.contents(commit, FileRules()).open("b.txt") as file:
            assert file.read() == f"as committed{end}".encode()
        assert repository.read(commit, "b.txt") == f"as committed{end}".encode()
        assert snapshot.files["b.txt"].size == len(f"as committed{end}")
        assert commit.subject == "A change"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_repository_of_another_user_is_read(repo: GitRepo) -> None:
    bare = _bare(repo)
    subprocess.run(["chown", "-R", "12345", str(bare)], check=True)
    refused = subprocess.run(["git", "log"], cwd=bare, capture_output=True, text=True, check=False)
    assert "dubious ownership" in refused.stderr
    with Repository(bare) as repository:
        assert repository.resolve("main").author == "Ada Author"


def test_a_commit_is_resolved_with_what_people_want_to_know(repo: GitRepo) -> None:
    with Repository(repo.path) as repository:
        commit = repository.resolve("main")
    assert commit.author == "Ada Author"
    assert commit.subject == "Second: a subject with two lines"
    assert commit.committed_at == "2026-01-01T00:00:01+00:00"


@pytest.mark.parametrize("packed", [False, True])
def test_branches_tags_and_ids_are_resolved(repo: GitRepo, packed: bool) -> None:
    first = repo.git("rev-parse", "HEAD~1")
    repo.git("branch", "topic/one", first)
    repo.git("tag", "light", first)
    repo.git("tag", "--annotate", "--message", "one", "heavy", first)
    repo.git("tag", "--annotate", "--message", "two", "tag-of-a-tag", "heavy")
    if packed:
        repo.git("pack-refs", "--all")
    with Repository(repo.path) as repository:
        for rev in (
            "topic/one",
            "light",
            "heavy",
            "tag-of-a-tag",
            first,
            first[:8],
            "HEAD~1",
            "HEAD^{/First}",
        ):
            assert repository.resolve(rev).id == first


def test_a_push_is_seen_by_a_repository_that_is_open(repo: GitRepo) -> None:
    with Repository(repo.path) as repository:
        repository.resolve("main")
        pushed = repo.commit({"c": "new"})
        repo.git("gc", "--quiet")
        assert repository.resolve("main").id == pushed


@pytest.mark.parametrize("rev", ["nope", "--all", "", "main\nmain", "main:b.txt", "HEAD~99", "a..b"])
def test_what_is_no_commit_is_named(repo: GitRepo, rev: str) -> None:
    with Repository(repo.path) as repository:
        with pytest.raises(UsageError) as caught:
            repository.resolve(rev)
        assert repr(rev) in caught.value.message
        assert repository.resolve("main").id == repo.git("rev-parse", "main")


def test_a_near_branch_is_suggested(repo: GitRepo) -> None:
    repo.git("branch", "production")
    with Repository(repo.path) as repository, pytest.raises(UsageError) as caught:
        repository.resolve("prodution")
    assert "production" in caught.value.hint
    assert "main" not in caught.value.hint


def test_a_repository_without_commits_says_so(tmp_path: Path) -> None:
    with Repository(GitRepo(tmp_path).path) as repository, pytest.raises(UsageError, match="no commit yet"):
        repository.resolve("HEAD")


def test_a_new_branch_without_commits_says_so(repo: GitRepo) -> None:
    repo.git("symbolic-ref", "HEAD", "refs/heads/fresh")
    with Repository(repo.path) as repository, pytest.raises(UsageError, match="no commit yet"):
        repository.resolve("HEAD")


def test_a_file_is_read_as_it_is_archived(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    repo.commit(
        {
            ".gitattributes": "*.txt eol=crlf\nversion export-subst\nsite.toml export-ignore\n",
            "site.toml": "a\n",
            "version": "$Format:%H$\n",
            "dir/x.txt": "1\n2\n",
            "plain": "1\n2\n",
        },
        links={"link": "dir/x.txt", "folder": "dir", "out": "../plain", "loop": "loop"},
    )
    with Repository(tmp_path) as repository:
        commit = repository.resolve("main")
        read = {
            path: repository.read(commit, path)
            for path in ("version", "dir/x.txt", "plain", "link", "folder/x.txt", "site.toml")
        }
        assert read == {
            "version": commit.id.encode() + b"\n",
            "dir/x.txt": b"1\r\n2\r\n",
            "plain": b"1\n2\n",
            "link": b"1\r\n2\r\n",
            "folder/x.txt": b"1\r\n2\r\n",
            "site.toml": b"a\n",
        }
        for path in ("dir", "folder", "missing", "plain/x", "", "out", "loop", "dir/"):
            assert repository.read(commit, path) is None


def test_a_file_is_found_by_its_plain_path_in_any_folder_and_any_kind_of_repository(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True, object_format="sha256")
    repo.commit({"a/x": "1", "y": "2", "a b/\xfc/z": "3"})
    with Repository(tmp_path) as repository:
        commit = repository.resolve("main")
        found = [repository.read(commit, path) for path in ("a/x", "y", "./y", "a b/\xfc/z")]
        missing = [repository.read(commit, path) for path in ("../y", "y/z", "a b/\xfc", ":y", "*")]
    assert found == [b"1", b"2", b"2", b"3"]
    assert missing == [None] * 5


def test_files_for_a_first_look_are_tracked_or_new(repo: GitRepo) -> None:
    (repo.path / ".gitignore").write_text("*.log\n", encoding="utf-8")
    (repo.path / "new.py").write_text("", encoding="utf-8")
    (repo.path / "x.log").write_text("", encoding="utf-8")
    (repo.path / "b.txt").unlink()
    with Repository(repo.path) as repository:
        assert repository.tracked_and_new() == (".gitignore", "folder/a.txt", "new.py")


def test_a_bare_repository_has_no_files_to_look_at(repo: GitRepo) -> None:
    with Repository(_bare(repo)) as repository, pytest.raises(UsageError, match="bare"):
        repository.tracked_and_new()


def test_nothing_in_the_repository_is_written(repo: GitRepo) -> None:
    """Not even its index, with attributes and settings that make git write more."""
    repo.commit({".gitattributes": "*.txt eol=crlf\n"})
    repo.git("config", "core.splitIndex", "true")
    repo.git("config", "core.untrackedCache", "true")
    before = _times(repo.path)
    with Repository(repo.path) as repository:
        commit = repository.resolve("main")
        repository.snapshot(commit, FileRules())
        repository.changes(repo.git("rev-parse", "main~1"), commit, FileRules())
        repository.read(commit, "b.txt")
        repository.tracked_and_new()
    assert _times(repo.path) == before


def test_closing_ends_every_process(repo: GitRepo) -> None:
    others = set(_children())
    with Repository(repo.path) as repository:
        commit = repository.resolve("main")
        with repository.contents(commit, FileRules()).open("b.txt") as file:
            assert file.read() == b"more"
        assert set(_children()) - others
    assert not set(_children()) - others


def _times(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


def _children() -> list[str]:
    tasks = Path("/proc/self/task").glob("*/children")
    return [child for task in tasks for child in task.read_text(encoding="ascii").split()]
