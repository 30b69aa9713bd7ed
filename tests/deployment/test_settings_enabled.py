"""A site that is taken off the web and put back, by what the repository says."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from deployer.deployment.verify import verify
from deployer.model.deployment import Status
from deployer.model.overrides import Overrides
from deployer.sandbox import Switches
from tests.deployment.stage import WSGI, Stage, stage

RELOAD, ENABLE, DISABLE = (f"POST webapps/{{domain}}/{what}/" for what in ("reload", "enable", "disable"))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path, wsgi="wsgi.py") as opened:
        opened.repo.commit({"wsgi.py": WSGI, "a": "one"})
        opened.sync()
        yield opened


def answers(place: Stage) -> int:
    host = {"Host": place.site.domain}
    return requests.get(place.sandbox.url, headers=host, timeout=10).status_code


def test_a_site_that_is_switched_off_is_neither_reloaded_nor_asked_and_says_so(place: Stage) -> None:
    place.change_site(enabled=False)
    place.repo.commit({"a": "two"})

    with place.counted() as asked:
        outcome = place.sync()

    assert outcome.plan.counts() == {"update": 1, "disable": 1}
    assert outcome.answer is None
    assert [note.reason for note in outcome.plan.notes] == [
        "is off (enabled = false): neither reloaded nor asked; enabled = true in [app] puts it on the web"
    ]
    assert (asked[DISABLE], asked[RELOAD]) == (1, 0)
    assert answers(place) == 404
    with place.counted() as asked:
        assert place.sync().deployment.status is Status.UNCHANGED
    assert set(asked) <= {"GET files/path{path}", "GET files/tree/"}


def test_switched_on_again_it_is_reloaded_and_asked(place: Stage) -> None:
    place.change_site(enabled=False)
    place.sync()
    place.change_site(enabled=True)

    with place.counted() as asked:
        outcome = place.sync()

    assert outcome.plan.counts() == {"enable": 1, "reload": 1}
    assert outcome.answer is not None
    assert outcome.answer.status == 200
    assert (asked[ENABLE], asked[RELOAD]) == (1, 1)
    assert place.sync().deployment.status is Status.UNCHANGED


def test_what_is_not_said_any_more_stays_as_it_was_put(place: Stage) -> None:
    place.change_site(enabled=False)
    place.sync()
    place.change_site(enabled=None)
    place.repo.commit({"a": "two"})

    outcome = place.sync()

    assert outcome.plan.counts() == {"update": 1}
    assert "an earlier enabled = false, still in force" in outcome.plan.notes[0].reason
    assert answers(place) == 404


def test_a_new_site_that_shall_be_off_never_answers(tmp_path: Path) -> None:
    with stage(tmp_path, wsgi="wsgi.py", enabled=False) as place:
        place.repo.commit({"wsgi.py": WSGI})

        outcome = place.sync()

        assert [action.kind for action in outcome.plan.actions][-2:] == ["disable", "wsgi"]
        assert answers(place) == 404


@pytest.mark.parametrize("shows", [False, True])
def test_after_a_cut_it_is_said_again_unless_the_platform_tells(tmp_path: Path, shows: bool) -> None:
    switches = Switches(rate_limit="off", webapp_shows_enabled=shows)
    with stage(tmp_path, wsgi="wsgi.py", switches=switches, enabled=True) as place:
        place.repo.commit({"wsgi.py": WSGI})
        place.sync()

        with place.counted() as asked:
            place.sync(overrides=Overrides(force=True))

    assert asked[ENABLE] == (0 if shows else 1)


def test_where_the_platform_tells_a_site_that_somebody_switched_off_is_found(tmp_path: Path) -> None:
    switches = Switches(rate_limit="off", webapp_shows_enabled=True)
    with stage(tmp_path, wsgi="wsgi.py", switches=switches, enabled=True) as place:
        place.repo.commit({"wsgi.py": WSGI})
        place.sync()
        with place.work() as work:
            work.api.webapps.disable(place.site.domain)
            found = verify(work)

    assert [str(each) for each in found.differences] == ["web app: enabled: changed"]
