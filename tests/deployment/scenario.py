"""Three versions of a site, each of which changes all that can change, and what must be true of one."""

import requests

from deployer.deployment.live import read_mappings, read_tasks
from deployer.model.deployment import Status
from deployer.model.site import (
    FileRules,
    HealthCheck,
    ScheduledTask,
    StaticMapping,
    WebAppSettings,
)
from tests.deployment.archive import archived
from tests.deployment.stage import Stage

TARGET = "/home/alice/mysite"
RULES = FileRules(keep=("kept",))
HEALTH = HealthCheck(contains="this is version", timeout_s=10)
CODE = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"this is version {number}"]
"""
VERSIONS: tuple[dict[str, str | None], ...] = (
    {"a": "one", ".hidden": "one", "kept": "given once", "swap": "a file", "nest/in": "below a folder"},
    {"a": "two", ".hidden": None, "swap": None, "swap/in": "a folder", "nest/in": None, "nest": "a file"},
    {"a": "three", ".hidden": "three", "swap/in": None, "swap": "a file again", "new/b": "three"},
)
"""What each commits, beside the WSGI file: files come, change and go, and swap places with folders."""


def _task(name: str, command: str = "true", hour: int = 4) -> ScheduledTask:
    return ScheduledTask(name=name, command=command, interval="daily", hour=hour, minute=10)


def _mapping(url: str, folder: str) -> StaticMapping:
    return StaticMapping(url=url, path=f"{TARGET}/{folder}")


STATIC = (
    (_mapping("/static/", "one"), _mapping("/old/", "old")),
    (_mapping("/static/", "two"), _mapping("/new/", "new")),
    (_mapping("/static/", "three"), _mapping("/old/", "old again")),
)
TASKS = (
    (_task("nightly"), _task("twin"), _task("other twin")),
    (_task("nightly", "false"), _task("twin"), _task("new")),
    (_task("nightly", "echo three", 5), _task("other twin")),
)
WORKING_DIRECTORY = (None, TARGET, "/home/alice")


def commit_version(place: Stage, number: int) -> None:
    """Commit one of the three, counted from 1; from now on it is what the stage deploys."""
    index = number - 1
    place.repo.commit({"wsgi.py": CODE.format(number=number), **VERSIONS[index]}, f"Version {number}")
    webapp = WebAppSettings(source_directory=TARGET, working_directory=WORKING_DIRECTORY[index])
    place.change_site(**fields(), webapp=webapp, static=STATIC[index], tasks=TASKS[index])


def fields() -> dict[str, object]:
    """What all versions have in common."""
    return {"files": RULES, "wsgi": "wsgi.py", "health": HEALTH}


def check_live(place: Stage, number: int) -> None:
    """The version is whole on the server, nothing is there twice, and the site runs it."""
    assert place.on_disk() == archived(place.repo, "main", "", ())
    with place.work() as work:
        (webapp,) = work.api.webapps.list()
        mappings = [item.mapping for item in read_mappings(work.api, place.site)]
        tasks = [item.task for item in read_tasks(work.api)]
        wsgi = work.api.files.read(place.site.wsgi_path)
    assert webapp.source_directory == TARGET
    assert WORKING_DIRECTORY[number - 1] in {None, webapp.working_directory}
    assert sorted(mappings, key=lambda mapping: mapping.url) == sorted(
        place.site.static, key=lambda mapping: mapping.url
    )
    assert sorted(tasks, key=lambda task: task.name) == sorted(place.site.tasks, key=lambda task: task.name)
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
