"""A Django project with a database, uploads and static files, deployed as releases."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import requests

from deployer.config import load_site
from deployer.errors import RolledBack
from tests.deployment.stage import Stage, stage
from tests.system import guestbook
from tests.vendor import wheels

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

VIRTUALENV = "/home/alice/.virtualenvs/guestbook"
PYTHON = ".".join(map(str, sys.version_info[:2]))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Stage]:
    """With Django in the account's virtualenv, and a console that runs."""
    with stage(tmp_path, plan="paid", workers=2) as opened:
        install_django(opened)
        config = guestbook.CONFIG.format(python=PYTHON)
        opened.site = load_site(config.encode(), "", username="alice", host="www.pythonanywhere.com")
        with opened.work() as work:
            console = work.api.consoles.create().id
        url = f"{opened.sandbox.url}/_sandbox/loaded-consoles"
        assert requests.post(url, json={"id": console}, timeout=10).status_code == 201
        yield opened


def install_django(place: Stage) -> None:
    """From wheels of what the tests have, so that nobody asks a registry."""
    virtualenv, shelf = place.sandbox.disk.real(VIRTUALENV), place.folder / "wheels"
    for each in wheels.DJANGO:
        wheels.pack(each, shelf)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", virtualenv], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(virtualenv / "bin/python"), "install", "--quiet"]
    subprocess.run(
        [*pip, "--no-index", "--find-links", str(shelf), "--disable-pip-version-check", "django"], check=True
    )


def commit(place: Stage, files: Mapping[str, str | None], message: str) -> str:
    return place.repo.commit(dict(files), message)


def get(place: Stage, path: str = "/") -> requests.Response:
    return requests.get(f"{place.sandbox.url}{path}", headers={"Host": place.site.domain}, timeout=30)


def write(place: Stage, text: str) -> None:
    answer = requests.post(
        f"{place.sandbox.url}/write",
        headers={"Host": place.site.domain},
        data={"text": text},
        files={"photo": (f"{text}.txt", f"a photo of {text}")},
        timeout=30,
    )
    assert answer.text == "thank you"


def shared(place: Stage) -> dict[str, bytes]:
    """What the site wrote itself."""
    top = place.target / "shared"
    return {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}


def test_it_is_deployed_broken_put_back_rolled_back_and_migrated_with_all_that_it_wrote(place: Stage) -> None:
    commit(place, guestbook.FIRST, "First")
    place.sync()
    assert get(place).text == "one: 0 entries"
    assert get(place, "/static/style.css").text == "/* one */"
    write(place, "Ada")
    write(place, "Bob")
    assert get(place).text == "one: 2 entries; Ada; Bob"
    assert get(place, "/media/photos/Ada.txt").text == "a photo of Ada"
    written = shared(place)
    assert set(written) == {"db.sqlite3", "media/photos/Ada.txt", "media/photos/Bob.txt"}

    for broken, why in (
        (guestbook.CANNOT_BE_IMPORTED, "No module named 'nowhere'"),
        (guestbook.CANNOT_BE_SHOWN, "status 500"),
        (guestbook.CANNOT_BE_MIGRATED, "Conflicting migrations"),
    ):
        commit(place, broken, why)
        with pytest.raises(RolledBack, match=why):
            place.sync()
        assert get(place).text == "one: 2 entries; Ada; Bob"
        assert get(place, "/static/style.css").text == "/* one */"
        assert shared(place) == written

    commit(place, guestbook.WITH_A_MOOD, "Moods")
    place.sync()
    assert get(place).text == "three: 2 entries; Ada (cheerful); Bob (cheerful)"
    assert get(place, "/static/style.css").text == "/* three */"

    place.repo.commit(dict(guestbook.ANOTHER_PAGE), "Another page")
    place.sync()
    assert get(place).text == "two: 2 entries; Ada; Bob"
    write(place, "Cy")
    place.rollback()
    assert get(place).text == "three: 3 entries; Ada (cheerful); Bob (cheerful); Cy (cheerful)"
    assert get(place, "/static/style.css").text == "/* three */"
    assert get(place, "/media/photos/Cy.txt").text == "a photo of Cy"

    ran_in = place.sandbox.disk.real("/home/alice/checked-in").read_text().strip()
    assert ran_in == f"/home/alice/guestbook/{(place.target / 'current').readlink()}"
    assert not list((place.target / "releases").rglob("__pycache__"))
