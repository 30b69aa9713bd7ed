"""A site that exists already is taken over: compared and recorded, and nothing on it is changed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.config import load_site
from deployer.deployment.adopt import Adoption, adopt, live_site
from deployer.errors import UsageError
from deployer.model.deployment import Status
from deployer.model.site import ScheduledTask, Site, StaticHeader, StaticMapping
from deployer.scaffold import adopted_text
from tests.deployment.stage import WSGI, Stage, stage

STATIC = StaticMapping(url="/static/", path="/home/alice/mysite/static")
NIGHTLY = ScheduledTask(name="nightly", command="true", interval="daily", hour=4, minute=10)
FILES = {"wsgi.py": WSGI, "a": "x", ".h": "x", "static/s.css": "s"}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Stage]:
    """A site that was made by hand, just as the commit wants it."""
    with stage(tmp_path, wsgi="wsgi.py", static=(STATIC,), tasks=(NIGHTLY,)) as opened:
        opened.repo.commit(FILES)
        for path, content in FILES.items():
            opened.put(path, content)
        with opened.work() as work:
            work.api.webapps.create(opened.site.domain, "3.11")
            work.api.webapps.update(opened.site.domain, source_directory=opened.site.target)
            work.api.static_files.create(opened.site.domain, url=STATIC.url, path=STATIC.path)
            work.api.schedule.create(command="true", interval="daily", hour=4, minute=10)
        opened.sandbox.disk.write(opened.site.wsgi_path, WSGI.encode())
        yield opened


def adopted(place: Stage) -> Adoption:
    with place.work() as work:
        return adopt(work, work.repository.resolve("main"))


def test_what_is_right_already_is_recorded_and_the_next_sync_has_nothing_to_do(place: Stage) -> None:
    with place.counted() as requests:
        found = adopted(place)

    assert (found.same, found.different, found.missing) == (4, (), ())
    assert [request for request in requests if not request.startswith("GET")] == ["POST files/path{path}"]
    assert place.sync().deployment.status is Status.UNCHANGED


def test_what_differs_is_ours_from_then_on_and_only_that_is_sent(place: Stage) -> None:
    place.put("a", "older")
    (place.target / ".h").unlink()
    place.put("theirs", "t")

    found = adopted(place)
    outcome = place.sync()

    assert (found.same, found.different, found.missing) == (2, ("a",), (".h",))
    assert outcome.plan.counts() == {"create": 1, "update": 1, "reload": 1}
    assert place.on_disk()["theirs"] == b"t"


def test_settings_that_differ_are_left_to_the_next_sync(place: Stage) -> None:
    with place.work() as work:
        work.api.webapps.update(place.site.domain, source_directory="/home/alice/elsewhere")
        for item in work.api.static_files.list(place.site.domain):
            work.api.static_files.delete(place.site.domain, item.id)

    found = adopted(place)
    outcome = place.sync()

    assert "web app alice.pythonanywhere.com: differs in source_directory" in found.settings
    assert "static mapping /static/: not there" in found.settings
    assert outcome.plan.counts() == {"configure-webapp": 1, "create-static": 1, "reload": 1}
    with place.work() as work:
        assert len(work.api.schedule.list()) == 1


def test_the_file_that_is_written_for_a_site_wants_what_is_there(place: Stage) -> None:
    domain = place.site.domain
    header = StaticHeader(url="/static/", name="Cache-Control", value="no-store")
    with place.work() as work:
        work.api.static_headers.create(domain, url=header.url, name=header.name, value=header.value)
        work.api.webapps.update(
            domain, password_protection_enabled=True, password_protection_username="staff"
        )

        webapp = _read_again(adopted_text(live_site(work.api, domain)))
        work.api.webapps.delete(domain)
        work.api.websites.create(domain, command="serve ${DOMAIN_SOCKET}")
        website = _read_again(adopted_text(live_site(work.api, domain)))

    assert (webapp.static, webapp.headers) == ((STATIC,), (header,))
    assert webapp.webapp.password_protection_username == "staff"
    assert webapp.webapp.source_directory == place.site.target
    assert (website.kind, website.command) == ("asgi", "serve ${DOMAIN_SOCKET}")


def _read_again(text: str) -> Site:
    return load_site(text.encode(), "written", username="alice", host="https://www.pythonanywhere.com")


def test_a_site_with_a_record_is_not_adopted_again(place: Stage) -> None:
    adopted(place)

    with pytest.raises(UsageError, match="with a record already"):
        adopted(place)
