"""What counts as an answer of the site, and what is only the platform's word on a reload under way."""

import sys
from pathlib import Path

import pytest

from deployer.errors import NeedsPerson, Refused
from deployer.model.deployment import Status
from deployer.model.site import HealthCheck, WebAppSettings
from deployer.sandbox import Switches
from tests.deployment.stage import WSGI, stage

SLOW_START = "import time\ntime.sleep(0.7)\n"
LOG_IN = """
def application(environ, start_response):
    start_response("302 Found", [("Location", "/log-in/")])
    return []
"""
RELOADS_AGAIN = Switches(rate_limit="off", wsgi_upload_delay_s=0.3)
"""The upload of the WSGI file reloads once more, while the site is being asked."""


def test_a_redirect_of_a_site_that_still_reloads_is_not_taken_for_an_answer(tmp_path: Path) -> None:
    broken = f"{SLOW_START}raise RuntimeError('why it is broken')\n"
    with stage(tmp_path, wsgi="wsgi.py", switches=RELOADS_AGAIN, health=HealthCheck(timeout_s=2.0)) as place:
        place.repo.commit({"wsgi.py": broken})

        with pytest.raises(NeedsPerson, match="why it is broken"):
            place.sync()


def test_a_site_that_reloads_while_it_is_asked_is_live_once_it_answers_itself(tmp_path: Path) -> None:
    with stage(tmp_path, wsgi="wsgi.py", switches=RELOADS_AGAIN) as place:
        place.repo.commit({"wsgi.py": SLOW_START + WSGI})

        outcome = place.sync()

        assert outcome.deployment.status is Status.LIVE
        assert outcome.answer is not None
        assert outcome.answer.status == 200


def test_a_redirect_to_another_address_is_an_answer(tmp_path: Path) -> None:
    """As from a site that sends its visitors to a log-in page."""
    with stage(tmp_path, wsgi="wsgi.py") as place:
        place.repo.commit({"wsgi.py": LOG_IN})

        outcome = place.sync()

        assert outcome.answer is not None
        assert outcome.answer.status == 302


FLAKY = """
import itertools
answers = itertools.cycle([200, 500])
def application(environ, start_response):
    start_response(f"{next(answers)} Whatever", [("Content-Type", "text/plain")])
    return [b"now and then"]
"""


def test_a_site_that_answers_well_only_now_and_then_is_not_well_when_two_in_a_row_are_wanted(
    tmp_path: Path,
) -> None:
    with stage(tmp_path, wsgi="wsgi.py", health=HealthCheck(timeout_s=0.8, in_a_row=2)) as place:
        place.repo.commit({"wsgi.py": FLAKY})

        with pytest.raises(NeedsPerson, match="does not answer as it should"):
            place.sync()


def test_good_answers_in_a_row_are_counted(tmp_path: Path) -> None:
    with stage(tmp_path, wsgi="wsgi.py", health=HealthCheck(timeout_s=10, in_a_row=3)) as place:
        place.repo.commit({"wsgi.py": WSGI})

        outcome = place.sync()

        assert outcome.answer is not None
        assert outcome.answer.tries == 3


def test_a_wsgi_file_that_python_cannot_read_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    settings = WebAppSettings(python_version=version)
    with stage(tmp_path, wsgi="wsgi.py", webapp=settings) as place:
        place.repo.commit({"wsgi.py": "def application(:\n"})

        with pytest.raises(Refused, match=r"wsgi\.py line 1"), place.counted() as requests:
            place.sync()

        assert all(request.startswith("GET") for request in requests)


def test_a_virtualenv_that_is_not_there_is_mentioned_in_the_plan(tmp_path: Path) -> None:
    settings = WebAppSettings(virtualenv_path="/home/alice/.virtualenvs/mysite")
    with stage(tmp_path, wsgi="wsgi.py", webapp=settings) as place:
        place.repo.commit({"wsgi.py": WSGI})

        missing = place.plan().plan.notes
        place.sandbox.disk.real("/home/alice/.virtualenvs/mysite/bin").mkdir(parents=True)
        there = place.plan().plan.notes

        assert [note.subject for note in missing] == ["/home/alice/.virtualenvs/mysite"]
        assert there == ()
