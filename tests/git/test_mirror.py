"""Mirrors of remote repositories, by real git over file:// and over HTTP on this machine."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from deployer.errors import Temporary, Unreachable, UsageError
from deployer.git import Mirror, Repository, mirror_folder
from tests.builders.git import GitRepo
from tests.builders.waiting import until
from tests.git.served import serving


@pytest.fixture
def remote(tmp_path: Path) -> GitRepo:
    made = GitRepo(tmp_path / "remote.git", bare=True)
    made.commit({"a.txt": "one"}, "First")
    return made


@pytest.fixture
def mirror(remote: GitRepo, tmp_path: Path) -> Mirror:
    return Mirror(f"file://{remote.path}", tmp_path / "state" / "mirrors" / "remote.git")


def tip(mirror: Mirror, branch: str = "main") -> str:
    with Repository(mirror.folder) as repository:
        return repository.resolve(branch).id


def git_processes(word: str) -> list[str]:
    """The command lines of running processes of git, and of what it starts, that have the word in them."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if word in line and line.startswith(("git", "/usr/lib/git-core", "ssh", "/bin/sh")):
            found.append(line)
    return found


def test_the_first_fetch_makes_the_mirror_and_the_next_ones_follow(remote: GitRepo, mirror: Mirror) -> None:
    mirror.fetch("main")
    assert tip(mirror) == remote.git("rev-parse", "main")

    newest = remote.commit({"a.txt": "two"})
    mirror.fetch("main")
    assert tip(mirror) == newest


def test_only_the_branch_that_is_asked_for_is_fetched_and_no_tags(remote: GitRepo, mirror: Mirror) -> None:
    remote.git("branch", "other")
    remote.git("tag", "v1")
    mirror.fetch("main")
    listed = subprocess.check_output(["git", "-C", str(mirror.folder), "for-each-ref"], text=True)
    assert [line.split("\t")[1] for line in listed.splitlines()] == ["refs/heads/main"]


def test_a_force_push_is_followed_and_what_it_left_behind_stays(remote: GitRepo, mirror: Mirror) -> None:
    first = remote.git("rev-parse", "main")
    left = remote.commit({"a.txt": "two"})
    mirror.fetch("main")
    remote.git("update-ref", "refs/heads/main", first)
    mirror.fetch("main")
    assert tip(mirror) == first
    subprocess.run(["git", "-C", str(mirror.folder), "gc", "--quiet", "--prune=now"], check=True)
    assert tip(mirror, left) == left


def test_a_deleted_branch_is_named_with_those_that_are_there(remote: GitRepo, mirror: Mirror) -> None:
    for name in ("gone", "feature/x"):
        remote.git("branch", name)
    mirror.fetch("gone")
    remote.git("branch", "-D", "gone")
    with pytest.raises(UsageError, match="no branch 'gone'") as caught:
        mirror.fetch("gone")
    assert caught.value.hint == "There is feature/x, main."


def test_an_empty_remote_says_so_and_leaves_no_half_mirror(tmp_path: Path) -> None:
    empty = GitRepo(tmp_path / "empty.git", bare=True)
    mirror = Mirror(f"file://{empty.path}", tmp_path / "m.git")
    with pytest.raises(UsageError, match="no branch 'main'") as caught:
        mirror.fetch("main")
    assert "no branches at all" in caught.value.hint
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.git", "m.git.lock"]

    newest = empty.commit({"a": "1"})
    mirror.fetch("main")
    assert tip(mirror) == newest


def test_a_branch_takes_the_place_of_a_folder_of_branches_and_back(remote: GitRepo, mirror: Mirror) -> None:
    remote.git("branch", "site/blog")
    mirror.fetch("main")
    mirror.fetch("site/blog")
    remote.git("branch", "-D", "site/blog")
    remote.git("branch", "site")
    mirror.fetch("site")
    remote.git("branch", "-D", "site")
    remote.git("branch", "site/blog")
    mirror.fetch("site/blog")
    assert tip(mirror, "site/blog") == tip(mirror, "main")


def test_the_remote_may_change_its_object_format(remote: GitRepo, mirror: Mirror) -> None:
    mirror.fetch("main")
    shutil.rmtree(remote.path)
    again = GitRepo(remote.path, bare=True, object_format="sha256")
    newest = again.commit({"a": "1"})
    mirror.fetch("main")
    assert tip(mirror) == newest

    shutil.rmtree(mirror.folder)
    mirror.fetch("main")
    assert tip(mirror) == newest


def _no_objects(folder: Path) -> None:
    shutil.rmtree(folder / "objects")
    (folder / "objects").mkdir()


def _one_blob_less(folder: Path) -> None:
    shutil.rmtree(folder / "objects" / "pack", ignore_errors=True)
    blob = (
        subprocess.check_output(["git", "hash-object", "--stdin"], input=b"one", text=False).decode().strip()
    )
    (folder / "objects" / blob[:2] / blob[2:]).unlink()


def _no_head(folder: Path) -> None:
    (folder / "HEAD").unlink()


def _cut_ref(folder: Path) -> None:
    (folder / "refs" / "heads" / "main").write_text("")


def _bad_settings(folder: Path) -> None:
    (folder / "config").write_text("[core\n")


def _nothing_in_it(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


@pytest.mark.parametrize(
    "damage", [_no_objects, _one_blob_less, _no_head, _cut_ref, _bad_settings, _nothing_in_it]
)
@pytest.mark.parametrize("moved", [True, False], ids=["new commit", "nothing new"])
def test_a_corrupt_mirror_is_made_anew(
    remote: GitRepo, mirror: Mirror, damage: Callable[[Path], None], moved: bool
) -> None:
    mirror.fetch("main")
    damage(mirror.folder)
    if moved:
        remote.commit({"b.txt": "two"})
    mirror.fetch("main")
    assert tip(mirror) == remote.git("rev-parse", "main")
    subprocess.run(["git", "-C", str(mirror.folder), "fsck", "--full", "--strict"], check=True)
    assert not list(mirror.folder.parent.glob("*.new")) + list(mirror.folder.parent.glob("*.old"))


def test_a_corrupt_remote_is_not_taken_for_a_corrupt_mirror(remote: GitRepo, mirror: Mirror) -> None:
    mirror.fetch("main")
    before, made = tip(mirror), mirror.folder.stat().st_ino
    remote.commit({"b.txt": "two"})
    _no_objects(remote.path)
    with pytest.raises(Temporary, match="cannot be fetched"):
        mirror.fetch("main")
    assert (tip(mirror), mirror.folder.stat().st_ino) == (before, made)


def test_somebody_else_s_folder_is_never_thrown_away(mirror: Mirror) -> None:
    mirror.folder.mkdir(parents=True)
    (mirror.folder / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match="no mirror"):
        mirror.fetch("main")
    assert (mirror.folder / "thesis.tex").read_text() == "years of work"


def test_what_a_killed_git_left_behind_is_removed(remote: GitRepo, mirror: Mirror) -> None:
    mirror.fetch("main")
    newest = remote.commit({"a.txt": "two"})
    left = [
        "refs/heads/main.lock",
        "packed-refs.lock",
        "shallow.lock",
        "config.lock",
        "objects/pack/tmp_pack_x",
    ]
    for name in left:
        (mirror.folder / name).write_text("")
    half = mirror.folder.with_name(f"{mirror.folder.name}.new")
    half.mkdir()
    (half / "HEAD").write_text("")
    Mirror(mirror.url, mirror.folder).fetch("main")
    assert tip(mirror) == newest
    assert not half.exists()
    assert [name for name in left if (mirror.folder / name).exists()] == []


def test_two_mirrors_of_one_folder_wait_for_each_other(remote: GitRepo, mirror: Mirror) -> None:
    for number in range(5):
        remote.git("branch", f"b{number}")
    problems: list[BaseException] = []

    def fetch(number: int) -> None:
        try:
            Mirror(mirror.url, mirror.folder).fetch(f"b{number}")
        except BaseException as error:  # noqa: BLE001 - shown by the assertion
            problems.append(error)

    threads = [Thread(target=fetch, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert {tip(mirror, f"b{number}") for number in range(5)} == {remote.git("rev-parse", "main")}


def test_the_folder_may_be_a_symbolic_link(remote: GitRepo, tmp_path: Path) -> None:
    """As the state folder under DynamicUser= is."""
    link = tmp_path / "link.git"
    link.symlink_to(tmp_path / "private" / "real.git")
    mirror = Mirror(f"file://{remote.path}", link)
    mirror.fetch("main")
    _no_objects(link)
    mirror.fetch("main")
    assert link.is_symlink()
    assert tip(mirror) == remote.git("rev-parse", "main")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a repository to another user")
def test_repositories_of_other_users_are_as_good(
    remote: GitRepo, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror.fetch("main")
    newest = remote.commit({"a.txt": "two"})
    for folder in (remote.path, mirror.folder):
        for path in (folder, *folder.rglob("*")):
            os.chown(path, 12_345, 12_345)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    mirror.fetch("main")
    assert tip(mirror) == newest


def test_another_repository_s_hook_does_not_mislead(
    remote: GitRepo, mirror: Mirror, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = GitRepo(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(other.path / ".git" / "objects"))
    mirror.fetch("main")
    monkeypatch.undo()
    assert tip(mirror) == remote.git("rev-parse", "main")


@pytest.mark.parametrize(
    "branch", ["-x", "--upload-pack=touch x", "", "a b", "a:b", "a..b", "*", "+a", "x.lock", "a\nb", "a\0b"]
)
def test_what_is_no_branch_is_refused_before_git_takes_it_for_something_else(
    mirror: Mirror, branch: str
) -> None:
    with pytest.raises(UsageError):
        mirror.fetch(branch)


@pytest.mark.parametrize(
    "url",
    [
        "-ofoo",
        "--upload-pack=touch /tmp/x",
        "ext::sh -c touch% /tmp/x",
        "fd::17",
        "",
        "https://example.org/a\nb",
        "https://alice:geheim@example.org/blog.git",
        "ssh://alice:geheim@example.org/blog.git",
        "https://[::1/blog.git",
    ],
)
def test_addresses_that_run_programs_or_hold_passwords_are_refused(url: str, tmp_path: Path) -> None:
    for make in (lambda: Mirror(url, tmp_path / "m.git"), lambda: mirror_folder(tmp_path, url)):
        with pytest.raises(UsageError) as caught:
            make()
        assert "geheim" not in str(caught.value)


@contextmanager
def _silent() -> Iterator[int]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as server:
        yield server.getsockname()[1]


@contextmanager
def _nobody() -> Iterator[int]:
    with socket.socket() as kept:
        kept.bind(("127.0.0.1", 0))
        yield kept.getsockname()[1]


@pytest.mark.parametrize("scheme", ["http", "git", "ssh"])
def test_a_remote_that_never_answers_costs_the_time_and_leaves_no_process(
    scheme: str, tmp_path: Path
) -> None:
    if scheme == "ssh" and not shutil.which("ssh"):
        pytest.skip("there is no ssh on this machine")
    with _silent() as port:
        mirror = Mirror(f"{scheme}://127.0.0.1:{port}/x.git", tmp_path / "m.git")
        began = time.monotonic()
        with pytest.raises(Unreachable, match=r"within 0\.5 s"):
            mirror.fetch("main", timeout_s=0.5)
        assert time.monotonic() - began < 5
        assert until(lambda: not git_processes(str(port)), timeout_s=2)
        assert not mirror.folder.exists()


def test_a_helper_that_ignores_the_end_is_ended_with_git(
    remote: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ssh is git's child and not ours, and may be deaf."""
    stubborn = tmp_path / "stubborn-ssh"
    stubborn.write_text(
        f"#!{sys.executable}\nimport signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"open({str(tmp_path / 'began')!r}, 'w').close()\ntime.sleep(600)\n"
    )
    stubborn.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(stubborn))

    def give_up() -> None:
        if (tmp_path / "began").exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Mirror("git@example.org:blog.git", tmp_path / "m.git").fetch("main", check_stop=give_up)

    def alive() -> list[Path]:
        lines = [path for path in Path("/proc").glob("[0-9]*/cmdline") if _has(path, str(stubborn))]
        return [path for path in lines if path.parent.name != str(os.getpid())]

    assert until(lambda: not alive(), timeout_s=5)


def _has(path: Path, word: str) -> bool:
    try:
        return word.encode() in path.read_bytes()
    except OSError:
        return False


def test_ssh_never_asks_unless_the_user_says_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = tmp_path / "said"
    program = tmp_path / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$0 $@" >> {said}\nexit 255\n')
    program.chmod(0o755)
    own = tmp_path / "own-ssh"
    shutil.copy(program, own)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    mirror = Mirror("git@example.org:blog.git", tmp_path / "m.git")
    with pytest.raises(Temporary):
        mirror.fetch("main")
    assert "-o BatchMode=yes" in said.read_text()
    said.unlink()

    settings = tmp_path / "gitconfig"
    settings.write_text(f"[core]\nsshCommand = {own}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    with pytest.raises(Temporary):
        mirror.fetch("main")
    assert said.read_text().startswith(str(own))
    assert "BatchMode" not in said.read_text()


def test_nobody_there_is_temporary_in_git_s_own_words(tmp_path: Path) -> None:
    with _nobody() as port, pytest.raises(Temporary, match=r"Failed to connect|refused"):
        Mirror(f"http://127.0.0.1:{port}/x.git", tmp_path / "m.git").fetch("main")


def test_over_http_with_git_s_own_credentials(
    remote: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(remote.path.parent, user="alice", password="geheim") as address:
        mirror = Mirror(f"{address}/remote.git", tmp_path / "m.git")
        with pytest.raises(Temporary, match="terminal prompts disabled") as caught:
            mirror.fetch("main")
        assert "git ls-remote" in caught.value.hint

        settings = tmp_path / "gitconfig"
        helper = '"!f() { echo username=alice; echo password=%s; }; f"'
        settings.write_text(f"[credential]\nhelper = {helper % 'wrong'}\n")
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
        with pytest.raises(Temporary, match="Authentication failed"):
            mirror.fetch("main")

        settings.write_text(f"[credential]\nhelper = {helper % 'geheim'}\n")
        mirror.fetch("main")
        newest = remote.commit({"a.txt": "two"})
        mirror.fetch("main")
        assert tip(mirror) == newest


def test_a_password_that_git_puts_into_an_address_is_in_no_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _nobody() as port:
        settings = tmp_path / "gitconfig"
        settings.write_text(
            f'[url "http://alice:geheim@127.0.0.1:{port}/"]\ninsteadOf = https://example.org/\n'
        )
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
        with pytest.raises(Temporary) as caught:
            Mirror("https://example.org/x.git?key=geheim", tmp_path / "m.git").fetch("main")
        assert "geheim" not in str(caught.value)


def test_stopping_ends_a_fetch_at_once(tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    with _silent() as port:
        mirror = Mirror(f"http://127.0.0.1:{port}/x.git", tmp_path / "m.git")
        began = time.monotonic()

        def check_stop() -> None:
            if time.monotonic() - began > 0.3:
                raise Stopped

        with pytest.raises(Stopped):
            mirror.fetch("main", check_stop=check_stop)
        assert time.monotonic() - began < 5
        assert until(lambda: not git_processes(str(port)), timeout_s=2)


def test_a_git_that_outlives_a_killed_daemon_keeps_the_next_one_away(tmp_path: Path) -> None:
    """It still writes: its lock files are no leftovers."""
    with _silent() as port:
        url, folder = f"http://127.0.0.1:{port}/x.git", tmp_path / "m.git"
        code = "import sys; from pathlib import Path; from deployer.git import Mirror\n"
        code += "Mirror(sys.argv[1], Path(sys.argv[2])).fetch('main')"
        daemon = subprocess.Popen([sys.executable, "-c", code, url, str(folder)])
        assert until(lambda: len(git_processes(str(port))) >= 2)
        daemon.kill()
        daemon.wait()
        try:
            with pytest.raises(Temporary, match=r"git, process \d+, still works on .*m\.git") as caught:
                Mirror(url, folder).fetch("main", timeout_s=0.3)
        finally:
            group = int((tmp_path / "m.git.lock").read_text())
            os.killpg(group, signal.SIGKILL)
        assert caught.value.hint.endswith(f"kill -- -{group}")
        assert until(lambda: not git_processes(str(port)))
    with _nobody() as port, pytest.raises(Temporary, match="cannot be fetched"):
        Mirror(f"http://127.0.0.1:{port}/x.git", folder).fetch("main", timeout_s=10)


def test_a_mirror_that_is_used_for_long_stays_packed(remote: GitRepo, mirror: Mirror) -> None:
    mirror.fetch("main")
    for name, value in (("transfer.unpackLimit", "1"), ("gc.autoPackLimit", "3")):  # each fetch makes a pack
        subprocess.run(["git", "-C", str(mirror.folder), "config", name, value], check=True)
    for number in range(12):
        remote.commit({"a.txt": f"{number}"})
        mirror.fetch("main")
    assert len(list((mirror.folder / "objects" / "pack").glob("*.pack"))) <= 5
    assert not (mirror.folder / "gc.pid").exists()
    assert tip(mirror) == remote.git("rev-parse", "main")


def test_the_folder_s_name_is_readable(tmp_path: Path) -> None:
    names = [
        mirror_folder(tmp_path, url).name.rpartition("-")[0]
        for url in ("https://git.example.org/alice/blog.git", "git@example.org:alice/blog.git")
    ]
    assert names == ["git.example.org-alice-blog", "example.org-alice-blog"]


_ADDRESS = st.builds(
    "{}{}{}".format,
    st.sampled_from(["https://example.org/", "ssh://git@example.org/", "git@example.org:", "file:///"]),
    st.text(st.sampled_from("aA/.-_~%é") | st.characters(min_codepoint=33, max_codepoint=126), max_size=300),
    st.sampled_from(["", "/", ".git"]),
)


@given(_ADDRESS, _ADDRESS)
@example("https://example.org/a/b", "https://example.org/a-b")
@example("git@example.org:" + "a" * 300 + "1", "git@example.org:" + "a" * 300 + "2")
def test_two_addresses_never_share_a_folder(one: str, other: str) -> None:
    assume(one != other)
    state = Path("/state")
    try:
        folders = [mirror_folder(state, one), mirror_folder(state, other)]
    except UsageError:
        return  # refused ones are mirrored nowhere
    assert folders[0] != folders[1]
    for folder in folders:
        assert folder.parent == state / "mirrors"
        assert folder.name.isascii()
        assert len(folder.name) < 100
        assert not folder.name.startswith((".", "-"))
