"""Static headers: wanted by the repository, made, changed and removed on the platform, and served."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from deployer.deployment.adopt import adopt
from deployer.deployment.verify import heal, verify
from deployer.errors import Refused
from deployer.model.deployment import Status
from deployer.model.overrides import Overrides
from deployer.model.site import StaticHeader, StaticMapping
from deployer.sandbox import Switches
from tests.deployment.stage import WSGI, Stage, stage

CACHE = StaticHeader(url="/static/", name="Cache-Control", value="max-age=60")
FRAME = StaticHeader(url="/static/", name="X-Frame-Options", value="DENY")
STATIC = StaticMapping(url="/static/", path="/home/alice/mysite/static")
FILES = {"wsgi.py": WSGI, "static/s.css": "s"}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path, wsgi="wsgi.py", static=(STATIC,), headers=(CACHE, FRAME)) as opened:
        opened.repo.commit(FILES)
        yield opened


def there(place: Stage) -> set[tuple[str | None, str | None, str | None]]:
    with place.work() as work:
        headers = work.api.static_headers.list(place.site.domain)
        return {(header.url, header.name, header.value_text) for header in headers}


def test_headers_are_made_and_served_and_cost_nothing_while_they_stay(place: Stage) -> None:
    outcome = place.sync()

    assert outcome.plan.counts()["create-header"] == 2
    answer = requests.get(
        f"{place.sandbox.url}/static/s.css", headers={"Host": place.site.domain}, timeout=10
    )
    assert answer.headers["Cache-Control"] == "max-age=60"
    with place.counted() as asked:
        assert place.sync().deployment.status is Status.UNCHANGED
    assert set(asked) <= {"GET files/path{path}", "GET files/tree/"}


def test_a_changed_value_is_an_update_and_a_removed_header_a_delete(place: Stage) -> None:
    place.sync()
    place.change_site(headers=(replace(CACHE, value="no-store"),))

    outcome = place.sync()

    assert outcome.plan.counts() == {"update-header": 1, "delete-header": 1, "reload": 1}
    assert there(place) == {("/static/", "Cache-Control", "no-store")}
    update = outcome.plan.actions[0]
    assert (update.subject, update.reason) == ("/static/ Cache-Control", "max-age=60 -> no-store")


def test_a_lost_answer_makes_no_second_header(place: Stage) -> None:
    place.lose_answer("POST", "/static_headers/$")

    place.sync()

    with place.work() as work:
        assert len(work.api.static_headers.list(place.site.domain)) == 2
    assert len(place.manifest().settings.headers) == 2


def test_somebody_elses_header_is_refused_and_overwrite_takes_it_over(place: Stage) -> None:
    place.change_site(headers=())
    place.sync()
    with place.work() as work:
        work.api.static_headers.create(
            place.site.domain, url="/static", name="cache-control", value="no-cache"
        )
    place.change_site(headers=(CACHE,))

    with pytest.raises(
        Refused, match=r"static header /static/ Cache-Control -> no-cache \(id \d+\) is there"
    ):
        place.sync()
    place.sync(overrides=Overrides(overwrite=True))

    assert there(place) == {("/static/", "Cache-Control", "max-age=60")}


def test_headers_are_verified_healed_and_adopted(place: Stage) -> None:
    place.sync()
    with place.work() as work:
        first, second = work.api.static_headers.list(place.site.domain)
        work.api.static_headers.update(place.site.domain, first.id, value="changed")
        work.api.static_headers.delete(place.site.domain, second.id)
        found = verify(work)
        heal(work, found)
        again = verify(work)

    assert {str(each) for each in found.differences} == {
        "static header /static/ Cache-Control: changed",
        "static header /static/ X-Frame-Options: missing",
    }
    assert again.differences == ()
    place.sandbox.disk.remove(place.sandbox.disk.real(place.site.manifest_path))
    with place.work() as work:
        adopted = adopt(work, work.repository.resolve("main"))
    assert "static header /static/ Cache-Control: same" in adopted.settings
    assert place.sync().deployment.status is Status.UNCHANGED


def test_where_a_domain_keeps_what_hung_on_it_nothing_is_there_twice(tmp_path: Path) -> None:
    """Nobody knows whether the platform does, when a web app is deleted and made again."""
    kept = Switches(rate_limit="off", deleted_webapp_mappings="kept")
    with stage(tmp_path, wsgi="wsgi.py", static=(STATIC,), headers=(CACHE,), switches=kept) as place:
        place.repo.commit(FILES)
        place.sync()
        with place.work() as work:
            work.api.webapps.delete(place.site.domain)
        place.change_site(headers=(replace(CACHE, value="no-store"),))

        place.sync(overrides=Overrides(force=True))

        assert there(place) == {("/static/", "Cache-Control", "no-store")}
        with place.work() as work:
            assert len(work.api.static_headers.list(place.site.domain)) == 1
            assert len(work.api.static_files.list(place.site.domain)) == 1
            assert verify(work).differences == ()
