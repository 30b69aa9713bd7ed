"""What counts as an answer of the site, and what is only the platform's word on a reload under way."""

from pathlib import Path

import pytest

from deployer.errors import NeedsPerson
from deployer.model.deployment import Status
from deployer.model.site import HealthCheck
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
