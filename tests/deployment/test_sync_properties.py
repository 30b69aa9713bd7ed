"""Any history, deployed in any order from any machine: the server holds what git says, nothing is lost."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck as Unhealthy
from hypothesis import event, given, settings

from deployer.errors import Refused
from deployer.model.deployment import Status
from deployer.model.overrides import Overrides
from deployer.model.site import FileRules, HealthCheck, MaxDelete
from tests.deployment.archive import archived, named
from tests.deployment.histories import History, clash, histories
from tests.deployment.stage import Stage, stage

OWN = {"media/upload.png": b"\x89PNG", "db.sqlite3": b"SQLite", ".env": b"SECRET=1", "d/own.log": b"hello"}
"""What the site writes by itself, one of them into a folder that commits write to as well."""
ANYTHING = Overrides(allow_empty=True, max_delete=MaxDelete(share=1.0))


@pytest.mark.timeout(400)  # a failing example is made small for up to five minutes
@settings(
    max_examples=settings().max_examples * 2 // 5,  # a profile with more examples has more here too
    deadline=None,
    suppress_health_check=[Unhealthy.too_slow, Unhealthy.data_too_large],
)
@given(history=histories())
def test_after_each_deployment_the_server_holds_what_git_archives_and_what_the_site_wrote(
    history: History,
) -> None:
    rules = FileRules(source=history.source, exclude=history.exclude, keep=history.keep)
    with (
        TemporaryDirectory() as folder,
        stage(Path(folder), files=rules, health=HealthCheck(enabled=False), isolation="none") as place,
    ):
        commits = history.commit_to(place.repo)
        for visit in history.visits:
            place.state = visit.state
            _deploy_and_compare(place, commits[visit.commit], history)
            _let_the_site_write(place)


def _deploy_and_compare(place: Stage, commit: str, history: History) -> None:
    before = place.on_disk()
    wanted = _expected(place, commit, history, before)
    if wanted is None:
        event("refused")
        with place.counted() as requests, pytest.raises(Refused):
            place.sync(commit, ANYTHING)
        assert all(request.startswith("GET ") for request in requests)
        assert place.on_disk() == before
        return

    event("deployed")
    place.sync(commit, ANYTHING)
    assert place.on_disk() == wanted

    with place.counted() as requests:
        again = place.sync(commit, ANYTHING)
    assert again.deployment.status is Status.UNCHANGED
    assert sum(requests.values()) <= 2
    assert all(request.startswith("GET ") for request in requests)


def _expected(
    place: Stage, commit: str, history: History, before: dict[str, bytes]
) -> dict[str, bytes] | None:
    """None where the commit cannot be there beside what must not be touched."""
    shipped = archived(place.repo, commit, history.source, history.exclude)
    if shipped is None:
        return None
    kept = named(place.repo, history.keep, {*shipped, *before})
    stays = {path: content for path, content in before.items() if path in kept or path in OWN}
    wanted = {path: content for path, content in shipped.items() if path not in kept}
    if any(clash(path, {*stays}) for path in wanted):
        return None
    given_once = {
        path: content
        for path, content in shipped.items()
        if path in kept and path not in stays and not clash(path, {*stays})
    }
    return {**wanted, **stays, **given_once}


def _let_the_site_write(place: Stage) -> None:
    there = {*place.on_disk()}
    for path, content in OWN.items():
        if path not in there and not clash(path, there):
            file = place.target / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
