"""Three versions of a site, each of which changes all that can change, and what must be true of one."""

import atexit
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from shutil import copytree, rmtree
from tempfile import mkdtemp
from typing import Any

import requests

from deployer.config import load_site
from deployer.deployment.lists import read_always_on, read_headers, read_mappings, read_tasks
from deployer.model.deployment import Status
from deployer.sandbox import Switches
from tests.deployment.archive import archived
from tests.deployment.stage import Stage, stage

CODE = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"this is version {number}"]
"""
CONFIG = """
[app]
target = "~/mysite"
wsgi = "wsgi.py"

[files]
keep = ["kept"]

[health]
contains = "this is version"
timeout = "10s"
"""
SETTINGS = (
    """
[[static]]
url = "/static/"
path = "one"
[[static]]
url = "/old/"
path = "old"
[[task]]
name = "nightly"
command = "true"
at = "04:10"
[[task]]
name = "twin"
command = "true"
at = "04:10"
[[task]]
name = "other twin"
command = "true"
at = "04:10"
""",
    """
[[static]]
url = "/static/"
path = "two"
[[static]]
url = "/new/"
path = "new"
[[task]]
name = "nightly"
command = "false"
at = "04:10"
[[task]]
name = "twin"
command = "true"
at = "04:10"
[[task]]
name = "new"
command = "true"
at = "04:10"
""",
    """
[[static]]
url = "/static/"
path = "three"
[[static]]
url = "/old/"
path = "old again"
[[task]]
name = "nightly"
command = "echo three"
at = "05:10"
[[task]]
name = "other twin"
command = "true"
at = "04:10"
""",
)
MORE_SETTINGS = (
    """
[[static_header]]
url = "/static/"
name = "X-Version"
value = "one"
[[always_on]]
name = "worker"
command = "sleep 1001"
enabled = false
""",
    """
[[static_header]]
url = "/static/"
name = "X-Version"
value = "two"
[[static_header]]
url = "/new/"
name = "X-Version"
value = "two"
[[always_on]]
name = "worker"
command = "sleep 1002"
""",
    """
[[always_on]]
name = "other worker"
command = "sleep 1003"
enabled = false
""",
)
"""Treated as mappings and tasks are, and so asked for where a test goes round once, not many times."""
WORKING_DIRECTORIES = ("/home/alice/one", "/home/alice/two", "/home/alice/three")
VERSIONS: tuple[dict[str, str | None], ...] = (
    {"a": "one", ".hidden": "one", "kept": "given once", "swap": "a file", "nest/in": "below a folder"},
    {"a": "two", ".hidden": None, "swap": None, "swap/in": "a folder", "nest/in": None, "nest": "a file"},
    {"a": "three", ".hidden": "three", "swap/in": None, "swap": "a file again", "new/b": "three"},
)
"""What each commits, beside code and configuration: files come, change, go, and swap places with folders."""


def commit_version(place: Stage, number: int) -> None:
    """Commit one of the three, counted from 1; from now on it is what the stage deploys."""
    index = number - 1
    working_directory = f'working_directory = "{WORKING_DIRECTORIES[index]}"\n'
    config = CONFIG.replace("[app]\n", f"[app]\n{working_directory}") + SETTINGS[index]
    config += MORE_SETTINGS[index] if place.has_more_settings else ""
    code = CODE.format(number=number)
    place.repo.commit(
        {"pythonanywhere.toml": config, "wsgi.py": code, **VERSIONS[index]}, f"Version {number}"
    )
    place.site = load_site(config.encode(), "a test", username="alice", host=place.sandbox.url)


@contextmanager
def at_version(folder: Path, number: int, *, more: bool = False, **answers: Any) -> Iterator[Stage]:
    """The commits up to this one; all but the last are live. `answers` are switches of the sandbox."""
    if number > 1:
        before = _with_live(number - 1, tuple(answers.items()), more=more)
        copytree(before, folder, symlinks=True, dirs_exist_ok=True)
    with _opened(folder, answers, more=more) as place:
        commit_version(place, number)
        place.sandbox.requests.wait_idle()
        place.sandbox.requests.reset()
        yield place


@contextmanager
def _opened(folder: Path, answers: Mapping[str, Any], *, more: bool) -> Iterator[Stage]:
    """Without a view of its own for the site, which reads no file: that takes half of the time."""
    switches = Switches(rate_limit="off").changed(answers)
    with stage(folder, plan="paid", isolation="none", switches=switches) as place:
        place.has_more_settings = more
        yield place


@cache
def _with_live(number: int, answers: tuple[tuple[str, Any], ...], *, more: bool) -> Path:
    """A folder in which that version is live: made once in each process, since so many tests begin there."""
    folder = Path(mkdtemp(prefix="deployer-scenario-"))
    atexit.register(rmtree, folder, ignore_errors=True)
    with _opened(folder, dict(answers), more=more) as place:
        for version in range(1, number + 1):
            commit_version(place, version)
            place.sync()
    return folder


def check_live(place: Stage, number: int) -> None:
    """The version is whole on the server, nothing is there twice, and the site runs it."""
    assert place.on_disk() == archived(place.repo, "main", "", ())
    with place.work() as work:
        (webapp,) = work.api.webapps.list()
        mappings = [item.thing for item in read_mappings(work.api, place.site)]
        headers = [item.thing for item in read_headers(work.api, place.site)]
        tasks = [item.thing for item in read_tasks(work.api, place.site)]
        always_on = [item.thing for item in read_always_on(work.api, place.site)]
        wsgi = work.api.files.read(place.site.wsgi_path)
    assert webapp.working_directory == WORKING_DIRECTORIES[number - 1]
    assert sorted(map(str, mappings)) == sorted(map(str, place.site.static))
    assert sorted(map(str, headers)) == sorted(map(str, place.site.headers))
    assert sorted(map(str, tasks)) == sorted(map(str, place.site.tasks))
    assert sorted(map(str, always_on)) == sorted(map(str, place.site.always_on))
    assert wsgi.decode() == CODE.format(number=number)
    assert answer(place) == f"this is version {number}"


def check_recorded(place: Stage) -> None:
    """The record says so, and another run finds nothing to do."""
    manifest = place.manifest()
    assert manifest.pending is None
    assert manifest.live is not None
    assert manifest.commit == manifest.live.commit == place.repo.git("rev-parse", "main")
    with place.counted() as asked:
        assert place.sync().deployment.status is Status.UNCHANGED
    assert set(asked) <= {"GET files/path{path}", "GET files/tree/"}


def answer(place: Stage) -> str:
    """What a visitor of the site gets."""
    host = {"Host": place.site.domain}
    return requests.get(place.sandbox.url, headers=host, timeout=10).text
