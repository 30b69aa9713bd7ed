"""Deploying with a deployer.toml instead of environment variables."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.project import CONFIG, WSGI, Project, project

NO_ACCOUNT = {"PYTHONANYWHERE_SITE": None, "PYTHONANYWHERE_USERNAME": None, "API_TOKEN": None}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Project]:
    with project(tmp_path) as opened:
        yield opened


def write_machine_file(place: Project, more: str = "") -> Path:
    token = place.folder / "token"
    token.write_text(f"{place.sandbox.token}\n")
    token.chmod(0o600)
    path = place.folder / "deployer.toml"
    path.write_text(
        f"""
[account.alice]
username = "alice"
host = "{place.sandbox.url}"
token = {{ file = "{token}" }}
requests_per_minute = 0

[site.blog]
account = "alice"
repo = "{place.repo.path}"
branch = "release"
{more}
"""
    )
    return path


def test_a_site_of_the_file_is_deployed_at_its_branch_from_anywhere(place: Project) -> None:
    place.commit({"pythonanywhere.toml": CONFIG, "wsgi.py": WSGI})
    place.repo.git("branch", "release")
    place.commit({"unfinished.txt": "x"})
    path = write_machine_file(place)

    ended = place.run(
        "sync", "--config", str(path), "--site", "blog", "--repo", str(place.repo.path), **NO_ACCOUNT
    )

    assert ended.status == 0, ended.err
    assert sorted(file.name for file in place.sandbox.disk.real("/home/alice/mysite").iterdir()) == [
        "pythonanywhere.toml",
        "wsgi.py",
    ]


def test_overrides_put_a_second_site_of_one_repository_elsewhere(place: Project) -> None:
    place.commit({"pythonanywhere.toml": CONFIG, "wsgi.py": WSGI})
    place.repo.git("branch", "release")
    path = write_machine_file(place, 'app = { target = "~/staging" }')

    ended = place.run("sync", "--config", str(path), **NO_ACCOUNT)

    assert ended.status == 0, ended.err
    assert place.sandbox.disk.real("/home/alice/staging/wsgi.py").exists()
    assert not place.sandbox.disk.real("/home/alice/mysite").exists()


def test_health_url_is_asked_instead_of_the_site(place: Project) -> None:
    place.commit({"pythonanywhere.toml": CONFIG, "wsgi.py": WSGI})
    place.repo.git("branch", "release")
    path = write_machine_file(place, 'health_url = "http://127.0.0.1:9/"')

    ended = place.run("sync", "--config", str(path), **NO_ACCOUNT)

    assert ended.status == 5
    assert "no answer" in ended.err
    assert "first deployment, there is nothing to go back to" in ended.err


def test_a_token_written_into_the_file_is_refused_with_the_ways_that_are_meant(place: Project) -> None:
    path = write_machine_file(place)
    path.write_text(path.read_text().replace("token = {", 'token = "f00d" # {'))

    ended = place.run("config", "--config", str(path), **NO_ACCOUNT)

    assert ended.status == 2
    assert "account.alice.token" in ended.err
    assert "f00d" not in ended.err
