"""A site that a command serves: made, changed, switched, reloaded, and never in somebody else's place."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import sleep

import pytest
import requests

from deployer.deployment.adopt import adopt
from deployer.deployment.verify import heal, verify
from deployer.errors import NeedsPerson, Refused, RolledBack
from deployer.health import wait_until_well
from deployer.model.deployment import Status
from deployer.model.overrides import Overrides
from deployer.model.site import HealthCheck, Site, StaticMapping, WebAppSettings
from deployer.sandbox import Switches
from tests.deployment.stage import WSGI, Stage, stage

SERVER = """
import os
import socketserver
import sys
from http.server import BaseHTTPRequestHandler


class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        body = open(os.path.join(os.path.dirname(__file__), "page")).read().encode()
        self.send_response({status})
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "the platform"


class Server(socketserver.ThreadingUnixStreamServer):
    def get_request(self):
        request, _ = super().get_request()
        return request, ("the platform", 0)


Server(sys.argv[1], Page).serve_forever()
"""
COMMAND = "python3 /home/alice/mysite/server.py ${DOMAIN_SOCKET}"
OTHER = "python3 -u /home/alice/mysite/server.py ${DOMAIN_SOCKET}"
FILES = {"server.py": SERVER.format(status=200), "page": "page one", "wsgi.py": WSGI}
STATIC = StaticMapping(url="/static/", path="/home/alice/mysite/static")
OVERWRITE = Overrides(overwrite=True, move=True)
"""As --overwrite on the command line gives them."""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path, webapp=WebAppSettings(), command=COMMAND) as opened:
        opened.repo.commit(FILES)
        yield opened


def as_webapp(site: Site) -> Site:
    webapp = WebAppSettings(source_directory="/home/alice/mysite")
    return replace(site, command=None, webapp=webapp, wsgi="wsgi.py", static=(STATIC,))


def page(place: Stage) -> str:
    return requests.get(place.sandbox.url, headers={"Host": place.site.domain}, timeout=10).text


def test_it_is_made_after_its_files_and_asked_without_a_reload(place: Stage) -> None:
    with place.counted() as asked:
        outcome = place.sync()

    assert [action.kind for action in outcome.plan.actions] == ["create"] * 3 + ["create-website"]
    assert outcome.answer is not None
    assert outcome.answer.status == 200
    assert page(place) == "page one"
    assert asked["POST websites/"] == 1
    with place.counted() as asked:
        assert place.sync().deployment.status is Status.UNCHANGED
    assert set(asked) <= {"GET files/path{path}", "GET files/tree/"}


def test_changed_files_reload_it(place: Stage) -> None:
    place.sync()
    place.repo.commit({"page": "page two"})

    with place.counted() as asked:
        outcome = place.sync()

    assert [action.kind for action in outcome.plan.actions] == ["update", "reload"]
    assert asked["POST websites/{domain}/reload/"] == 1
    assert page(place) == "page two"


def test_another_command_makes_it_anew_and_the_plan_says_what_that_means(place: Stage) -> None:
    place.sync()
    place.change_site(command=OTHER)

    outcome = place.sync()

    assert outcome.plan.counts() == {"delete-website": 1, "create-website": 1}
    assert "the site is down for some seconds" in outcome.plan.actions[0].reason
    with place.work() as work:
        assert [website.command for website in work.api.websites.list()] == [OTHER]
    assert place.sync().deployment.status is Status.UNCHANGED


def test_a_lost_answer_to_its_creation_is_settled_by_the_list(place: Stage) -> None:
    place.lose_answer("POST", "/websites/$")

    assert place.sync().deployment.status is Status.LIVE
    with place.work() as work:
        assert len(work.api.websites.list()) == 1


def test_cut_off_between_delete_and_create_the_next_run_makes_it(place: Stage) -> None:
    place.sync()
    place.change_site(command=OTHER)
    with place.work() as work:
        work.api.websites.delete(place.site.domain)

    assert place.sync().plan.counts() == {"create-website": 1}
    assert page(place) == "page one"


def test_it_is_switched_off_and_on(place: Stage) -> None:
    place.sync()
    place.change_site(enabled=False)
    off = place.sync()
    place.change_site(enabled=True)
    on = place.sync()

    assert off.plan.counts() == {"switch-website": 1}
    assert off.answer is None
    assert on.plan.counts() == {"switch-website": 1, "reload": 1}
    assert page(place) == "page one"


def test_for_its_first_seconds_the_platforms_404_is_waited_out(tmp_path: Path) -> None:
    switches = Switches(rate_limit="off", new_website_hidden_s=1.0)
    with stage(tmp_path, switches=switches, webapp=WebAppSettings(), command=COMMAND) as place:
        place.repo.commit(FILES)

        outcome = place.sync()

        assert outcome.answer is not None
        assert outcome.answer.status == 200
        assert outcome.answer.tries > 1


def test_a_404_that_stays_is_the_sites_own(place: Stage) -> None:
    """It is below 500, which is all that is asked of a page by default."""
    place.change_site(health=HealthCheck(timeout_s=10, status=404))
    place.repo.commit({"server.py": SERVER.format(status=404)})
    place.sync()
    url, domain = place.sandbox.url, place.site.domain

    unsaid = wait_until_well(url, domain, HealthCheck(timeout_s=5), sleep, new_for_s=0.2)
    wanted = wait_until_well(url, domain, HealthCheck(status=404), sleep, new_for_s=10)

    assert (unsaid.well, unsaid.tries) == (True, 2)
    assert (wanted.well, wanted.tries) == (True, 1)


def test_a_web_app_that_has_the_domain_is_refused_and_overwrite_replaces_it(place: Stage) -> None:
    with place.work() as work:
        work.api.webapps.create(place.site.domain, "3.11")

    with pytest.raises(Refused) as caught:
        place.sync()
    outcome = place.sync(overrides=OVERWRITE)

    assert (
        "alice.pythonanywhere.com is a web app (not ours), and a website that a command serves is wanted"
        in str(caught.value)
    )
    assert "--overwrite" in str(caught.value)
    assert [action.kind for action in outcome.plan.actions][-2:] == ["delete-webapp", "create-website"]
    assert page(place) == "page one"


def test_a_site_becomes_one_of_the_other_kind_and_back_only_when_somebody_says_so(place: Stage) -> None:
    place.sync()
    website = place.site
    place.site = as_webapp(website)
    with pytest.raises(Refused, match=r"is a website \(as it was deployed so far\), and a web app is wanted"):
        place.sync()

    there = place.sync(overrides=OVERWRITE)
    assert page(place) == "hello from the site"
    assert place.manifest().settings.command is None
    assert place.sync().deployment.status is Status.UNCHANGED
    place.site = website
    back = place.sync(overrides=OVERWRITE)

    assert list(there.plan.counts()) == [
        "delete-website",
        "create-webapp",
        "configure-webapp",
        "create-static",
        "wsgi",
        "reload",
    ]
    assert list(back.plan.counts()) == ["delete-webapp", "create-website"]
    settings = place.manifest().settings
    assert (settings.webapp, settings.static, settings.wsgi) == (None, (), None)
    assert page(place) == "page one"
    assert place.sync().deployment.status is Status.UNCHANGED


def test_a_change_of_kind_that_does_not_answer_well_is_put_back(place: Stage) -> None:
    webapp = as_webapp(place.site)
    website, place.site = place.site, webapp
    place.sync()
    before = place.repo.git("rev-parse", "main")
    place.sites[before] = webapp
    place.repo.commit({"server.py": "raise SystemExit(1)"})
    place.site = replace(website, health=HealthCheck(timeout_s=1))

    with pytest.raises(RolledBack):
        place.sync(overrides=OVERWRITE)

    assert page(place) == "hello from the site"


def test_a_command_that_does_not_start_is_told_with_the_sites_own_log(place: Stage) -> None:
    place.change_site(health=HealthCheck(timeout_s=3))
    place.pause = sleep
    place.repo.commit({"server.py": "raise RuntimeError('no socket today')"})

    with pytest.raises(NeedsPerson) as caught:
        place.sync()

    assert "no socket today" in str(caught.value)


def test_it_is_verified_healed_and_adopted(place: Stage) -> None:
    place.sync()
    with place.work() as work:
        work.api.websites.delete(place.site.domain)
        gone = verify(work)
        work.api.websites.create(place.site.domain, command=OTHER)
        other = verify(work)
        heal(work, other)
        again = verify(work)

    assert [str(each) for each in gone.differences] == ["website alice.pythonanywhere.com: missing"]
    assert [str(each) for each in other.differences] == ["website: command: changed"]
    assert again.differences == ()
    place.sandbox.disk.remove(place.sandbox.disk.real(place.site.manifest_path))
    with place.work() as work:
        adopted = adopt(work, work.repository.resolve("main"))
    assert adopted.settings == ("website alice.pythonanywhere.com: same",)
    assert place.sync().deployment.status is Status.UNCHANGED
