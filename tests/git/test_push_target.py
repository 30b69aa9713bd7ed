"""Push targets: made, converted, repeated, shared; and how a held commit comes to the daemon."""

import os
import stat
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Literal

import pytest

from deployer.errors import UsageError
from deployer.git import Repository
from deployer.git.held_push import bundled, unbundle_into
from deployer.git.push_target import HOOKS, TargetSettings, make_target
from tests.builders.git import GitRepo

SETTINGS = TargetSettings(
    site="blog",
    socket="/run/deployer/deployer.sock",
    branch="main",
    manifest="pythonanywhere.toml",
    username="alice",
    host="https://www.pythonanywhere.com",
)
COMMAND = ("/bin/echo", "the deployer")


def git(path: Path, *arguments: str, **environment: str) -> str:
    ended = subprocess.run(
        ["git", *arguments],
        cwd=path,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stdout.strip()


def test_a_new_target_is_bare_and_knows_its_site(tmp_path: Path) -> None:
    target = tmp_path / "srv" / "blog.git"

    done = make_target(target, SETTINGS, COMMAND)

    assert f"made the bare repository {target}" in done
    assert git(target, "rev-parse", "--is-bare-repository") == "true"
    assert git(target, "symbolic-ref", "HEAD") == "refs/heads/main"
    assert TargetSettings.read(target) == SETTINGS
    for name in HOOKS:
        assert os.access(target / "hooks" / name, os.X_OK)


def test_repeating_it_changes_nothing(tmp_path: Path) -> None:
    make_target(tmp_path / "blog.git", SETTINGS, COMMAND, group=str(os.getgid()))

    assert make_target(tmp_path / "blog.git", SETTINGS, COMMAND, group=str(os.getgid())) == ()


def test_what_is_not_wanted_any_more_is_taken_away(tmp_path: Path) -> None:
    target = tmp_path / "blog.git"
    gated = TargetSettings(**{**_fields(SETTINGS), "gate": "deploy", "app": '{"domain": "ä \\"b\\""}'})
    make_target(target, gated, COMMAND)
    assert TargetSettings.read(target) == gated

    done = make_target(target, SETTINGS, COMMAND)

    assert sorted(done) == ["took deployer.app away", "took deployer.gate away"]
    assert TargetSettings.read(target) == SETTINGS


def test_a_bare_repository_is_converted_with_what_it_holds(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "blog.git", bare=True)
    commit = repo.commit({"a.txt": "a"})

    make_target(repo.path, SETTINGS, COMMAND)

    assert TargetSettings.read(repo.path) == SETTINGS
    assert repo.git("rev-parse", "main") == commit


@pytest.mark.parametrize("inside", ["", ".git"])
def test_a_repository_with_a_work_tree_is_refused_with_what_to_type(tmp_path: Path, inside: str) -> None:
    repo = GitRepo(tmp_path / "blog")
    repo.commit({"a.txt": "a"})

    with pytest.raises(UsageError, match="has a work tree") as refused:
        make_target(repo.path / inside, SETTINGS, COMMAND)

    assert "git clone --bare" in refused.value.hint
    assert not list((repo.path / ".git" / "hooks").glob("*-receive"))


@pytest.mark.parametrize("content", ["file", "folder"])
def test_what_is_no_repository_is_left_alone(tmp_path: Path, content: str) -> None:
    place = tmp_path / "blog"
    if content == "file":
        place.write_text("mine")
    else:
        place.mkdir()
        (place / "mine.txt").write_text("mine")

    with pytest.raises(UsageError):
        make_target(place, SETTINGS, COMMAND)

    assert len(list(tmp_path.rglob("*"))) == (1 if content == "file" else 2)


def test_a_folder_in_a_work_tree_becomes_a_repository_of_its_own(tmp_path: Path) -> None:
    outer = GitRepo(tmp_path / "outer")
    (outer.path / "inner.git").mkdir()

    make_target(outer.path / "inner.git", SETTINGS, COMMAND)

    assert TargetSettings.read(outer.path / "inner.git") == SETTINGS
    assert "deployer" not in (outer.path / ".git" / "config").read_text()


def test_somebody_elses_hook_is_replaced_only_by_force_and_kept(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "blog.git", bare=True)
    theirs = repo.path / "hooks" / "post-receive"
    theirs.parent.mkdir(exist_ok=True)
    theirs.write_text("#!/bin/sh\nmail boss\n")

    with pytest.raises(UsageError) as refused:
        make_target(repo.path, SETTINGS, COMMAND)

    assert str(theirs) in refused.value.message
    assert theirs.read_text() == "#!/bin/sh\nmail boss\n"
    assert not (repo.path / "hooks" / "pre-receive").exists()

    make_target(repo.path, SETTINGS, COMMAND, force=True)

    assert "push-target" in theirs.read_text()
    assert theirs.with_name("post-receive.before-deployer").read_text() == "#!/bin/sh\nmail boss\n"


def test_hooks_that_the_repository_keeps_elsewhere_are_in_the_way(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "blog.git", bare=True)
    repo.git("config", "core.hooksPath", "/opt/hooks")

    with pytest.raises(UsageError, match="/opt/hooks"):
        make_target(repo.path, SETTINGS, COMMAND)

    assert make_target(repo.path, SETTINGS, COMMAND, force=True)


def test_a_hook_says_when_its_deployer_is_gone(tmp_path: Path) -> None:
    make_target(tmp_path / "blog.git", SETTINGS, ("/nowhere/it's gone", "-m", "deployer"))

    ended = subprocess.run(
        [tmp_path / "blog.git" / "hooks" / "pre-receive"], capture_output=True, text=True, check=False
    )

    assert ended.returncode == 1
    assert "/nowhere/it's gone is not there" in ended.stderr
    assert "push-target" in ended.stderr


def test_a_shared_target_belongs_to_the_group(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "blog.git", bare=True)
    repo.commit({"a.txt": "a"})
    group = os.getgid() if os.getuid() else 54322

    make_target(repo.path, SETTINGS, COMMAND, group=str(group))

    for path in (repo.path, *repo.path.rglob("*")):
        assert path.stat().st_gid == group
    assert (repo.path / "refs" / "heads").stat().st_mode & (stat.S_ISGID | stat.S_IWGRP)
    assert not (repo.path / "hooks" / "pre-receive").stat().st_mode & stat.S_IWGRP
    assert not (repo.path / "config").stat().st_mode & stat.S_IWGRP
    assert git(repo.path, "config", "core.sharedRepository") == "group"


def test_a_group_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no group nobody-has-this"):
        make_target(tmp_path / "blog.git", SETTINGS, COMMAND, group="nobody-has-this")


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_a_held_commit_comes_to_the_daemon_with_all_that_is_new(tmp_path: Path, object_format: str) -> None:
    target, work = _pushed(tmp_path, object_format)
    old = work.commit({"a.txt": "a" * 10_000, "b/c.txt": "c"})
    work.git("push", "--quiet", str(target.path), "main")
    new = work.commit({"a.txt": "a" * 10_000 + "b"})

    bundle = _quarantined(work, target, tmp_path)
    unbundle_into(tmp_path / "held.git", BytesIO(bundle + b"more"), len(bundle), new, target=target.path)

    with Repository(tmp_path / "held.git") as held:
        assert held.read(held.resolve(new), "a.txt") == b"a" * 10_000 + b"b"
        assert held.read(held.resolve(old), "b/c.txt") == b"c"
    assert len(bundle) < 5_000


def test_a_commit_that_the_target_has_already_needs_nothing(tmp_path: Path) -> None:
    target, work = _pushed(tmp_path, "sha1")
    commit = work.commit({"a.txt": "a"})
    work.git("push", "--quiet", str(target.path), "main:other")

    with bundled(target.path, commit) as file:
        content = file.read()
    unbundle_into(tmp_path / "held.git", BytesIO(content), len(content), commit, target=target.path)
    unbundle_into(tmp_path / "held.git", BytesIO(content), len(content), commit, target=target.path)

    with Repository(tmp_path / "held.git") as held:
        assert held.resolve(f"refs/deployer/held/{commit}").id == commit


@pytest.mark.parametrize("damage", ["cut", "garbage", "another commit"])
def test_what_does_not_arrive_whole_is_refused(tmp_path: Path, damage: str) -> None:
    target, work = _pushed(tmp_path, "sha1")
    first = work.commit({"a.txt": os.urandom(100_000)})
    bundle = _quarantined(work, target, tmp_path)
    content = {"cut": bundle[:50_000], "garbage": b"x" * 70_000, "another commit": bundle}[damage]
    wanted = first if damage != "another commit" else work.commit({"b.txt": "b"})

    with pytest.raises(UsageError, match="did not arrive whole"):
        unbundle_into(tmp_path / "held.git", BytesIO(content), len(bundle), wanted, target=target.path)

    assert git(tmp_path / "held.git", "for-each-ref") == ""


def _fields(settings: TargetSettings) -> dict[str, str]:
    return {name: getattr(settings, name) for name in settings.__slots__}


def _pushed(folder: Path, object_format: str) -> tuple[GitRepo, GitRepo]:
    kind: Literal["sha1", "sha256"] = "sha256" if object_format == "sha256" else "sha1"
    return (
        GitRepo(folder / "blog.git", bare=True, object_format=kind),
        GitRepo(folder / "work", object_format=kind),
    )


def _quarantined(work: GitRepo, target: GitRepo, folder: Path) -> bytes:
    """The bundle that a pre-receive hook makes, run by a real push that is then turned down."""
    script = folder / "bundle.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\nfrom deployer.git.held_push import bundled\n"
        "commit = sys.stdin.read().split()[1]\n"
        f"with bundled(Path.cwd(), commit) as file: Path({str(folder / 'bundle')!r})"
        ".write_bytes(file.read())\n"
    )
    hook = target.path / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\n{sys.executable} {script} || echo it failed\nexit 1\n")
    hook.chmod(0o755)
    pushed = subprocess.run(
        ["git", "push", str(target.path), "main"],
        cwd=work.path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "pre-receive hook declined" in pushed.stderr, pushed.stderr
    assert "it failed" not in pushed.stderr, pushed.stderr
    return (folder / "bundle").read_bytes()
