"""Real projects from the package registry, deployed as their authors would, answer with their own pages."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from deployer.sandbox import Sandbox
from tests.builders.git import GitRepo
from tests.cli.project import Ended, Project
from tests.deployment.archive import archived
from tests.system.account import account, running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

HOST = "alice.pythonanywhere.com"
VIRTUALENV = "/home/alice/.virtualenvs/mysite"
TARGET = "/home/alice/mysite"
PIP_LIMIT_S = 200.0


def install(sandbox: Sandbox, requirement: str) -> Path:
    """The account's own virtualenv with a package in it. Skips where the registry cannot be reached."""
    virtualenv = sandbox.disk.real(VIRTUALENV)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", virtualenv], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(virtualenv / "bin" / "python"), "install"]
    quick = ["--quiet", "--disable-pip-version-check", "--no-compile", "--retries=1", "--timeout=15"]
    installed = subprocess.run(
        [*pip, *quick, requirement], capture_output=True, text=True, timeout=PIP_LIMIT_S, check=False
    )
    if installed.returncode:
        pytest.skip(f"pip cannot install {requirement}: {installed.stderr.strip().splitlines()[-1]}")
    return virtualenv


def configure(place: Project, *, page_contains: str, static: str = "") -> None:
    """What `deployer init` found out, with what only the author knows: the virtualenv and a page."""
    written = place.run("init")
    assert written.status == 0, written.err
    config = place.repo.path / "pythonanywhere.toml"
    text = config.read_text().replace('# virtualenv = "', 'virtualenv = "')
    assert f'virtualenv = "~/{VIRTUALENV.removeprefix("/home/alice/")}"' in text
    config.write_text(f'{text}contains = "{page_contains}"\n{static}')


def commit_everything(repo: GitRepo) -> str:
    repo.git("add", "--all", "--force")
    repo.git("commit", "--quiet", "--message=Deploy it")
    return repo.git("rev-parse", "HEAD")


def deploy(place: Project) -> Ended:
    """With a machine's file that lifts the limit, which this account does not have."""
    machine = place.folder / "deployer.toml"
    machine.write_text(
        f"""
        [account.alice]
        username = "alice"
        host = "{place.sandbox.url}"
        token = {{ env = "API_TOKEN" }}
        requests_per_minute = 0

        [site.project]
        account = "alice"
        repo = "{place.repo.path}"
        """
    )
    with running(place, "sync", "--config", str(machine), "--site", "project") as sync:
        return sync.ended(90)


def get(place: Project, path: str) -> requests.Response:
    return requests.get(f"{place.sandbox.url}{path}", headers={"Host": HOST}, timeout=30)


def shipped_and_there(place: Project, commit: str) -> int:
    """How many files of the commit are on the server; all of them, as git archives them."""
    wanted = archived(place.repo, commit, "", ("tests/",))
    assert wanted is not None
    top = place.sandbox.disk.real(TARGET)
    there = {path: (top / path).read_bytes() for path in wanted}
    assert there == wanted
    return len(there)


def is_served_by_the_mapping(place: Project, url: str, folder: str) -> bool:
    """The application does not know of a file that was placed there by hand; the platform does."""
    (place.sandbox.disk.real(f"{TARGET}/{folder}") / "by-hand.txt").write_text("placed by hand")
    return get(place, f"{url}by-hand.txt").text == "placed by hand"


def test_a_django_project_of_more_than_two_hundred_files_answers_with_its_own_page(tmp_path: Path) -> None:
    with account(tmp_path, plan="paid") as place:
        virtualenv = install(place.sandbox, "wagtail")
        python = str(virtualenv / "bin" / "python")
        subprocess.run(
            [virtualenv / "bin" / "wagtail", "start", "mysite", place.repo.path],
            check=True,
            capture_output=True,
        )

        def manage(*arguments: str) -> None:
            command = [python, "manage.py", *arguments]
            subprocess.run(command, cwd=place.repo.path, check=True, capture_output=True)

        manage("collectstatic", "--noinput")
        configure(place, page_contains="Welcome to your new Wagtail site!")
        commit = commit_everything(place.repo)
        manage("migrate")
        there = place.sandbox.disk.real(TARGET)
        there.mkdir()
        shutil.move(place.repo.path / "db.sqlite3", there)  # as its author brought it there by hand

        ended = deploy(place)
        again = deploy(place)

        assert (ended.status, again.status) == (0, 0), ended.err
        assert shipped_and_there(place, commit) > 200
        assert "Welcome to your new Wagtail site!" in get(place, "/").text
        assert "Sign in" in get(place, "/admin/login/").text
        style = next((place.repo.path / "static" / "wagtailadmin" / "css").glob("*.css"))
        assert get(place, f"/static/wagtailadmin/css/{style.name}").content == style.read_bytes()
        assert is_served_by_the_mapping(place, "/static/", "static")


def test_a_flask_project_answers_with_its_own_page(tmp_path: Path) -> None:
    with account(tmp_path) as place:
        virtualenv = install(place.sandbox, "httpbin")
        [package] = virtualenv.glob("lib/python*/site-packages/httpbin")
        shutil.move(package, place.repo.path)  # the project itself: only its requirements stay installed
        place.repo.git("add", "--all")
        mapping = '\n[[static]]\nurl = "/assets/"\npath = "httpbin/static/"\n'
        configure(place, page_contains="httpbin(1): HTTP Client Testing Service", static=mapping)
        commit = commit_everything(place.repo)

        ended = deploy(place)
        again = deploy(place)

        assert (ended.status, again.status) == (0, 0), ended.err
        assert shipped_and_there(place, commit) >= 20
        assert "<title>httpbin(1): HTTP Client Testing Service</title>" in get(place, "/").text
        assert get(place, "/get?free=1").json()["args"] == {"free": "1"}
        icon = place.repo.path / "httpbin" / "static" / "favicon.ico"
        assert get(place, "/assets/favicon.ico").content == icon.read_bytes()
        assert is_served_by_the_mapping(place, "/assets/", "httpbin/static")
