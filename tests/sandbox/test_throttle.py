"""Forty requests a minute, per URL pattern and user, over a window that slides."""

import time

import pytest

from deployer.sandbox.switches import Switches
from deployer.sandbox.throttle import REQUESTS_PER_WINDOW, Throttle
from tests.sandbox.client import Client
from tests.sandbox.conftest import Start


def spend(api: Client, place: str, times: int = REQUESTS_PER_WINDOW, *, method: str = "GET") -> None:
    for _ in range(times):
        assert api(method, place).status_code != 429


def test_the_forty_first_request_is_429_with_the_seconds_to_wait(api: Client) -> None:
    spend(api, "cpu/")
    response = api.get("cpu/")
    assert response.status_code == 429
    wait_s = int(response.headers["Retry-After"])
    assert 55 <= wait_s <= 60
    assert response.json() == {"detail": f"Request was throttled. Expected available in {wait_s} seconds."}


def test_paths_and_methods_share_the_budget_of_their_pattern_and_others_do_not(api: Client) -> None:
    spend(api, "files/path/home/alice/a")
    assert api.upload("/home/alice/b").status_code == 429
    assert api.get("files/tree/?path=/home/alice").status_code == 200


def test_what_is_refused_before_is_not_counted_and_what_is_refused_after_is(api: Client) -> None:
    for _ in range(REQUESTS_PER_WINDOW):
        assert api.get("schedule/", headers={"Authorization": ""}).status_code == 401
    spend(api, "schedule/", method="PUT")  # 405
    assert api.get("schedule/").status_code == 429


def test_a_refused_request_does_not_lengthen_the_wait() -> None:
    throttle = Throttle()
    assert throttle.wait_s("a", limit=1, window_s=0.05) is None
    until = time.monotonic() + 5
    while throttle.wait_s("a", limit=1, window_s=0.05) is not None:
        assert time.monotonic() < until


def test_waiting_as_long_as_was_asked_for_is_enough(start: Start) -> None:
    api = start(switches=Switches(rate_limit_window_s=1.0))
    spend(api, "cpu/")
    response = api.get("cpu/")
    assert response.headers["Retry-After"] == "1"
    assert response.json() == {"detail": "Request was throttled. Expected available in 1 second."}
    time.sleep(1)  # this is what is promised
    assert api.get("cpu/").status_code == 200


@pytest.mark.parametrize(
    ("answer", "other_method", "other_place"),
    [("pattern", 429, 200), ("pattern-method", 405, 200), ("global", 429, 429), ("off", 405, 200)],
)
def test_switch_rate_limit(start: Start, answer: str, other_method: int, other_place: int) -> None:
    api = start(switches=Switches().changed({"rate_limit": answer}))
    spend(api, "cpu/")
    assert api.get("cpu/").status_code == (200 if answer == "off" else 429)
    assert api("PUT", "cpu/").status_code == other_method
    assert api.get("schedule/").status_code == other_place


def test_switch_throttle_header_none_leaves_the_text_only(start: Start) -> None:
    api = start(switches=Switches(throttle_header="none"))
    spend(api, "cpu/")
    response = api.get("cpu/")
    assert "Retry-After" not in response.headers
    assert "throttled" in response.json()["detail"]


def test_switch_bad_token_throttled_by_address(start: Start) -> None:
    api = start(switches=Switches(bad_token="throttled-by-address"))
    statuses = [
        api.get("cpu/", headers={"Authorization": "Token wrong"}).status_code
        for _ in range(REQUESTS_PER_WINDOW + 1)
    ]
    assert statuses == [401] * REQUESTS_PER_WINDOW + [429]
    assert api.get("cpu/").status_code == 200
