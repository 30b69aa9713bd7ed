"""Web apps that are disabled and enabled again."""

import os

import pytest

from tests.builders.waiting import until
from tests.sandbox.client import DOMAIN, Client
from tests.sandbox.conftest import Start
from tests.sandbox.sites import APP, WSGI, log, serve, visit

OTHER = "www.example.org"
LIMIT = {"error": "You cannot create any more webapps - your account only allows 1"}


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_disabled_site_has_no_process_and_one_page_until_it_is_enabled(api: Client) -> None:
    serve(api)
    api.sandbox.switch(webapp_shows_enabled=True)
    worker = int(visit(api).text)
    for _ in range(2):  # the second time changes nothing
        answer = api.post(f"{APP}disable/")
        assert (answer.status_code, answer.json()) == (200, {"status": "OK"})
    assert not runs(worker)
    assert visit(api).status_code == 404
    assert visit(api, "/anything").status_code == 404
    assert [each["enabled"] for each in api.get("webapps/").json()] == [False]
    assert api.get(APP).json()["enabled"] is False

    starts = log(api, "server").count(" started on ")
    answer = api.post(f"{APP}enable/")
    assert (answer.status_code, answer.json()) == (200, {"status": "OK"})
    assert log(api, "server").count(" started on ") == starts + 1
    assert int(visit(api).text) != worker
    assert api.get(APP).json()["enabled"] is True


def test_the_object_says_nothing_about_it_where_the_platform_is_thought_not_to(api: Client) -> None:
    api.create_webapp()
    api.post(f"{APP}disable/")
    assert "enabled" not in api.get(APP).json()


def test_a_disabled_webapp_cannot_be_reloaded_and_an_upload_does_not_start_it(api: Client) -> None:
    serve(api)
    api.post(f"{APP}disable/")
    answer = api.post(f"{APP}reload/")
    assert (answer.status_code, answer.headers["Content-Type"][:9]) == (500, "text/html")
    reloads = log(api, "server").count("reload of")
    api.sandbox.switch(wsgi_upload="reloads", wsgi_upload_delay_s=0.0)
    api.upload(WSGI, b"print('loaded')")
    api.get(APP)  # by now the reload that an enabled site would have is under way
    assert log(api, "server").count("reload of") == reloads
    api.post(f"{APP}enable/")
    assert until(lambda: "loaded" in log(api, "server"))


def test_it_survives_a_restart_of_the_sandbox(start: Start) -> None:
    api = start()
    serve(api)
    api.post(f"{APP}disable/")
    api.sandbox.close()
    api = start()
    assert visit(api).status_code == 404
    api.post(f"{APP}enable/")
    api.sandbox.close()
    api = start()
    assert visit(api).status_code == 200


def test_enabling_what_is_enabled_is_refused_at_the_limit_and_only_there(start: Start) -> None:
    api = start(plan="paid", webapps=1)
    api.create_webapp()
    refused = api.post(f"{APP}enable/")
    assert (refused.status_code, refused.json()) == (400, LIMIT)
    api.sandbox.close()
    assert start(plan="paid", webapps=2).post(f"{APP}enable/").status_code == 200


def test_switch_disabled_webapps_count(start: Start) -> None:
    api = start(plan="paid", webapps=1)
    api.create_webapp()
    api.post(f"{APP}disable/")
    api.sandbox.switch(disabled_webapps_count=True)
    assert api.create_webapp(OTHER).status_code == 400
    api.sandbox.switch(disabled_webapps_count=False)
    assert api.create_webapp(OTHER).status_code == 201
    refused = api.post(f"{APP}enable/")
    assert (refused.status_code, refused.json()) == (400, LIMIT)
    api.post(f"webapps/{OTHER}/disable/")
    assert api.post(f"{APP}enable/").status_code == 200


@pytest.mark.parametrize("status", [403, 404, 503])
def test_switch_disabled_site(start: Start, status: int) -> None:
    api = start()
    api.sandbox.switch(disabled_site=status)
    api.create_webapp()
    api.post(f"{APP}disable/")
    assert visit(api).status_code == status
    assert f'"GET / HTTP/1.1" {status}' in log(api, "access")


@pytest.mark.parametrize("verb", ["enable", "disable"])
def test_a_missing_webapp_and_other_methods_are_refused(api: Client, verb: str) -> None:
    assert api.post(f"webapps/{DOMAIN}/{verb}/").status_code == 403
    assert api.get(f"webapps/{DOMAIN}/{verb}/").status_code == 405
