"""A version that does not answer: the old one is put back, and the site's own words say why."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.errors import NeedsPerson, Refused, RolledBack, UsageError
from deployer.model.deployment import Status
from deployer.model.overrides import Overrides
from deployer.model.site import HealthCheck, StaticMapping, WebAppSettings
from deployer.sandbox import Effect, Fault
from tests.deployment.stage import WSGI, Stage, stage

BROKEN = "raise RuntimeError('the reason why')\n"
FORCE = Overrides(force=True)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path, wsgi="wsgi.py", health=HealthCheck(timeout_s=0.2)) as opened:
        yield opened


def test_a_version_that_does_not_answer_is_replaced_by_the_one_before(place: Stage) -> None:
    good = place.repo.commit({"wsgi.py": WSGI, "a": "x", "old": "x"})
    place.sync()
    before = place.on_disk()
    bad = place.repo.commit({"wsgi.py": BROKEN, "a": "y", "old": None, "new": "x"})

    with pytest.raises(RolledBack, match="the reason why") as failure:
        place.sync()

    assert place.on_disk() == before
    assert "status 502" in failure.value.message
    assert f"{good[:10]}, which was live before, is back and answers" in failure.value.left
    manifest = place.manifest()
    assert manifest.live is not None
    assert manifest.live.commit == manifest.commit == good
    assert manifest.failed is not None
    assert manifest.failed.commit == bad
    with place.work() as work:
        back, failed, _ = work.state.deployments(None, most=3)
    assert (failed.status, back.status) == (Status.FAILED, Status.LIVE)


def test_after_a_version_was_put_back_by_itself_rollback_goes_to_the_one_before_it(place: Stage) -> None:
    first = place.repo.commit({"wsgi.py": WSGI, "a": "x"})
    place.sync()
    place.repo.commit({"wsgi.py": WSGI, "a": "y"})
    place.sync()
    place.repo.commit({"wsgi.py": BROKEN})
    with pytest.raises(RolledBack):
        place.sync()

    place.rollback()

    live = place.manifest().live
    assert live is not None
    assert live.commit == first


def test_settings_that_only_the_failed_commit_names_are_put_back_as_they_were(place: Stage) -> None:
    good = place.repo.commit({"wsgi.py": WSGI})
    place.sync()
    place.sites[good] = place.site
    place.repo.commit({"wsgi.py": BROKEN})
    place.password = "secret"
    new = WebAppSettings(
        source_directory="/home/alice/mysite",
        working_directory="/home/alice/mysite",
        virtualenv_path="/home/alice/none",
        force_https=True,
        password_protection_enabled=True,
        password_protection_username="staff",
    )
    place.change_site(webapp=new)
    with place.work() as work:
        before = work.api.webapps.get(place.site.domain)

    with pytest.raises(RolledBack):
        place.sync()

    with place.work() as work:
        assert work.api.webapps.get(place.site.domain) == before


def test_a_commit_that_failed_is_not_tried_again_by_itself_but_a_newer_one_or_force_is(place: Stage) -> None:
    place.repo.commit({"wsgi.py": WSGI})
    place.sync()
    place.repo.commit({"wsgi.py": BROKEN})
    with pytest.raises(RolledBack):
        place.sync()

    place.sandbox.requests.wait_idle()
    before = len(place.sandbox.requests.list())
    with pytest.raises(Refused, match="--force"):
        place.sync()
    place.sandbox.requests.wait_idle()
    assert all(entry.method == "GET" for entry in place.sandbox.requests.list()[before:])
    with pytest.raises(RolledBack):
        place.sync(overrides=FORCE)
    place.repo.commit({"wsgi.py": WSGI, "mended": "x"})
    assert place.sync().deployment.status is Status.LIVE
    assert place.manifest().failed is None


def test_a_first_deployment_that_fails_says_that_there_is_nothing_to_go_back_to(place: Stage) -> None:
    place.repo.commit({"wsgi.py": BROKEN})

    with pytest.raises(NeedsPerson, match="the reason why") as failure:
        place.sync()

    assert "first deployment, there is nothing to go back to" in failure.value.left
    assert place.manifest().live is None


def test_after_a_failed_first_deployment_the_next_commit_sends_only_the_difference(place: Stage) -> None:
    place.repo.commit({"wsgi.py": BROKEN, "a": "x"})
    with pytest.raises(NeedsPerson):
        place.sync()
    place.repo.commit({"wsgi.py": WSGI})

    outcome = place.sync()

    assert outcome.plan.counts() == {"update": 1, "wsgi": 1, "reload": 1}
    assert outcome.deployment.status is Status.LIVE


def test_settings_go_back_with_the_files(place: Stage) -> None:
    static = StaticMapping(url="/static/", path="/home/alice/mysite/static")
    good = place.repo.commit({"wsgi.py": WSGI, "static/a": "x"})
    place.change_site(static=(static,))
    place.sites[good] = place.site
    place.sync()
    place.repo.commit({"wsgi.py": BROKEN})
    place.change_site(static=(replace(static, path="/home/alice/mysite"),))

    with pytest.raises(RolledBack):
        place.sync()

    with place.work() as work:
        mappings = [(item.url, item.path) for item in work.api.static_files.list(place.site.domain)]
    assert mappings == [("/static/", "/home/alice/mysite/static")]


def test_when_going_back_fails_too_the_error_says_what_is_on_the_server_now(place: Stage) -> None:
    place.repo.commit({"wsgi.py": WSGI})
    place.sync()
    place.repo.commit({"wsgi.py": BROKEN})
    place.sandbox.requests.wait_idle()
    place.sandbox.requests.reset()
    place.sandbox.faults.add(
        Fault(effect=Effect(kind="status", status=400), method="POST", path="mysite/wsgi.py", after=1)
    )

    with pytest.raises(NeedsPerson, match="back failed too") as failure:
        place.sync()

    assert "are on the server and the site runs them" in failure.value.left
    place.sandbox.faults.clear()
    assert place.rollback(place.manifest().live.commit).deployment.status is Status.LIVE  # type: ignore[union-attr]


def test_rollback_puts_the_one_before_back_and_the_one_left_waits_for_force(place: Stage) -> None:
    first = place.repo.commit({"wsgi.py": WSGI, "a": "1"})
    place.sync()
    second = place.repo.commit({"a": "2"})
    place.sync()

    outcome = place.rollback()

    assert outcome.deployment.commit == first
    assert place.on_disk()["a"] == b"1"
    with pytest.raises(Refused, match=f"{second[:10]} was rolled back"):
        place.sync()
    assert place.sync(overrides=FORCE).deployment.status is Status.LIVE


def test_rollback_goes_to_a_named_deployment_or_commit(place: Stage) -> None:
    place.repo.commit({"wsgi.py": WSGI, "a": "1"})
    first = place.sync().deployment
    for content in ("2", "3"):
        place.repo.commit({"a": content})
        last = place.sync().deployment

    place.rollback(first.id)
    by_id = place.on_disk()["a"]
    place.rollback(last.commit[:12])

    assert (by_id, place.on_disk()["a"]) == (b"1", b"3")


def test_without_anything_before_rollback_says_where_to_look(place: Stage) -> None:
    place.repo.commit({"wsgi.py": WSGI})
    place.sync()

    with pytest.raises(UsageError, match="nothing that was live") as failure:
        place.rollback()

    assert "deployer history" in failure.value.hint


def test_force_deploys_the_same_commit_again_and_mends_settings_that_somebody_changed(place: Stage) -> None:
    static = StaticMapping(url="/static/", path="/home/alice/mysite/static")
    place.change_site(static=(static,))
    place.repo.commit({"wsgi.py": WSGI})
    place.sync()
    with place.work() as work:
        for item in work.api.static_files.list(place.site.domain):
            work.api.static_files.delete(place.site.domain, item.id)

    outcome = place.sync(overrides=FORCE)

    assert outcome.plan.counts() == {"create-static": 1, "reload": 1}


def refuse(place: Stage, path: str, *, after: int, times: int | None = 1) -> None:
    """The platform says no to an upload, after so many of that path."""
    effect = Effect(kind="status", status=400, json={"detail": "no"})
    place.sandbox.faults.add(Fault(effect=effect, method="POST", path=path, after=after, times=times))


def test_a_way_back_that_was_cut_off_is_finished_by_the_next_run_of_the_bad_commit(place: Stage) -> None:
    place.repo.commit({"wsgi.py": WSGI, "a": "x"})
    place.sync()
    before = place.on_disk()
    place.repo.commit({"wsgi.py": BROKEN, "a": "y"})
    refuse(place, r"_wsgi\.py$", after=1)
    with pytest.raises(NeedsPerson, match="failed too"):
        place.sync()

    with pytest.raises(RolledBack, match="was cut off"):
        place.sync()

    assert place.on_disk() == before
    with pytest.raises(Refused, match="--force"):
        place.sync()


def test_a_commit_whose_failure_could_not_be_recorded_is_not_tried_again_either(place: Stage) -> None:
    place.repo.commit({"wsgi.py": WSGI})
    place.sync()
    place.repo.commit({"wsgi.py": BROKEN})
    refuse(place, r"manifest\.json$", after=1)
    with pytest.raises(RolledBack):
        place.sync()

    with pytest.raises(Refused, match="--force"):
        place.sync()
