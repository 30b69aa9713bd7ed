"""Where a command has a hard time: readers that leave, damaged records, users without names."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.project import CONFIG, WSGI, Project, project

SITE = {"pythonanywhere.toml": CONFIG, "wsgi.py": WSGI, "a.txt": "a\n"}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Project]:
    with project(tmp_path) as opened:
        opened.commit(SITE)
        yield opened


def in_a_shell(place: Project, line: str) -> int:
    """The command as `$deployer` in a line of bash, with pipefail."""
    environment = {**place.environment, "deployer": f"{sys.executable} -m deployer"}
    ended = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"],
        cwd=place.repo.path,
        env=environment,
        check=False,
        timeout=90,
    )
    return ended.returncode


@pytest.mark.parametrize(
    "line",
    [
        "$deployer sync --json | head -1 > /dev/null",
        "$deployer sync 2>&- >&-",
        "$deployer sync 2> /dev/full > /dev/full",
    ],
)
def test_a_reader_that_goes_away_never_stops_a_deployment(place: Project, line: str) -> None:
    status = in_a_shell(place, line)

    assert status == 0
    assert place.sandbox.disk.real("/home/alice/mysite/a.txt").read_text() == "a\n"
    assert "nothing to do" in place.run("sync").out


def test_a_damaged_line_of_the_record_is_told_like_a_damaged_record(place: Project) -> None:
    place.run("sync")
    record = place.sandbox.disk.real("/home/alice/.deployer/alice.pythonanywhere.com/manifest.json")
    record.write_text(record.read_text().replace('"a.txt":[', '"a.txt":[[['))
    place.commit({"a.txt": "b\n"})

    ended = place.run("sync")

    assert ended.status == 5, ended.err
    assert "is not a record that can be understood" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become a user without a name")
def test_a_user_without_a_name_can_deploy(place: Project) -> None:
    for path in (place.folder, *place.folder.rglob("*")):
        os.chown(path, 54321, 54321, follow_symlinks=False)
    place.folder.chmod(0o755)
    reachable = all(
        parent.stat().st_mode & 0o001 for parent in (*place.folder.parents, Path(sys.executable).parent)
    )
    if not reachable:
        pytest.skip("the temporary folder or the interpreter is closed to other users")

    ended = subprocess.run(
        [sys.executable, "-m", "deployer", "plan"],
        cwd=place.repo.path,
        env=place.environment,
        user=54321,
        group=54321,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr


def test_work_that_is_not_committed_is_mentioned(place: Project) -> None:
    place.run("sync")
    (place.repo.path / "a.txt").write_text("edited")
    (place.repo.path / "new.txt").write_text("new")

    assert "note: 2 changes" in place.run("sync").out
    assert "note: 2 changes" in place.run("plan").out


def test_a_configuration_that_is_not_committed_is_told_apart_from_none(place: Project) -> None:
    text = (place.repo.path / "pythonanywhere.toml").read_text()
    place.commit({"pythonanywhere.toml": None})
    (place.repo.path / "pythonanywhere.toml").write_text(text)

    assert "It is in the folder, but not committed: `git add pythonanywhere.toml" in place.run("plan").err


def test_status_and_plan_tell_of_a_commit_that_failed(place: Project) -> None:
    place.commit({"pythonanywhere.toml": CONFIG.replace('"5s"', '"1s"')})
    place.run("sync")
    place.commit({"wsgi.py": "raise RuntimeError('the reason why')\n"})
    assert place.run("sync").status == 4

    planned = place.run("plan")
    status = place.run("status")

    assert planned.status == 3
    assert "--force" in planned.err
    assert "did not answer as it should" in status.out


def test_a_rollback_to_a_commit_that_does_not_answer_is_taken_back(place: Project) -> None:
    place.commit(
        {"pythonanywhere.toml": CONFIG.replace('"5s"', '"1s"'), "wsgi.py": "raise RuntimeError('old')\n"}
    )
    broken = place.repo.git("rev-parse", "HEAD")
    place.commit({"wsgi.py": WSGI})
    assert place.run("sync").status == 0

    ended = place.run("rollback", broken)

    assert ended.status == 4, ended.err
    assert "is back and answers as it should" in ended.err
    assert place.sandbox.disk.real("/home/alice/mysite/wsgi.py").read_text() == WSGI


def test_a_project_with_a_module_called_wsgi_runs(place: Project) -> None:
    inner = "import sys\nsys.path.insert(0, '/home/alice/mysite')\nfrom wsgi import application\n"
    place.commit({"pythonanywhere.toml": CONFIG.replace("wsgi.py", "deploy.py"), "deploy.py": inner})

    ended = place.run("sync")

    assert ended.status == 0, ended.err
