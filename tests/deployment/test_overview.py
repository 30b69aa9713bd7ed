"""What `deployer status` reads: what can be had, for few requests; the rest is said not to be known."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deployer.deployment.look import CertificateSeen, WebAppSeen
from deployer.deployment.overview import Overview, overview
from deployer.errors import CredentialsRefused, Unreachable
from deployer.model.manifest import Applied, AppliedSettings, Manifest
from deployer.model.site import AlwaysOnTask, ScheduledTask
from deployer.sandbox import Effect, Fault, Switches
from tests.deployment.stage import UNLIMITED, Stage, stage

NIGHTLY = ScheduledTask(name="nightly", command="true", interval="daily", hour=4, minute=10)
DATES = Switches(rate_limit="off", webapp_expiry="always", task_expiry="always", webapp_shows_enabled=True)
ALL = {"files/path{path}", "files/tree/", "webapps/", "schedule/", "cpu/"}


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("overview")
    with stage(folder, plan="paid", switches=DATES, tasks=(NIGHTLY,)) as opened:
        opened.repo.commit({"a": "four", "b": "three"})
        opened.sync()
        yield opened


@pytest.fixture
def place(deployed: Stage) -> Iterator[Stage]:
    """A site that is live, with a task; what a test changes on it, it puts back."""
    yield deployed
    deployed.sandbox.faults.clear()


def seen(place: Stage) -> Overview:
    with place.work() as work:
        return overview(work)


def test_everything_is_told_and_costs_five_requests(place: Stage) -> None:
    with place.counted() as requests:
        found = seen(place)

    today = datetime.now(UTC).date()
    assert requests == {f"GET {endpoint}": 1 for endpoint in ALL}
    assert found.live is not None
    assert found.disk is not None
    assert (found.disk.bytes, found.disk.files) == (9, 2)
    assert found.webapp is not None
    assert found.webapp.is_there
    assert found.certificate == CertificateSeen(kind="pythonanywhere-subdomain")
    assert [ending.what for ending in found.expiry] == ["web app", "task nightly"]
    assert all(today < ending.on < today + timedelta(days=40) for ending in found.expiry)
    assert found.cpu is not None
    assert found.cpu.resets_at is not None
    (task,) = found.tasks
    assert task.next_run is not None
    assert (task.name, task.next_run.hour, task.next_run.minute) == ("nightly", 4, 10)
    assert found.unknown == {}


def test_a_site_that_was_never_deployed_costs_three(tmp_path: Path) -> None:
    with stage(tmp_path) as place:
        with place.counted() as requests:
            found = seen(place)

        assert sum(requests.values()) == 3
        assert found.live is None
        assert found.webapp == WebAppSeen(is_there=False)
        assert found.certificate is None
        assert (found.tasks, found.always_on, found.expiry, found.unknown) == ((), (), (), {})


def test_a_domain_of_ones_own_costs_one_more_for_its_certificate(tmp_path: Path) -> None:
    with (
        stage(tmp_path, plan="paid", switches=DATES, domain="www.example.org") as place,
        place.work() as work,
    ):
        work.api.webapps.create("www.example.org", "3.11")
        without = overview(work)
        work.api.ssl.letsencrypt("www.example.org")
        with place.counted() as requests:
            found = overview(work)

        assert without.certificate == CertificateSeen(kind=None)
        assert found.certificate is not None
        assert found.certificate.kind == "letsencrypt-auto-renew"
        assert requests["GET webapps/{domain}/ssl/"] == 1
        (_, certificate) = found.expiry
        assert certificate.what == "certificate"
        assert "renews it by itself" in certificate.what_to_do


@pytest.mark.parametrize(
    ("endpoint", "part"),
    [
        ("files/path{path}", "live"),
        ("files/tree/", "drift"),
        ("webapps/", "webapp"),
        ("schedule/", "tasks"),
        ("cpu/", "cpu"),
    ],
)
def test_what_cannot_be_read_is_not_known_and_the_rest_is_told(
    place: Stage, endpoint: str, part: str
) -> None:
    whole = seen(place)
    place.sandbox.faults.add(Fault(effect=Effect(kind="status", status=418), endpoint=endpoint))

    found = seen(place)

    assert list(found.unknown) == [part]
    assert "418" in found.unknown[part]
    assert (found.cpu is None) == (part == "cpu")
    assert (found.webapp is None) == (part == "webapp")
    assert found.tasks == (() if part in {"live", "tasks"} else whole.tasks)
    assert (found.drift == "") == (part in {"live", "drift"})


def test_a_record_that_cannot_be_understood_is_said_and_the_rest_is_told(place: Stage) -> None:
    manifest = place.sandbox.disk.real(place.site.manifest_path)
    good = manifest.read_bytes()
    manifest.write_bytes(good.replace(b'"a":["', b'"a":[["'))
    found = seen(place)
    manifest.write_bytes(good)

    assert "is not a record that can be understood" in found.unknown["live"]
    assert found.webapp is not None
    assert found.cpu is not None


def test_where_nobody_answers_any_more_nothing_else_is_asked(place: Stage) -> None:
    place.sandbox.faults.add(Fault(effect=Effect(kind="cut"), endpoint="webapps/"))
    with place.counted() as requests:
        found = seen(place)

    assert list(found.unknown) == ["webapp", "drift", "tasks", "cpu"]
    assert not {"GET files/tree/", "GET schedule/", "GET cpu/"} & set(requests)
    place.sandbox.faults.add(Fault(effect=Effect(kind="cut"), endpoint="files/path{path}"))
    with pytest.raises(Unreachable):
        seen(place)


def test_a_token_that_is_refused_ends_it(place: Stage) -> None:
    refused = Effect(kind="status", status=401, json={"detail": "Invalid token."})
    place.sandbox.faults.add(Fault(effect=refused, endpoint="cpu/"))

    with pytest.raises(CredentialsRefused):
        seen(place)


def test_a_task_that_is_gone_or_switched_off_is_said_to_be(place: Stage, tmp_path: Path) -> None:
    with place.work() as work:
        (task,) = work.api.schedule.list()
        work.api.schedule.update(task.id, enabled=False)
        (off,) = overview(work).tasks
        work.api.schedule.update(task.id, enabled=True)
    with stage(tmp_path, plan="paid", tasks=(NIGHTLY,)) as other, other.work() as work:
        other.repo.commit({"a": "x"})
        other.sync()
        (task,) = work.api.schedule.list()
        work.api.schedule.delete(task.id)
        (gone,) = overview(work).tasks

    assert (off.is_there, off.enabled, off.next_run) == (True, False, None)
    assert (gone.is_there, gone.next_run) == (False, None)


def test_a_web_app_that_is_switched_off_is_said_to_be(place: Stage) -> None:
    with place.work() as work:
        work.api.webapps.disable(place.site.domain)
        off = overview(work).webapp
        work.api.webapps.enable(place.site.domain)
        on = overview(work).webapp

    assert (off and off.enabled, on and on.enabled) == (False, True)


def test_a_website_with_an_always_on_task_costs_no_more_than_a_web_app_with_a_task(tmp_path: Path) -> None:
    worker = AlwaysOnTask(name="worker", command="sleep 100")
    command = f"{sys.executable} -m http.server"
    with stage(tmp_path, plan="paid", command=command) as place, place.work() as work:
        website = work.api.websites.create(place.site.domain, command=command)
        task = work.api.always_on.create(command="sleep 100", description=place.site.task_label("worker"))
        ours = AppliedSettings(always_on=(Applied(id=task.id, thing=worker),))
        manifest = replace(Manifest.nothing(place.site), settings=ours)
        work.api.files.write(place.site.manifest_path, manifest.dump())
        with place.counted() as requests:
            found = overview(work)

    assert found.webapp == WebAppSeen(is_there=True, command=command, enabled=website.enabled)
    assert [(each.name, each.is_there, each.enabled) for each in found.always_on] == [("worker", True, True)]
    assert sum(requests.values()) == 4


def test_the_platforms_limit_is_told_where_it_is_used_up(tmp_path: Path) -> None:
    with stage(tmp_path, switches=UNLIMITED) as place:
        place.per_minute = 1
        found = seen(place)

    assert found.window_s > 0
