"""Always-on tasks: made, changed, removed, and restarted when what they run has changed."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.deployment.adopt import adopt
from deployer.deployment.verify import heal, verify
from deployer.errors import ApiError, RolledBack
from deployer.model.deployment import Status
from deployer.model.site import AlwaysOnTask, HealthCheck
from deployer.sandbox.faults import Effect, Fault
from tests.deployment.stage import WSGI, Stage, stage

WORKER = AlwaysOnTask(name="worker", command="sleep 1001")
STEADY = AlwaysOnTask(name="steady", command="sleep 1002", restart="never")
OFF = AlwaysOnTask(name="off", command="sleep 1003", enabled=False)
RESTART = "POST always_on/{id}/restart/"
BROKEN = "def application(environ, start_response):\n    raise ValueError('broken')\n"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path, wsgi="wsgi.py", plan="paid", always_on=5) as opened:
        opened.change_site(always_on=(WORKER, STEADY, OFF))
        opened.repo.commit({"wsgi.py": WSGI, "a": "one"})
        opened.sync()
        yield opened


def there(place: Stage) -> dict[str | None, tuple[str | None, bool | None]]:
    with place.work() as work:
        return {each.description: (each.command, each.enabled) for each in work.api.always_on.list()}


def label(task: AlwaysOnTask) -> str:
    return f"{task.name} (alice.pythonanywhere.com)"


def test_they_are_made_once_with_our_label_and_cost_nothing_while_they_stay(place: Stage) -> None:
    assert there(place) == {
        label(WORKER): (WORKER.command, True),
        label(STEADY): (STEADY.command, True),
        label(OFF): (OFF.command, False),
    }
    with place.counted() as asked:
        assert place.sync().deployment.status is Status.UNCHANGED
    assert set(asked) <= {"GET files/path{path}", "GET files/tree/"}


def test_changed_files_restart_those_that_follow_deployments_after_the_reload(place: Stage) -> None:
    place.repo.commit({"a": "two"})

    with place.counted() as asked:
        outcome = place.sync()

    assert [action.kind for action in outcome.plan.actions] == ["update", "reload", "restart-always-on"]
    restart = outcome.plan.restarts[0]
    assert (restart.subject, restart.reason) == ("worker", "so that it runs what was sent")
    assert asked[RESTART] == 1
    assert not [request for request in asked if request.startswith("GET always_on")]


def test_a_changed_command_is_an_update_of_the_same_task_and_a_restart(place: Stage) -> None:
    place.change_site(always_on=(WORKER, replace(STEADY, command="sleep 1004"), OFF))

    with place.counted() as asked:
        outcome = place.sync()

    assert outcome.plan.counts() == {"update-always-on": 1, "restart-always-on": 1}
    assert asked["POST webapps/{domain}/reload/"] == 0
    assert there(place)[label(STEADY)] == ("sleep 1004", True)


def test_another_way_to_restart_is_not_the_platforms_business(place: Stage) -> None:
    place.change_site(always_on=(replace(WORKER, restart="never"), STEADY, OFF))
    assert place.sync().deployment.status is Status.UNCHANGED
    place.repo.commit({"a": "two"})

    assert "restart-always-on" not in place.sync().plan.counts()


def test_one_that_is_not_wanted_any_more_is_deleted_and_others_are_left_alone(place: Stage) -> None:
    with place.work() as work:
        work.api.always_on.create(command=WORKER.command, description="theirs")
    place.change_site(always_on=())

    outcome = place.sync()

    assert outcome.plan.counts() == {"delete-always-on": 3}
    assert there(place) == {"theirs": (WORKER.command, True)}


def test_a_lost_answer_makes_no_second_task(place: Stage) -> None:
    new = AlwaysOnTask(name="new", command="sleep 1005")
    place.change_site(always_on=(WORKER, STEADY, OFF, new))
    place.lose_answer("POST", "/always_on/$")

    place.sync()

    with place.work() as work:
        assert len(work.api.always_on.list()) == 4
    assert len(place.manifest().settings.always_on) == 4


def test_a_commit_that_does_not_answer_well_restarts_them_only_onto_what_is_put_back(place: Stage) -> None:
    place.change_site(health=HealthCheck(timeout_s=1))
    place.repo.commit({"wsgi.py": BROKEN, "a": "two"})

    with place.counted() as asked, pytest.raises(RolledBack):
        place.sync()

    assert asked[RESTART] == 1
    assert place.on_disk()["a"] == b"one"


def test_a_restart_that_failed_is_made_up_for_by_the_next_run(place: Stage) -> None:
    place.repo.commit({"a": "two"})
    refused = Effect(kind="status", status=400, json={"detail": "not now"})
    place.sandbox.faults.add(Fault(effect=refused, method="POST", path="/restart/$", times=1))

    with pytest.raises(ApiError) as caught:
        place.sync()
    with place.counted() as asked:
        again = place.sync()

    assert "not every always-on task was started anew" in caught.value.left
    assert again.deployment.status is Status.LIVE
    assert asked[RESTART] == 1
    assert asked["POST files/path{path}"] == 2  # the intent and the record: no file is sent again
    assert place.sync().deployment.status is Status.UNCHANGED


def test_one_that_somebody_deleted_does_not_fail_the_deployment_and_is_made_anew(place: Stage) -> None:
    with place.work() as work:
        (worker,) = (each for each in work.api.always_on.list() if each.description == label(WORKER))
        work.api.always_on.delete(worker.id)
    place.repo.commit({"a": "two"})

    assert place.sync().deployment.status is Status.LIVE
    assert place.sync().plan.counts() == {"create-always-on": 1}
    assert label(WORKER) in there(place)


def test_they_are_verified_healed_and_adopted(place: Stage) -> None:
    with place.work() as work:
        (worker,) = (each for each in work.api.always_on.list() if each.description == label(WORKER))
        work.api.always_on.update(worker.id, command="false")
        found = verify(work)
        heal(work, found)
        again = verify(work)

    assert [str(each) for each in found.differences] == ["always-on task worker: changed"]
    assert again.differences == ()
    place.sandbox.disk.remove(place.sandbox.disk.real(place.site.manifest_path))
    with place.work() as work:
        adopted = adopt(work, work.repository.resolve("main"))
    assert "always-on task worker: same" in adopted.settings
    assert place.sync().deployment.status is Status.UNCHANGED


def test_an_account_that_has_none_is_never_asked_for_them(tmp_path: Path) -> None:
    with stage(tmp_path, wsgi="wsgi.py", plan="free") as free:
        free.repo.commit({"wsgi.py": WSGI})
        with free.counted() as asked:
            free.sync()

    assert not [request for request in asked if "always_on" in request]


def test_an_account_without_them_is_told_what_to_do(tmp_path: Path) -> None:
    with stage(tmp_path, wsgi="wsgi.py", always_on=0) as place:
        place.change_site(always_on=(WORKER,))
        place.repo.commit({"wsgi.py": WSGI})
        with pytest.raises(ApiError, match="403") as refused:
            place.sync()
    assert "take [[always_on]] out of pythonanywhere.toml" in refused.value.hint
