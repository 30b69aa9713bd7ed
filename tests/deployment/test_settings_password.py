"""A site behind a password: the password reaches the platform and the check, and is written nowhere."""

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from deployer.deployment.adopt import adopt
from deployer.deployment.password import fingerprint, is_of
from deployer.deployment.verify import verify
from deployer.errors import ApiError, ConfigError, NeedsPerson
from deployer.health import Login, wait_until_well
from deployer.model.deployment import Status
from deployer.model.overrides import Overrides
from deployer.model.site import HealthCheck, WebAppSettings
from deployer.sandbox.faults import Effect, Fault
from deployer.secret import Secret
from tests.deployment.stage import WSGI, Stage, stage

PASSWORD = "open-sesame-4711"
PROTECTED = WebAppSettings(
    source_directory="/home/alice/mysite",
    password_protection_enabled=True,
    password_protection_username="staff",
)
OPEN = replace(PROTECTED, password_protection_enabled=False, password_protection_username=None)
CONFIGURE = "PATCH webapps/{domain}/"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path, wsgi="wsgi.py", webapp=PROTECTED) as opened:
        opened.password = PASSWORD
        opened.repo.commit({"wsgi.py": WSGI, "a": "one"})
        yield opened


def answers(place: Stage, password: str | None = PASSWORD) -> int:
    login = ("staff", password) if password else None
    host = {"Host": place.site.domain}
    return requests.get(place.sandbox.url, headers=host, auth=login, timeout=10).status_code


def test_visitors_need_it_and_the_check_gives_it(place: Stage) -> None:
    outcome = place.sync()

    assert outcome.answer is not None
    assert outcome.answer.status == 200
    assert answers(place) == 200
    assert answers(place, "wrong") == answers(place, None) == 401


def test_it_is_in_no_plan_no_record_no_event_and_no_state(
    place: Stage, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    preview = place.plan()
    outcome = place.sync()

    configure = next(action for action in outcome.plan.actions if action.kind == "configure-webapp")
    assert configure.reason.endswith("password_protection_username = staff, the password")
    record = place.sandbox.disk.real(place.site.manifest_path).read_text()
    kept = b"".join(path.read_bytes() for path in (place.folder / "state").rglob("*") if path.is_file())
    printed = capsys.readouterr()
    for text in (
        json.dumps(preview.plan.as_json(per_minute=40)),
        repr(outcome.plan),
        record,
        printed.out,
        printed.err,
        caplog.text,
    ):
        assert PASSWORD not in text
    assert PASSWORD.encode() not in kept
    assert re.search(r'"password":"scrypt\$[0-9a-f]{32}\$[0-9a-f]{64}"', record)


def test_while_it_stays_it_costs_nothing_and_another_one_is_noticed_without_a_question(
    place: Stage,
) -> None:
    place.sync()
    with place.counted() as asked:
        assert place.sync().deployment.status is Status.UNCHANGED
    assert set(asked) <= {"GET files/path{path}", "GET files/tree/"}
    place.password = "another"

    outcome = place.sync()

    assert outcome.plan.counts() == {"configure-webapp": 1, "reload": 1}
    assert outcome.plan.actions[0].reason == "wanted: the password"
    assert (answers(place, "another"), answers(place)) == (200, 401)
    assert place.sync().deployment.status is Status.UNCHANGED


def test_without_one_a_plan_says_where_to_put_it_and_nothing_is_sent(place: Stage) -> None:
    place.password = None

    with place.counted() as asked, pytest.raises(ConfigError) as caught:
        place.sync()

    assert "site.<name>.password: is missing; [app] password_protection = " in str(caught.value)
    assert "DEPLOYER_SITE_PASSWORD" in str(caught.value)
    assert not [request for request in asked if not request.startswith("GET")]


def test_reading_needs_none(place: Stage) -> None:
    place.sync()
    place.password = None

    with place.work() as work:
        assert verify(work).differences == ()


def test_false_opens_the_site_and_silence_leaves_it_as_it_is(place: Stage) -> None:
    place.sync()
    place.password = None
    place.change_site(webapp=WebAppSettings(source_directory="/home/alice/mysite"))
    place.sync()
    assert answers(place, None) == 401

    place.change_site(webapp=OPEN)
    place.sync()

    assert answers(place, None) == 200
    assert place.manifest().settings.password is None


def test_protection_that_somebody_switched_off_is_found(place: Stage) -> None:
    place.sync()
    with place.work() as work:
        work.api.webapps.update(place.site.domain, password_protection_enabled=False)
        found = verify(work)

    assert [str(each) for each in found.differences] == ["web app: password_protection_enabled: changed"]


def test_a_cut_off_deployment_leaves_it_in_doubt_so_it_is_sent_again(place: Stage) -> None:
    place.sync()
    with place.counted() as asked:
        place.sync(overrides=Overrides(force=True))

    assert asked[CONFIGURE] == 1


def test_a_site_that_is_adopted_gets_it_by_the_next_deployment(place: Stage) -> None:
    place.sync()
    place.sandbox.disk.remove(place.sandbox.disk.real(place.site.manifest_path))
    place.password = None
    with place.work() as work:
        adopted = adopt(work, work.repository.resolve("main"))
    place.password = PASSWORD

    outcome = place.sync()

    assert "web app alice.pythonanywhere.com: same" in adopted.settings
    assert outcome.plan.counts() == {"configure-webapp": 1, "reload": 1}


def test_a_refusal_that_quotes_it_is_masked(place: Stage) -> None:
    quoting = Effect(kind="status", status=400, json={"password_protection_password": [f"bad: {PASSWORD}"]})
    place.sandbox.faults.add(Fault(effect=quoting, method="PATCH", path="/webapps/", times=1))

    with pytest.raises(ApiError) as caught:
        place.sync()

    assert "bad: ***" in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_a_page_that_quotes_it_is_masked(place: Stage) -> None:
    place.change_site(health=HealthCheck(timeout_s=1))
    place.repo.commit(
        {
            "wsgi.py": "def application(environ, start_response):\n"
            "    start_response('500 Broken', [('Content-Type', 'text/plain')])\n"
            f"    return [b'it was {PASSWORD}, ' + environ.get('HTTP_AUTHORIZATION', '').encode()]\n"
        }
    )

    with pytest.raises(NeedsPerson) as caught:
        place.sync()

    assert "it was ***" in str(caught.value)
    assert PASSWORD not in str(caught.value)
    assert "c3RhZmY6" not in str(caught.value)  # base64 of "staff:"


def test_a_password_that_the_site_does_not_take_is_not_well(place: Stage) -> None:
    place.sync()
    login = Login("staff", Secret("wrong"))

    answer = wait_until_well(
        place.sandbox.url, place.site.domain, HealthCheck(timeout_s=0.1), lambda _: None, login=login
    )

    assert answer.problem == "status 401: the site does not take the password for staff"


def test_a_fingerprint_knows_its_password_and_differs_each_time() -> None:
    first, second = fingerprint(Secret(PASSWORD)), fingerprint(Secret(PASSWORD))

    assert first != second
    assert is_of(Secret(PASSWORD), first)
    assert not is_of(Secret("other"), first)
    for damaged in (None, "", "scrypt$zz$00", "scrypt", first[:-1], f"md5{first}"):
        assert not is_of(Secret(PASSWORD), damaged)
