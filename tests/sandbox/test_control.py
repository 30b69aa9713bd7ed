"""The page that says what this is, the journal of requests, and the switches over HTTP."""

import json

import pytest

from deployer.sandbox import Effect, Fault, Switches
from tests.sandbox.client import Client


def test_the_overview_names_everything_that_can_be_set(api: Client) -> None:
    overview = api.control("GET", "").json()
    assert overview["user"] == "alice"
    assert set(overview["switches"]) == set(api.control("GET", "switches").json())
    assert overview["switches"]["missing_webapp"]["answers"] == [403, 404]
    assert all(switch["question"] for switch in overview["switches"].values())
    assert api.sandbox.token not in api.control("GET", "").text


def test_the_journal_tells_each_request_and_its_outcome(api: Client) -> None:
    api.upload("/home/alice/a b", b"123")
    api.get("files/tree/?path=/home")
    api.get("nothing/")
    api.sandbox.faults.add(Fault(effect=Effect(kind="cut"), times=1))
    with pytest.raises(OSError, match=r"aborted|reset"):
        api.get("cpu/")
    entries = api.control("GET", "requests").json()
    told = [(each["number"], each["method"], each["endpoint"], each["status"]) for each in entries]
    assert told == [
        (1, "POST", "files/path{path}", 201),
        (2, "GET", "files/tree/", 400),
        (3, "GET", None, 404),
        (4, "GET", "cpu/", None),
    ]
    assert entries[0]["path"] == "/api/v0/user/alice/files/path/home/alice/a b"
    assert entries[1]["path"].endswith("files/tree/?path=/home")
    assert entries[0]["bytes_in"] > 3
    assert entries[1]["bytes_out"] == len('{"detail":"/home does not exist"}')
    assert [each["fault"] for each in entries] == [None, None, None, "cut before"]
    assert all(each["seconds"] >= 0 for each in entries)


def test_the_journal_can_be_read_from_a_number_on_and_started_anew(api: Client) -> None:
    for _ in range(3):
        api.get("cpu/")
    assert [each["number"] for each in api.control("GET", "requests?since=2").json()] == [3]
    assert api.control("DELETE", "requests").status_code == 204
    api.get("cpu/")
    assert [each.number for each in api.sandbox.requests.list()] == [1]
    for nonsense in ("x", "-1", "9" * 5000):
        assert api.control("GET", f"requests?since={nonsense}").status_code == 400


def test_visits_and_control_are_not_in_the_journal(api: Client) -> None:
    api.create_webapp()
    api.session.get(f"{api.sandbox.url}/", headers={"Host": "alice.pythonanywhere.com"})
    api.control("GET", "switches")
    assert len(api.sandbox.requests.list()) == 1


def test_switches_are_set_one_by_one_and_nonsense_is_refused(api: Client) -> None:
    changed = api.control("PATCH", "switches", json={"missing_webapp": 404, "taken_domains": ["a.org"]})
    assert changed.json()["missing_webapp"] == 404
    assert api.sandbox.switches == Switches(missing_webapp=404, taken_domains=("a.org",))
    for nonsense, said in (
        ({"missing_webapp": 405}, "one of 403, 404"),
        ({"missing_webapp": "404"}, "one of 403, 404"),
        ({"no_such": 1}, "no such switch"),
        ({"tree_limit": -1}, "at least 0"),
        ({"tree_limit": 10**400}, "a finite number"),
        ({"rate_limit_window_s": float("inf")}, "a finite number"),
        ({"rate_limit_window_s": float("nan")}, "a finite number"),
        ({"task_can_enable": 1}, "true or false"),
        ({"taken_domains": "a"}, "a list"),
        ([], "an object"),
    ):
        response = api.control("PATCH", "switches", data=json.dumps(nonsense))
        assert response.status_code == 400
        assert said in response.json()["detail"]
    assert api.sandbox.switches.missing_webapp == 404


def test_unknown_control_urls_and_methods_are_refused(api: Client) -> None:
    assert api.control("GET", "nothing").status_code == 404
    response = api.control("PUT", "faults")
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, POST, DELETE")
