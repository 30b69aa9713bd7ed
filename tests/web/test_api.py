"""The JSON API: what it tells, and whom it obeys."""

from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deployer.model.deployment import Status
from deployer.model.order import Work
from tests.web import scenes
from tests.web.conftest import Served, Showing, Visitor
from tests.web.stand import commit, progress_of

DEEDS = ["deploy", "rollback", "cancel", "freeze", "thaw"]


def get(served: Served | Showing, path: str, status: int = 200) -> Any:
    answer = requests.get(f"{served.url}/api/{path}", timeout=10)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    return answer.json()


def post(served: Served | Showing, path: str, token: str | None, **kwargs: Any) -> requests.Response:
    headers = {"Authorization": b"Bearer " + token.encode()} if token is not None else {}
    return requests.post(f"{served.url}/api/{path}", headers=headers, timeout=10, **kwargs)


def test_sites_are_told_as_the_page_shows_them(served: Served) -> None:
    scenes.deploying(served.stand)
    served.stand.missing = ("the first look at docs",)

    said = get(served, "sites")

    assert (said["ready"], said["missing"]) == (False, ["the first look at docs"])
    sites = {site["name"]: site for site in said["sites"]}
    assert list(sites) == ["blog", "docs", "shop"]
    assert sites["blog"]["live"]["subject"].startswith("Write about")
    assert sites["docs"]["drift"]["findings"][0] == "~/docs/index.html is gone"
    assert sites["shop"]["running"]["words"]["count"] == "12 of 48 steps, 61.0 kB of 245.0 kB"
    assert get(served, "sites/shop")["running"]["steps"] == 48
    assert "no site" in get(served, "sites/nowhere", 404)["error"]


def test_deployments_are_listed_and_limited(served: Served) -> None:
    scenes.rolled_back(served.stand)

    everything = get(served, "deployments")["deployments"]
    of_shop = get(served, "deployments?site=shop&limit=2")["deployments"]

    assert len(everything) == 6
    assert [item["status"] for item in of_shop] == ["live", "failed"]
    assert of_shop[0]["address"] == f"/api/deployments/{of_shop[0]['id']}"
    get(served, "deployments?site=nowhere", 404)
    for limit in ("0", "-1", "many", "501", "9" * 30, "٣"):
        assert "limit" in get(served, f"deployments?limit={limit}", 400)["error"]


def test_a_deployment_waits_runs_and_ends_under_one_address(served: Served) -> None:
    served.stand.add("shop")
    answer = post(served, "sites/shop/deploy", served.token)
    assert answer.status_code == 202
    order = answer.json()
    path = order["address"].removeprefix("/api/")
    assert get(served, path)["status"] == "waiting"
    assert get(served, path)["order"]["sources"] == ["command api"]

    begun = served.stand.begin("shop", commit("4", "A change"), id_=order["id"])
    served.stand.change("shop", waiting=(), running=progress_of(begun))
    running = get(served, path)
    assert (running["status"], running["progress"]["done"], running["site"]) == ("running", 12, "shop")

    served.stand.step(begun, 1, "create", "/home/alice/mysite/a.py")
    scenes.note(served.stand, begun, "reloaded", outcome="ok")
    served.stand.end(begun, Status.FAILED, base="3" * 40, detail="it broke")
    served.stand.change("shop", running=None)
    ended = get(served, path)
    assert (ended["status"], ended["detail"], ended["progress"]) == ("failed", "it broke", None)
    assert [step["subject"] for step in ended["steps"]] == ["/home/alice/mysite/a.py"]
    assert [event["event"] for event in ended["events"]] == ["reloaded"]
    get(served, "deployments/nothing", 404)


def test_an_order_that_is_tried_again_waits(served: Served) -> None:
    served.stand.add("shop")
    order = served.stand.post("shop", source="test")
    begun = served.stand.begin("shop", commit("4", "A change"), id_=order.id)
    served.stand.end(begun, Status.FAILED, detail="no connection")

    assert get(served, f"deployments/{order.id}")["status"] == "waiting"


def test_a_site_is_told_what_to_do(served: Served) -> None:
    stand = served.stand
    stand.add("shop")

    post(served, "sites/shop/deploy", served.token, json={"force": True}).raise_for_status()
    assert post(served, "sites/shop/cancel", served.token).json()["cancelled"] is True
    assert post(served, "sites/shop/cancel", served.token).json()["cancelled"] is False
    post(served, "sites/shop/rollback", served.token, json={"rev": "abc"}).raise_for_status()
    frozen = post(served, "sites/shop/freeze", served.token, json={"message": "Sale\nuntil  Friday"})
    assert frozen.json()["frozen"] == "Sale until Friday"
    assert stand.shown["shop"].frozen == "Sale until Friday"
    assert post(served, "sites/shop/thaw", served.token).json()["frozen"] is None

    assert [(o.work, o.force, o.rev) for o in stand.posted] == [
        (Work.DEPLOY, True, None),
        (Work.ROLLBACK, False, "abc"),
    ]


@pytest.mark.parametrize("deed", DEEDS)
def test_without_a_configured_token_nothing_is_done(showing: Showing, deed: str) -> None:
    showing.stand.add("shop")

    for token in (None, "", "None", "anything"):
        answer = post(showing, f"sites/shop/{deed}", token)
        assert answer.status_code == 403
        assert "[daemon] token" in answer.json()["hint"]
    assert showing.stand.posted == []


@pytest.mark.parametrize("deed", DEEDS)
def test_a_missing_or_wrong_token_does_nothing(served: Served, deed: str) -> None:
    served.stand.add("shop", frozen="as it was")

    for token in (None, "", served.token[:-1]):
        answer = post(served, f"sites/shop/{deed}", token)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert served.token not in answer.text
    assert (served.stand.posted, served.stand.cancelled) == ([], [])
    assert served.stand.shown["shop"].frozen == "as it was"


def test_the_session_of_a_browser_is_not_enough(served: Served, visitor: Visitor) -> None:
    served.stand.add("shop")
    browser = visitor()
    browser.post(
        f"{served.url}/login", data={"token": served.token}, headers={"Origin": served.url}, timeout=10
    ).raise_for_status()

    answer = browser.post(f"{served.url}/api/sites/shop/deploy", headers={"Origin": served.url}, timeout=10)

    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"{", 400, "not JSON"),
        (b"[" * 8000, 400, "not JSON"),
        (b"[]", 400, "object"),
        (b'{"froce": true}', 400, 'unknown key "froce"; known here: force'),
        (b'{"force": "yes"}', 400, "force must be true or false"),
        (b"\xff\xfe{", 400, "not JSON"),
        (b" " * 20000, 413, "larger"),
    ],
)
def test_a_bad_body_is_refused_with_the_reason(served: Served, body: bytes, status: int, said: str) -> None:
    served.stand.add("shop")

    answer = post(served, "sites/shop/deploy", served.token, data=body)

    assert answer.status_code == status
    assert said in answer.json()["error"]
    assert served.stand.posted == []


@pytest.mark.parametrize(
    ("path", "status"), [("sites/nowhere/deploy", 404), ("sites/shop/explode", 404), ("nothing", 404)]
)
def test_what_is_not_there_is_told_in_json(served: Served, path: str, status: int) -> None:
    served.stand.add("shop")

    answer = post(served, path, served.token)

    assert answer.status_code == status
    assert answer.json()["error"]


def test_a_wrong_method_is_told_in_json(served: Served) -> None:
    answer = requests.delete(f"{served.url}/api/sites", timeout=10)

    assert answer.status_code == 405
    assert answer.json()["error"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=60) | st.recursive(st.none() | st.text(), st.lists).map(repr).map(str.encode))
def test_no_body_makes_a_fault_of_ours(served: Served, body: bytes) -> None:
    served.stand.add("shop")

    answer = post(served, "sites/shop/freeze", served.token, data=body)

    assert answer.status_code in {200, 400}
