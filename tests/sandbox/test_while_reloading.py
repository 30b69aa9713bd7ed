"""What visitors get of static files while their site reloads: nobody has published it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.builders.waiting import until
from tests.deployment.stage import WSGI, stage

SLOW = f"""
import os, time
open("/home/alice/begun", "w").close()
while not os.path.exists("/home/alice/go-on"):
    time.sleep(0.01)
{WSGI}
"""


@pytest.mark.parametrize(("answer", "statuses"), [("redirected", (302, 302)), ("served", (200, 302))])
def test_switch_static_while_reloading(tmp_path: Path, answer: str, statuses: tuple[int, int]) -> None:
    with stage(tmp_path, wsgi="wsgi.py") as place:
        place.repo.commit({"wsgi.py": WSGI, "a.txt": "a"})
        place.sync()
        domain, home = place.site.domain, place.sandbox.disk.real("/home/alice")
        place.sandbox.switch(static_while_reloading=answer)
        with place.work() as work, ThreadPoolExecutor() as pool:
            work.api.static_files.create(domain, url="/static/", path=place.site.target)
            work.api.webapps.reload(domain)
            place.sandbox.disk.write(place.site.wsgi_path, SLOW.encode())
            reload = pool.submit(work.api.webapps.reload, domain)
            try:
                assert until((home / "begun").exists)
                asked = [
                    requests.get(
                        f"{place.sandbox.url}{path}",
                        headers={"Host": domain},
                        allow_redirects=False,
                        timeout=10,
                    ).status_code
                    for path in ("/static/a.txt", "/page")
                ]
            finally:
                (home / "go-on").touch()
            reload.result()
    assert tuple(asked) == statuses
