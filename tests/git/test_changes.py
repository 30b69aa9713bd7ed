"""The fast way: what git's own diff tells, and when it does not tell."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from deployer.errors import Refused
from deployer.git import Repository
from deployer.git.limits import MAX_BYTES
from deployer.model.files import Change
from deployer.model.site import FileRules
from deployer.planning.changes import compare
from tests.builders.git import GitRepo

ALL = FileRules()


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    return GitRepo(tmp_path / "repo", bare=True)


def changes(repo: GitRepo, base: str, rules: FileRules = ALL) -> tuple[Change, ...] | None:
    """From `base` to `main`, after making sure that the question may be asked."""
    with Repository(repo.path) as repository:
        assert repository.snapshot(repository.resolve(base), rules).plain
    with Repository(repo.path) as repository:
        return repository.changes(base, repository.resolve("main"), rules)


def compared(repo: GitRepo, base: str, rules: FileRules = ALL) -> tuple[Change, ...]:
    with Repository(repo.path) as repository:
        before, after = (repository.snapshot(repository.resolve(rev), rules) for rev in (base, "main"))
        return compare(before.files, after)


def test_every_kind_of_change_is_told_sorted(repo: GitRepo) -> None:
    base = repo.commit({"same": "s", "edited": "1", "gone/x": "x", "mode": "m", "file": "f", "folder/f": "f"})
    repo.commit(
        {"gone": None, "file": None, "folder": None, "edited": "22", "mode": "m", "new/ü b": "n"},
        executable={"mode"},
    )
    repo.commit({"file/now-a-folder": "f", "folder": "now a file"})
    found = changes(repo, base)
    assert found == compared(repo, base)
    assert [change.path for change in found or ()] == [
        "edited",
        "file",
        "file/now-a-folder",
        "folder",
        "folder/f",
        "gone/x",
        "mode",
        "new/ü b",
    ]


def test_nothing_changed_is_nothing(repo: GitRepo) -> None:
    base = repo.commit({"a": "a"})
    repo.commit({})
    assert changes(repo, base) == ()


def test_only_the_source_and_what_is_not_excluded_counts(repo: GitRepo) -> None:
    base = repo.commit({"web/a": "1", "web/tests/t": "1", "other": "1"})
    repo.commit({"web/a": "2", "web/tests/t": "2", "other": "2", "web/tests/more": "2"})
    rules = FileRules(source="web", exclude=("tests/",))
    assert [change.path for change in changes(repo, base, rules) or ()] == ["a"]


def test_what_archives_leave_out_is_left_out(repo: GitRepo) -> None:
    base = repo.commit({".gitattributes": "docs export-ignore\n*.psd export-ignore\n* text=auto\n", "a": "1"})
    repo.commit({"a": "2", "docs/x": "", "art/b.psd": ""}, links={"docs/link": "/away"})
    assert [change.path for change in changes(repo, base) or ()] == ["a"]


def test_attributes_of_deeper_folders_count(repo: GitRepo) -> None:
    base = repo.commit({"a/.gitattributes": "b/*.txt eol=crlf\n*.x export-ignore\n", "a/b/c": "1"})
    harmless = repo.commit({"a/b/c": "2", "a/b/d.x": ""})
    assert [change.path for change in changes(repo, base) or ()] == ["a/b/c"]
    repo.commit({"a/b/new.txt": "1\n"})
    assert changes(repo, harmless) is None


@pytest.mark.parametrize(
    ("files", "links", "submodules"),
    [
        ({".gitattributes": "* text=auto\n"}, {}, {}),
        ({"deep/er/.gitattributes": "* text=auto\n"}, {}, {}),
        ({}, {"link": "a"}, {}),
        ({"a": None}, {"a": "b"}, {}),
        ({}, {}, {"module": "1" * 40}),
        ({"crlf.txt": "1\n"}, {}, {}),
    ],
    ids=["attributes", "deeper attributes", "new link", "file to link", "submodule", "converted file"],
)
def test_the_diff_does_not_claim_to_know(
    repo: GitRepo, files: Mapping[str, str | None], links: Mapping[str, str], submodules: Mapping[str, str]
) -> None:
    base = repo.commit({".gitattributes": "crlf.* eol=crlf\n", "a": "a", "b": "b"})
    repo.commit(files, links=links, submodules=submodules)
    assert changes(repo, base) is None


def test_attributes_above_the_source_that_changed_are_noticed(repo: GitRepo) -> None:
    base = repo.commit({"site/web/a": "1\n"})
    repo.commit({"site/.gitattributes": "* eol=crlf\n"})
    assert changes(repo, base, FileRules(source="site/web")) is None


@pytest.mark.parametrize("base", ["1" * 40, "0" * 40, "not-there"])
def test_an_unknown_base_is_not_known(repo: GitRepo, base: str) -> None:
    repo.commit({"a": "1"})
    with Repository(repo.path) as repository:
        assert repository.changes(base, repository.resolve("main"), ALL) is None


def test_a_source_that_is_new_is_not_known(repo: GitRepo) -> None:
    base = repo.commit({"a": "1"})
    repo.commit({"web/a": "1"})
    with Repository(repo.path) as repository:
        assert repository.changes(base, repository.resolve("main"), FileRules(source="web")) is None


@pytest.mark.parametrize("setting", [("core.autocrlf", "true"), ("core.eol", "crlf")])
def test_settings_that_convert_are_noticed(repo: GitRepo, setting: tuple[str, str]) -> None:
    base = repo.commit({"a": "1\n"})
    repo.commit({"b": "1\n"})
    repo.git("config", *setting)
    with Repository(repo.path) as repository:
        commit = repository.resolve("main")
        assert repository.changes(base, commit, ALL) is None
        assert not repository.snapshot(commit, ALL).plain


def test_attributes_of_the_repository_are_noticed(repo: GitRepo) -> None:
    base = repo.commit({"a": "1\n"})
    repo.commit({"b": "1\n"})
    (repo.path / "info" / "attributes").write_text("c eol=crlf\n", encoding="utf-8")
    with Repository(repo.path) as repository:
        assert repository.changes(base, repository.resolve("main"), ALL) is None


def test_new_files_are_checked_as_in_a_snapshot(repo: GitRepo) -> None:
    repo.git("config", "core.compression", "0")
    repo.git("config", "fastimport.unpackLimit", "0")
    base = repo.commit({"a": "1"})
    repo.commit({"big": bytes(MAX_BYTES + 1), "tab\there": "", "latin-\udce9": ""})
    with pytest.raises(Refused) as caught:
        changes(repo, base)
    assert len(caught.value.refusals) == 3


def test_more_changes_than_a_pipe_holds_are_told(repo: GitRepo) -> None:
    """Long names in many folders: questions and answers would fill the pipes to git."""
    paths = [f"{'d' * 200}/{number:04}{'x' * 100}/{'f' * 200}" for number in range(1500)]
    base = repo.commit(dict.fromkeys(paths, "1"))
    repo.commit(dict.fromkeys(paths, "2"))
    assert len(changes(repo, base) or ()) == 1500
