"""`pa webapp create`, `pa django ...` and the scripts before them: they have to run as the account.

They make a virtual environment with the real virtualenvwrapper and write the WSGI file to /var/www, both on
the account's disk. Django is installed from wheels that lie there, too: nobody asks a registry.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders.git import GitRepo
from tests.sandbox.client import DOMAIN, Client
from tests.sandbox.sites import visit
from tests.vendor import wheels
from tests.vendor.clients import PROGRAMS, Pa
from tests.vendor.conftest import PYTHON

pytestmark = pytest.mark.timeout(300)  # a dozen Pythons are started one after another, and pip installs

HOME = "/home/alice"
ENVIRONMENTS = f"{HOME}/.virtualenvs"
QUIET_PIP = {
    "PIP_NO_INDEX": "1",
    "PIP_FIND_LINKS": f"{HOME}/wheels",
    "PIP_NO_COMPILE": "1",
    "PIP_CONFIG_FILE": "/dev/null",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}
VIRTUALENVWRAPPER = {
    "WORKON_HOME": ENVIRONMENTS,
    "VIRTUALENVWRAPPER_PYTHON": str(PROGRAMS / "python"),
    "VIRTUALENV_SETUPTOOLS": "none",
}


@pytest.fixture
def server(api: Client) -> Client:
    """An account whose commands see its disk at the platform's places; and 404 where there is no web app."""
    if not api.sandbox._account.commands.enclosure.support.enclosed:
        pytest.skip("this machine gives no namespaces: commands would write to the machine's own /var/www")
    api.sandbox.switch(missing_webapp=404, rate_limit="off", wsgi_upload="nothing")
    return api


@pytest.mark.parametrize(
    ("command", "python"),
    [("webapp create", "--python-version"), ("pa_create_webapp_with_virtualenv.py", "--python")],
)
def test_create_a_web_app_with_its_virtualenv(server: Client, pa: Pa, command: str, python: str) -> None:
    said = pa.as_account(command, f"{python}={PYTHON}", **VIRTUALENVWRAPPER)
    assert "Your site is now live at https://alice.pythonanywhere.com" in said
    (webapp,) = server.get("webapps/").json()
    assert webapp["virtualenv_path"] == f"{ENVIRONMENTS}/{DOMAIN}"
    assert webapp["source_directory"] == f"{HOME}/{DOMAIN}"
    mappings = server.get(f"webapps/{DOMAIN}/static_files/").json()
    assert [(each["url"], each["path"]) for each in mappings] == [
        (f"/{kind}/", f"{HOME}/{DOMAIN}/{kind}") for kind in ("static", "media")
    ]
    assert f"Hello from {DOMAIN}" in visit(server).text


@pytest.fixture
def django(server: Client) -> Client:
    for each in wheels.DJANGO:
        wheels.pack(each, server.sandbox.disk.real(f"{HOME}/wheels"))
    return server


@pytest.mark.parametrize(
    ("command", "python"),
    [
        ("django start", "--python-version"),
        pytest.param("pa_start_django_webapp_with_virtualenv.py", "--python", marks=pytest.mark.thorough),
    ],
)
def test_start_a_django_project(django: Client, pa: Pa, command: str, python: str) -> None:
    said = pa.as_account(command, f"{python}={PYTHON}", **VIRTUALENVWRAPPER, **QUIET_PIP)
    assert f"All done! Your site is now live at https://{DOMAIN}" in said
    assert "The install worked successfully! Congratulations!" in visit(django).text
    assert visit(django, "/static/admin/css/base.css").status_code == 200
    assert f"ALLOWED_HOSTS = ['{DOMAIN}']" in _settings(django).read_text()


@pytest.mark.parametrize(
    ("command", "python"),
    [
        ("django autoconfigure", "--python-version"),
        pytest.param("pa_autoconfigure_django.py", "--python", marks=pytest.mark.thorough),
    ],
)
def test_autoconfigure_a_django_project_of_a_repository(
    django: Client, pa: Pa, tmp_path: Path, command: str, python: str
) -> None:
    repository = GitRepo(django.sandbox.disk.real(f"{HOME}/project.git"), bare=True)
    repository.commit(_new_project(tmp_path / "project"))
    said = pa.as_account(
        command, f"{HOME}/project.git", f"{python}={PYTHON}", **VIRTUALENVWRAPPER, **QUIET_PIP
    )
    assert "All done! Your site is now live at" in said
    assert "Starting Bash shell with activated virtualenv in project directory." in said
    assert "The install worked successfully! Congratulations!" in visit(django).text
    assert "STATIC_ROOT" in _settings(django).read_text()
    assert django.sandbox.disk.real(f"{HOME}/{DOMAIN}/db.sqlite3").stat().st_size > 0


def _settings(api: Client) -> Path:
    return api.sandbox.disk.real(f"{HOME}/{DOMAIN}/mysite/settings.py")


def _new_project(folder: Path) -> dict[str, bytes | str | None]:
    folder.mkdir()
    subprocess.run([sys.executable, "-m", "django", "startproject", "mysite", str(folder)], check=True)
    files = [each for each in folder.rglob("*") if each.is_file()]
    return {str(each.relative_to(folder)): each.read_bytes() for each in files}
