"""A commit that breaks the site, in each way that a site can break: the old page stays, and why is told."""

from pathlib import Path

import pytest
import requests

from deployer.sandbox import Switches
from tests.cli.project import CONFIG, WSGI, project

BROKEN = {
    "does not import": ("import nowhere_to_be_found\n", "No module named 'nowhere_to_be_found'"),
    "answers 500": (
        "def application(environ, start_response):\n    raise ValueError('not today')\n",
        "ValueError: not today",
    ),
    "hangs longer than a reload waits": (
        "import time\n\ndef application(environ, start_response):\n    time.sleep(25)\n    return []\n",
        "no answer",
    ),
}


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("source", "reason"), BROKEN.values(), ids=list(BROKEN))
def test_a_commit_that_breaks_the_site_is_taken_back_and_says_why(
    tmp_path: Path, source: str, reason: str
) -> None:
    config = CONFIG.replace('timeout = "5s"', 'timeout = "2s"\nstatus = 200')
    switches = Switches(wsgi_upload="nothing")  # or a hanging worker has one reload more to hold up
    with project(tmp_path, switches=switches, reload_limit_s=1.0) as place:
        place.commit({"pythonanywhere.toml": config, "wsgi.py": WSGI})
        assert place.run("sync").status == 0
        place.commit({"wsgi.py": source})

        broken = place.run("sync")
        shown = place.run("show", place.run("history", "--limit", "2").out.splitlines()[1].split()[0])
        again = place.run("sync")
        page = requests.get(place.sandbox.url, headers={"Host": "alice.pythonanywhere.com"}, timeout=30)
        place.commit({"wsgi.py": WSGI.replace("hello", "mended")})
        mended = place.run("sync")

        assert broken.status == 4, broken.err
        assert reason in broken.err
        assert reason in shown.out
        assert (again.status, "--force" in again.err) == (3, True)
        assert page.text == "hello from the site"
        assert mended.status == 0, mended.err
