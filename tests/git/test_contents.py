"""The bytes of what is shipped."""

import resource
import tempfile
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deployer.errors import UsageError
from deployer.git import Repository
from deployer.model.site import FileRules
from tests.builders.git import GitRepo

ALL = FileRules()
BIG = 32 * 1024 * 1024


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    made = GitRepo(tmp_path / "repo", bare=True)
    made.git("config", "core.compression", "0")
    return made


def test_files_are_opened_at_their_start_and_can_be_read_again(repo: GitRepo) -> None:
    """An upload whose answer was lost is sent once more."""
    repo.commit({"a.txt": "content"})
    with (
        Repository(repo.path) as repository,
        repository.contents(repository.resolve("main"), ALL).open("a.txt") as file,
    ):
        assert [file.read(3), file.read(), file.read()] == [b"con", b"tent", b""]
        file.seek(0)
        assert file.read() == b"content"


def test_a_file_given_up_in_the_middle_harms_no_other(repo: GitRepo) -> None:
    repo.commit({"big": bytes(BIG), "small": "s"})
    with Repository(repo.path) as repository:
        contents = repository.contents(repository.resolve("main"), ALL)
        with contents.open("big") as file:
            assert file.read(10) == bytes(10)
        assert contents.head("big", 3) == bytes(3)
        with contents.open("small") as file, contents.open("big") as other:
            assert file.read() == b"s"
            assert other.seek(0, 2) == BIG


@pytest.mark.parametrize("attributes", ["", "* filter=identity\n"], ids=["plain", "converted"])
def test_a_big_file_is_never_whole_in_memory(repo: GitRepo, attributes: str) -> None:
    repo.git("config", "filter.identity.smudge", "cat")
    repo.commit({"big": bytes(BIG), ".gitattributes": attributes})
    with Repository(repo.path) as repository:
        contents = repository.contents(repository.resolve("main"), ALL)
        tracemalloc.start()
        with contents.open("big") as file:
            assert sum(iter(lambda: len(file.read(1 << 20)), 0)) == BIG
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < BIG / 4


def test_the_head_is_no_longer_than_asked(repo: GitRepo) -> None:
    repo.commit({".gitattributes": "*.txt eol=crlf\n", "a.txt": "1\n2\n", "b": "abc", "empty": ""})
    with Repository(repo.path) as repository:
        contents = repository.contents(repository.resolve("main"), ALL)
        assert contents.head("a.txt", 4) == b"1\r\n2"
        assert contents.head("b", 2) == b"ab"
        assert contents.head("b") == b"abc"
        assert contents.head("empty") == b""


def test_contents_are_there_without_a_snapshot_where_the_diff_told_all(repo: GitRepo) -> None:
    """Asked for before the changes are known, as a plan does."""
    base = repo.commit({"a": "1", "b": "1"})
    repo.commit({"a": "2"})
    with Repository(repo.path) as repository:
        commit = repository.resolve("main")
        contents = repository.contents(commit, ALL)
        assert repository.changes(base, commit, ALL) is not None
        assert contents.head("a") == b"2"
        assert contents.head("b") == b"1"


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file may grow beyond so many bytes, as on a disk that is nearly full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("attributes", ["", "* filter=identity\n"], ids=["plain", "converted"])
def test_a_full_disk_is_said_with_what_to_do(repo: GitRepo, attributes: str) -> None:
    repo.git("config", "filter.identity.smudge", "cat")
    repo.commit({"big": bytes(3 << 20), ".gitattributes": attributes})
    with Repository(repo.path) as repository:
        contents = repository.contents(repository.resolve("main"), ALL)
        with (
            room_for(2_000_001),
            pytest.raises(UsageError, match="a temporary file cannot be written in /") as caught,
            contents.open("big"),
        ):
            pass
        assert "TMPDIR" in caught.value.hint
        with contents.open("big") as file:
            assert file.read() == bytes(3 << 20)


def test_a_machine_without_a_place_for_temporary_files_is_told_so(
    repo: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.commit({"a": "1", ".gitattributes": "a export-ignore\n"})
    with Repository(repo.path) as repository:
        commit = repository.resolve("main")
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
        with pytest.raises(UsageError, match="gone: No such file or directory"):
            repository.snapshot(commit, ALL)


def test_what_is_not_shipped_cannot_be_opened(repo: GitRepo) -> None:
    repo.commit({"a": "1", "web/b": "2"})
    with Repository(repo.path) as repository:
        contents = repository.contents(repository.resolve("main"), FileRules(source="web"))
        with pytest.raises(KeyError), contents.open("a"):
            pass


def test_a_missing_object_is_named_and_the_rest_can_still_be_read(repo: GitRepo) -> None:
    repo.git("config", "fastimport.unpackLimit", "100")
    repo.commit({"a": "lost", "b": "there"})
    lost = repo.git("rev-parse", "main:a")
    with Repository(repo.path) as repository:
        commit = repository.resolve("main")
        contents = repository.contents(commit, ALL)
        repository.snapshot(commit, ALL)
        (repo.path / "objects" / lost[:2] / lost[2:]).unlink()
        with pytest.raises(UsageError, match=f"{lost} is not in the repository"), contents.open("a"):
            pass
        assert contents.head("b") == b"there"


def test_a_damaged_object_is_an_error_and_not_a_wrong_file(repo: GitRepo) -> None:
    repo.commit({"a": "damaged", "b": "there"})
    damaged = repo.git("rev-parse", "main:a")
    with Repository(repo.path) as repository:
        commit = repository.resolve("main")
        contents = repository.contents(commit, ALL)
        repository.snapshot(commit, ALL)
        path = repo.path / "objects" / damaged[:2] / damaged[2:]
        path.chmod(0o644)
        path.write_bytes(b"nonsense")
        with pytest.raises(UsageError), contents.open("a"):
            pass
        assert contents.head("b") == b"there"
