"""Logs that are rotated, on demand and at midnight, and workers that go on in the new file."""

import gzip

from tests.builders.waiting import until
from tests.sandbox.client import DOMAIN, Client
from tests.sandbox.conftest import Start
from tests.sandbox.sites import log, serve, visit

TALKING = """
import sys, threading
lines = threading.Event()
def application(environ, start_response):
    print("out " + environ["QUERY_STRING"])
    print("err " + environ["QUERY_STRING"], file=sys.stderr)
    if environ["PATH_INFO"] == "/later":
        threading.Thread(target=talk).start()
    start_response("200 OK", [])
    return []
def talk():
    import os, time
    while not os.path.exists(os.path.expanduser("~/released")):
        time.sleep(0.005)
    print("in the background")
"""
LOGS = [f"/var/log/{DOMAIN}.{kind}.log" for kind in ("access", "error", "server")]


def rotate(api: Client) -> list[str]:
    response = api.control("POST", "rotate-logs")
    assert response.status_code == 200
    rotated: list[str] = response.json()["rotated"]
    return rotated


def test_each_rotation_moves_logs_on_and_the_tenth_forgets_the_first(api: Client) -> None:
    serve(api, TALKING)
    for number in range(1, 12):
        visit(api, f"/?visit-{number}-")
        assert rotate(api) == LOGS
    for kind in ("access", "error", "server"):
        place = api.sandbox.disk.real("/var/log")
        names = sorted(each.name for each in place.glob(f"{DOMAIN}.{kind}.log*"))
        base = f"{DOMAIN}.{kind}.log"
        assert names == [base, f"{base}.1", *(f"{base}.{age}.gz" for age in range(2, 10))]
        assert "visit-11-" in log(api, kind, suffix=".1")
        for age in range(2, 10):
            text = gzip.decompress((place / f"{base}.{age}.gz").read_bytes()).decode()
            assert f"visit-{12 - age}-" in text
            assert f"visit-{13 - age}-" not in text
        assert log(api, kind) == ""


def test_they_can_be_read_and_deleted_through_the_api(api: Client) -> None:
    serve(api, TALKING)
    visit(api, "/?seen")
    rotate(api)
    rotate(api)
    packed = f"files/path/var/log/{DOMAIN}.access.log.2.gz"
    assert b"/?seen" in gzip.decompress(api.get(packed).content)
    assert f"/var/log/{DOMAIN}.access.log.2.gz" in api.get("files/tree/?path=/var/log").json()
    assert api.delete(packed).status_code == 204
    rotate(api)
    assert api.get(f"files/path/var/log/{DOMAIN}.access.log.3.gz").status_code == 404


def test_workers_write_into_the_new_file_also_while_they_answer_nobody(start: Start) -> None:
    api = start(workers=2)
    serve(api, TALKING)
    visit(api, "/later?before")
    rotate(api)
    api.upload("/home/alice/released")
    assert until(lambda: "in the background" in log(api, "server"))
    visit(api, "/?after")
    for kind in ("server", "error", "access"):
        assert "after" in log(api, kind)
        assert "before" not in log(api, kind)
        assert "before" in log(api, kind, suffix=".1")
        assert "after" not in log(api, kind, suffix=".1")


def test_switch_log_rotation(api: Client) -> None:
    serve(api, TALKING)
    api.sandbox.switch(log_rotation="nothing")
    rotate(api)
    assert api.get(f"files/path{LOGS[0]}").status_code == 404
    assert rotate(api) == []
    visit(api, "/?again")
    assert "again" in log(api, "error")
    api.sandbox.switch(log_rotation="empty-file")
    rotate(api)
    assert api.get(f"files/path{LOGS[0]}").content == b""


def test_midnight_by_the_accounts_clock_rotates(api: Client) -> None:
    serve(api)
    api.sandbox.clock.advance(24 * 60 * 60)
    assert until(lambda: "started on" in log(api, "server", suffix=".1"))
    visit(api)
    assert "started on" not in log(api, "server")


def test_links_are_left_alone(api: Client) -> None:
    logs = api.sandbox.disk.real("/var/log")
    (logs / "x.access.log").symlink_to("/etc/hostname")
    (logs / "y.access.log").write_text("y")
    (logs / "y.access.log.1").symlink_to("/etc/hostname")
    assert rotate(api) == ["/var/log/y.access.log"]
    assert (logs / "y.access.log.1").read_text() == "y"
    assert (logs / "x.access.log").is_symlink()
