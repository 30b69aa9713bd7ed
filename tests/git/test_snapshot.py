"""What a commit ships, and what cannot be shipped at all."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from deployer.errors import Refused, UsageError
from deployer.git import Repository
from deployer.git.limits import MAX_BYTES
from deployer.model.files import FileEntry, Snapshot
from deployer.model.site import FileRules
from tests.builders.git import GitRepo
from tests.git.archives import archived, extracted, shipped

ALL = FileRules()


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    return GitRepo(tmp_path / "repo", bare=True)


def snapshot(repo: GitRepo, rules: FileRules = ALL) -> Snapshot:
    with Repository(repo.path) as repository:
        return repository.snapshot(repository.resolve("main"), rules)


def contents(repo: GitRepo, rules: FileRules = ALL) -> Mapping[str, bytes]:
    with Repository(repo.path) as repository:
        files = shipped(repository, repository.resolve("main"), rules)
    return {path: content for path, (content, _) in files.items()}


def refusals(repo: GitRepo, rules: FileRules = ALL) -> tuple[str, ...]:
    with pytest.raises(Refused) as caught:
        snapshot(repo, rules)
    return caught.value.refusals


def test_plain_files_are_named_by_their_blobs(repo: GitRepo) -> None:
    repo.commit({"b/c.txt": "abc", "a.sh": "#!"}, executable={"a.sh"})
    found = snapshot(repo)
    assert found.plain
    assert list(found.files.items()) == [
        ("a.sh", FileEntry(repo.git("rev-parse", "main:a.sh"), 2, "100755")),
        ("b/c.txt", FileEntry(repo.git("rev-parse", "main:b/c.txt"), 3, "100644")),
    ]


def test_a_source_is_shipped_alone_and_paths_are_relative_to_it(repo: GitRepo) -> None:
    repo.commit({"site/web/index.html": "i", "site/other": "o", "top": "t"})
    assert contents(repo, FileRules(source="site/web")) == {"index.html": b"i"}


def test_excluded_files_are_not_shipped(repo: GitRepo) -> None:
    repo.commit({"web/tests/a.py": "", "web/readme.md": "", "web/keep.md": "", "web/app.py": ""})
    rules = FileRules(source="web", exclude=("tests/", "*.md", "!keep.md"))
    assert list(snapshot(repo, rules).files) == ["app.py", "keep.md"]


@pytest.mark.parametrize(("source", "said"), [("nope", "does not exist"), ("file", "is not a folder")])
def test_a_source_that_is_no_folder_is_a_usage_error(repo: GitRepo, source: str, said: str) -> None:
    repo.commit({"file": "x"})
    with pytest.raises(UsageError, match=f"{source}.*{said}"):
        snapshot(repo, FileRules(source=source))


def test_a_commit_without_files_is_an_empty_snapshot(repo: GitRepo) -> None:
    repo.commit({})
    assert snapshot(repo).files == {}


def test_an_ignored_source_ships_nothing(repo: GitRepo) -> None:
    """Whatever stands in the attribute files above it counts too."""
    repo.commit({".gitattributes": "/web export-ignore\n", "web/a": "a"})
    assert snapshot(repo, FileRules(source="web")).files == {}


def test_attribute_files_above_the_source_count(repo: GitRepo) -> None:
    repo.commit({".gitattributes": "*.txt eol=crlf\n", "a/.gitattributes": "x* -text\n"})
    repo.commit({"a/b/t.txt": "1\n", "a/b/x.txt": "1\n"})
    assert contents(repo, FileRules(source="a/b")) == {"t.txt": b"1\r\n", "x.txt": b"1\n"}


def test_text_auto_alone_changes_nothing_and_stays_plain(repo: GitRepo) -> None:
    repo.commit(
        {".gitattributes": "* text=auto\n*.sh eol=lf\n*.png binary\n", "a.txt": "1\r\n2\n", "b.sh": "\n"}
    )
    assert snapshot(repo).plain


@pytest.mark.parametrize(
    ("setting", "attributes", "expected"),
    [
        (("core.autocrlf", "true"), "", b"1\r\n"),
        (("core.autocrlf", "true"), "* -text\n", b"1\n"),
        (("core.autocrlf", "input"), "* text\n", b"1\n"),
        (("core.eol", "crlf"), "", b"1\n"),
        (("core.eol", "crlf"), "* text=auto\n", b"1\r\n"),
    ],
)
def test_line_ends_follow_the_configuration(
    repo: GitRepo, setting: tuple[str, str], attributes: str, expected: bytes
) -> None:
    repo.git("config", *setting)
    repo.commit({"a.txt": "1\n", **({".gitattributes": attributes} if attributes else {})})
    assert contents(repo)["a.txt"] == expected


@pytest.mark.parametrize("place", ["repository", "user", "configured"])
def test_attributes_outside_of_the_commit_count(
    repo: GitRepo, tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    file = {
        "repository": repo.path / "info" / "attributes",
        "user": tmp_path / "xdg" / "git" / "attributes",
        "configured": tmp_path / "my-attributes",
    }[place]
    if place == "configured":
        repo.git("config", "core.attributesFile", str(file))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("*.txt eol=crlf\nsecret export-ignore\n", encoding="utf-8")
    repo.commit({"a.txt": "1\n", "secret": "s"})
    assert contents(repo) == {"a.txt": b"1\r\n"}
    assert not snapshot(repo).plain


def test_attributes_of_the_commit_count_and_not_those_of_the_work_tree(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path)
    repo.commit({".gitattributes": "*.txt eol=crlf\n", "a.txt": "1\n"})
    (tmp_path / ".gitattributes").write_text("a.txt export-ignore\n", encoding="utf-8")
    assert contents(repo)["a.txt"] == b"1\r\n"


def test_a_talkative_filter_is_run_and_does_not_block(repo: GitRepo) -> None:
    """More than a pipe holds goes to stderr before the first byte of the file comes."""
    repo.git("config", "filter.loud.smudge", "head -c 300000 /dev/zero >&2; tr a-z A-Z")
    repo.commit({".gitattributes": "*.txt filter=loud\n", "a.txt": "loud", "b.txt": "b"})
    assert contents(repo)["a.txt"] == b"LOUD"


def test_a_filter_that_has_to_work_and_does_not_is_an_error_in_git_s_words(repo: GitRepo) -> None:
    repo.git("config", "filter.broken.smudge", "echo out of order >&2; exit 3")
    repo.git("config", "filter.broken.required", "true")
    repo.commit({".gitattributes": "*.txt filter=broken\n", "a.txt": "a"})
    with pytest.raises(UsageError, match=r"git archive failed in .*out of order"):
        snapshot(repo)


def test_many_converted_files_are_read_at_once(repo: GitRepo) -> None:
    files = {f"web/{number}.txt": f"{number}\n" for number in range(300)}
    id_ = repo.commit({".gitattributes": "*.txt eol=crlf\n", **files})
    with Repository(repo.path) as repository:
        found = shipped(repository, repository.resolve("main"), FileRules(source="web"))
    assert found == archived(repo, id_, "web")
    assert found["7.txt"][0] == b"7\r\n"


def test_sha256_repositories_are_read(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path, bare=True, object_format="sha256")
    id_ = repo.commit({".gitattributes": "*.txt eol=crlf\n", "a.txt": "1\n", "b": "2"})
    with Repository(tmp_path) as repository:
        assert shipped(repository, repository.resolve("main"), ALL) == archived(repo, id_)
    assert len(snapshot(repo).files["a.txt"].digest) == 64


def test_links_become_copies_of_what_a_visitor_would_find(repo: GitRepo, tmp_path: Path) -> None:
    """The file system is the judge: links to files, folders and links, through links, up and down."""
    id_ = repo.commit(
        {".gitattributes": "*.txt eol=crlf\n", "a/b/deep.txt": "1\n", "a/run": "#!", "top": "t"},
        executable={"a/run"},
        links={
            "to-file": "a/run",
            "to-folder": "a",
            "to-link": "to-file",
            "a/b/up": "../../top",
            "a/b/sideways": "../run",
            "through": "to-folder/b/deep.txt",
            "behind": "to-deep/../run",
            "to-deep": "./a//b/",
            "a/up-and-down": "../a/b",
        },
    )
    with Repository(repo.path) as repository:
        commit = repository.resolve("main")
        assert shipped(repository, commit, ALL) == extracted(repo, id_, tmp_path / "visited")
        found = repository.snapshot(commit, ALL)
    assert not found.plain
    assert found.files["behind"].mode == "100755"
    assert found.files["to-folder/b/up"] == found.files["top"]


def test_links_of_a_source_stay_within_it(repo: GitRepo) -> None:
    repo.commit({"web/a": "a", "shared/b": "b"}, links={"web/in": "a", "web/out": "../shared/b"})
    [refusal] = refusals(repo, FileRules(source="web"))
    assert refusal.startswith("out: the link leads out of what is shipped")
    assert contents(repo, FileRules(source="web", exclude=("out",))) == {"a": b"a", "in": b"a"}


def test_copies_can_be_excluded(repo: GitRepo) -> None:
    repo.commit({"a/x": "x", "a/y": "y"}, links={"copy": "a"})
    assert list(snapshot(repo, FileRules(exclude=("copy/y",))).files) == ["a/x", "a/y", "copy/x"]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("/etc/passwd", "leads to /etc/passwd"),
        ("../outside", "leads out of what is shipped"),
        ("missing", "leads to missing, which is not shipped"),
        ("tests/data", "leads to tests, which is not shipped"),
        ("ignored", "leads to ignored, which is not shipped"),
        ("module", "leads to module, which is not shipped"),
        ("file/", "leads through file, which is a file"),
        ("file/below", "leads through file, which is a file"),
        ("link", "leads back into itself"),
        (".", "leads back into itself"),
        ("folder/ring", "leads back into itself"),
    ],
)
def test_a_link_that_stands_for_nothing_is_refused(repo: GitRepo, target: str, said: str) -> None:
    submodule = "1" * 40
    repo.commit(
        {
            ".gitattributes": "ignored export-ignore\n",
            "ignored": "",
            "tests/data": "",
            "file": "",
            "folder/x": "",
        },
        links={"link": target, "folder/back": "..", "folder/ring": "../link"},
        submodules={"module": submodule},
    )
    rules = FileRules(
        exclude=("tests/", "module", "folder/back", *(() if "ring" in target else ("folder/ring",)))
    )
    [refusal] = [text for text in refusals(repo, rules) if text.startswith("link:")]
    assert refusal.startswith(f"link: the link {said}")


def test_links_that_multiply_without_end_are_refused(repo: GitRepo) -> None:
    """Twenty folders with two links to the next one stand for a million files."""
    links = {f"d{n}/{side}": f"../d{n + 1}" for n in range(20) for side in "ab"}
    repo.commit({"d20/file": "x"}, links=links)
    assert "together stand for more than 100000 files" in refusals(repo)[0]


def test_everything_that_cannot_be_shipped_is_named_at_once(repo: GitRepo) -> None:
    repo.git("config", "core.compression", "0")
    repo.git("config", "fastimport.unpackLimit", "0")
    repo.commit(
        {"fine": "", "line\nend": "", "n" * 256: "", "latin-\udce9": "", "big": bytes(MAX_BYTES + 1)},
        links={"out": "../x"},
        submodules={"module": "1" * 40},
    )
    told = refusals(repo)
    for name in (r"line\nend", "n" * 256, r"latin-\udce9", "big", "out", "module"):
        assert len([text for text in told if name in text.split(":")[0]]) == 1
    assert len(told) == 6


def test_what_is_excluded_need_not_be_shippable(repo: GitRepo) -> None:
    repo.commit({"fine": "", "bad/line\nend": ""}, links={"bad/out": "/x"}, submodules={"bad/m": "1" * 40})
    assert list(snapshot(repo, FileRules(exclude=("bad/",))).files) == ["fine"]


def test_an_ignored_submodule_is_left_out(repo: GitRepo) -> None:
    repo.commit({".gitattributes": "vendor export-ignore\n"}, submodules={"vendor": "1" * 40})
    assert list(snapshot(repo).files) == [".gitattributes"]


def test_names_with_spaces_and_signs_are_shipped(repo: GitRepo) -> None:
    names = ["trailing ", " leading", "a#b?c%d&e+f", "Größe", ".dot", "-dash", ":(top)magic", "back\\slash"]
    repo.commit(dict.fromkeys(names, "x"))
    assert sorted(snapshot(repo).files) == sorted(names)


def test_modes_of_old_repositories_become_the_two_of_today(repo: GitRepo, tmp_path: Path) -> None:
    blob = repo.git("rev-parse", f"{repo.commit({'a': 'a'})}:a")
    (tmp_path / "tree").write_bytes(b"100664 a\0" + bytes.fromhex(blob))
    tree = repo.git("hash-object", "-t", "tree", "-w", "--literally", str(tmp_path / "tree"))
    repo.git("update-ref", "refs/heads/main", repo.git("commit-tree", "-m", "old", tree))
    assert snapshot(repo).files["a"].mode == "100644"
