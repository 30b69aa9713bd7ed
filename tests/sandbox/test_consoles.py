"""Consoles: records until a browser loads them, then programs on terminals."""

import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from deployer.sandbox.consoles.transcript import PIECE, Transcript
from deployer.sandbox.switches import Switches
from tests.builders.waiting import until
from tests.sandbox.client import Client
from tests.sandbox.conftest import Start
from tests.sandbox.console_page import ConsolePage, RefusedError, log_in, logged_in

NOT_STARTED = {"error": "Console not yet started. Please load it (or its iframe) in a browser first"}
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
WORKING = "for ((i = 0; i < 200000; i++)); do :; done"
FLOOD_BYTES = 10_000_000


def created(api: Client, **fields: Any) -> int:
    response = api.post("consoles/", json={"executable": "bash", **fields})
    assert response.status_code == 201, response.text
    number: int = response.json()["id"]
    return number


def output(api: Client, number: int) -> str:
    response = api.get(f"consoles/{number}/get_latest_output/")
    assert response.status_code == 200, response.text
    text: str = response.json()["output"]
    return text


def send(api: Client, number: int, text: str) -> None:
    response = api.post(f"consoles/{number}/send_input/", json={"input": text})
    assert (response.status_code, response.json()) == (200, {"status": "OK"})


def has(api: Client, number: int, wanted: str) -> Callable[[], bool]:
    """Asks far more often than the platform would let."""
    api.sandbox.switch(rate_limit="off")
    return lambda: wanted in output(api, number)


def test_a_console_is_a_record_like_the_help_pages(api: Client) -> None:
    response = api.post("consoles/", data={"executable": "bash", "arguments": ""})
    console = response.json()
    number = console["id"]
    assert response.status_code == 201
    assert console == {
        "id": number,
        "user": "alice",
        "executable": "bash",
        "arguments": "",
        "working_directory": None,
        "name": f"Bash console {number}",
        "console_url": f"/user/alice/consoles/{number}/",
        "console_frame_url": f"/user/alice/consoles/{number}/frame/",
    }
    assert api.get("consoles/").json() == [console]
    assert api.get(f"consoles/{number}/").json() == console
    assert api.get("consoles/999/").json() == {"detail": "Not found."}


def test_nothing_runs_before_a_browser_loads_the_page(api: Client) -> None:
    number = created(api)
    for _ in range(2):
        typed = api.post(f"consoles/{number}/send_input/", json={"input": "echo\n"})
        shown = api.get(f"consoles/{number}/get_latest_output/")
        assert [(each.status_code, each.json()) for each in (typed, shown)] == [(412, NOT_STARTED)] * 2
        requests.get(f"{api.sandbox.url}/user/alice/consoles/{number}/", timeout=10).raise_for_status()
    api.sandbox.switch(unstarted_output="empty")
    assert output(api, number) == ""


def test_what_the_api_types_runs_and_the_last_500_characters_come_back(api: Client) -> None:
    number = created(api)
    with ConsolePage(api, number):
        send(api, number, "printf '\\033[1mbold\\033[0m\\n'; echo e''nd\n")
        assert until(has(api, number, "\x1b[1mbold\x1b[0m\r\nend\r\n"))
        send(api, number, "seq 1000; echo fin''ished\n")
        assert until(has(api, number, "finished\r\n"))
        text = output(api, number)
        assert len(text) == 500
        assert "\r\n998\r\n999\r\n1000\r\nfinished\r\n" in text


def test_a_console_has_the_accounts_environment_and_prompt(api: Client) -> None:
    number = created(api, working_directory="/var/www")
    with ConsolePage(api, number) as page:
        page.type("echo $USER $API_TOKEN $TERM; pwd\n")
        assert re.search(r"\d\d:\d\d \S*/var/www [$#] ", page.read_until("/var/www\r\n"))
        assert f"alice {api.sandbox.token} xterm-256color\r\n" in page.text


def test_a_directory_that_is_not_there_is_the_home(api: Client) -> None:
    with ConsolePage(api, created(api, working_directory="/home/alice/nowhere")) as page:
        page.type("pwd; echo fin''ished\n")
        assert "/home/alice\r\nfinished" in page.read_until("finished\r\n")


def test_python_is_had_in_the_versions_of_the_machine_and_takes_arguments(api: Client) -> None:
    number = created(api, executable=PYTHON, arguments="-i -c 'print(6 * 7)'")
    assert api.get(f"consoles/{number}/").json()["name"] == f"Python{PYTHON[6:]} console {number}"
    with ConsolePage(api, number) as page:
        page.read_until("42\r\n")
        page.type("import sys; print('%d.%d' % sys.version_info[:2])\n")
        page.read_until(f"{PYTHON[6:]}\r\n")


def test_ipython_is_had_where_the_account_installed_it(api: Client) -> None:
    fields = {"executable": f"i{PYTHON}"}
    assert api.post("consoles/", json={"executable": "ipython3.4"}).status_code == 400
    place = f"/home/alice/.local/lib/{PYTHON}/site-packages/IPython"
    api.upload(f"{place}/__init__.py", b"")
    api.upload(f"{place}/__main__.py", b"print('In [1]:')\n")
    with ConsolePage(api, created(api, **fields)) as page:
        assert "In [1]:" in page.read_to_end()
        assert page.ended == 0


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({"executable": "cobol"}, {"executable": ['"cobol" is not a valid choice.']}),
        ({"executable": "python3.99"}, {"executable": ['"python3.99" is not a valid choice.']}),
        ({"executable": None}, {"executable": ['"None" is not a valid choice.']}),
        ({"arguments": "'"}, {"arguments": ["No closing quotation."]}),
        ({"arguments": []}, {"arguments": ["Not a valid string."]}),
        ({"working_directory": {}}, {"working_directory": ["Not a valid string."]}),
        ({"working_directory": "\0"}, {"working_directory": ["Null characters are not allowed."]}),
    ],
)
def test_what_cannot_run_here_is_refused(api: Client, fields: dict[str, Any], body: dict[str, Any]) -> None:
    response = api.post("consoles/", json={"executable": "bash", **fields})
    assert (response.status_code, response.json()) == (400, body)
    assert api.get("consoles/").json() == []


def test_an_executable_may_be_left_out_or_not(api: Client) -> None:
    assert api.post("consoles/", json={}).json()["executable"] == "bash"
    api.sandbox.switch(console_executable="required")
    assert api.post("consoles/", json={}).json() == {"executable": ["This field is required."]}


def test_a_nameless_console_may_be_shown_so(api: Client) -> None:
    number = created(api)
    api.sandbox.switch(console_name="null")
    assert api.get(f"consoles/{number}/").json()["name"] is None


@pytest.mark.parametrize(
    ("rule", "status", "kind", "body"),
    [
        ("403-html", 403, "text/html", "You have too many consoles."),
        ("400-json", 400, "application/json", '{"detail":"You have too many consoles."}'),
        ("200-empty", 200, "", ""),
    ],
)
def test_a_free_account_has_two_consoles(start: Start, rule: Any, status: int, kind: str, body: str) -> None:
    api = start(plan="free", switches=Switches(console_limit=rule))
    numbers = [created(api) for _ in range(2)]
    refused = api.post("consoles/", json={"executable": "bash"})
    assert refused.status_code == status
    assert refused.headers.get("content-type", "").startswith(kind)
    assert body in refused.text
    assert len(api.get("consoles/").json()) == 2
    api.delete(f"consoles/{numbers[0]}/")
    created(api)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, "This field is required."),
        ({"input": None}, "This field may not be null."),
        ({"input": ["x"]}, "Not a valid string."),
        ({"input": "\ud800"}, "Surrogate characters are not allowed: U+D800."),
    ],
)
def test_input_has_to_be_text(api: Client, fields: dict[str, Any], error: str) -> None:
    response = api.post(f"consoles/{created(api)}/send_input/", json=fields)
    assert (response.status_code, response.json()) == (400, {"input": [error]})


def test_120_inputs_a_minute_are_taken(api: Client) -> None:
    place = f"consoles/{created(api)}/send_input/"
    statuses = [api.post(place, json={"input": "x"}).status_code for _ in range(121)]
    assert statuses == [412] * 120 + [429]


def test_a_program_that_runs_is_interrupted(api: Client) -> None:
    number = created(api)
    with ConsolePage(api, number) as page:
        send(api, number, "PS1='rea''dy> '; bash -c \"echo beg''un; exec sleep 600\"\n")
        page.read_until("begun\r\n")
        send(api, number, "\x03")
        page.read_until("ready> ")
        send(api, number, "echo status $?\n")
        page.read_until("status 130\r\n")


def test_the_terminal_is_as_large_as_the_page(api: Client) -> None:
    number = created(api)
    with ConsolePage(api, number, columns=101, rows=31) as page:
        page.type("while sleep 0.02; do stty size; done\n")
        page.read_until("31 101\r\n")
        page.say(kind="size", columns=77, rows=20)
        page.read_until("20 77\r\n")
        with ConsolePage(api, number, columns=40, rows=50):
            page.wait_for_size(40, 50)
        page.say(kind="size", columns=10**30, rows=-5)
        page.wait_for_size(500, 2)


def test_several_browsers_see_one_console_and_it_survives_them(api: Client) -> None:
    number = created(api)
    with ConsolePage(api, number) as first, ConsolePage(api, number) as second:
        first.type("answer=42; echo one $answer\n")
        second.read_until("one 42\r\n")
        second.type("echo two $((answer + 1))\n")
        first.read_until("two 43\r\n")
    with ConsolePage(api, number) as third:
        third.read_until("two 43\r\n")
        assert "two 43\r\n" in third.replayed
        third.type("echo three $answer\n")
        third.read_until("three 42\r\n")


def test_only_one_browser_answers_what_a_program_asks_its_terminal(api: Client) -> None:
    number = created(api)
    with ConsolePage(api, number) as first, ConsolePage(api, number) as second:
        second.say(kind="answer", text="wrong")
        first.say(kind="answer", text="echo ri''ght\n")
        assert "wrong" not in second.read_until("right\r\n")


def test_deleting_kills_the_program_and_the_jobs_that_it_left(api: Client) -> None:
    number = created(api)
    with ConsolePage(api, number) as page:
        page.type("nohup sleep 600 & echo pid $$ $! e''nd\n")
        found = re.search(r"pid (\d+) (\d+) end\r\n", page.read_until(" end\r\n"))
        assert found
        assert api.delete(f"consoles/{number}/").status_code == 204
        page.read_to_end()
        assert page.ended == -9
    assert until(lambda: not any(map(runs, found.groups())))
    assert api.delete(f"consoles/{number}/").status_code == 404
    assert api.get(f"consoles/{number}/get_latest_output/").status_code == 404


def runs(pid: str) -> bool:
    """Whether there is such a process, and not just one whose end nobody has asked for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_deleting_may_answer_404(api: Client) -> None:
    api.sandbox.switch(deleted_console=404)
    assert api.delete(f"consoles/{created(api)}/").status_code == 404
    assert api.get("consoles/").json() == []


def test_an_ended_program_says_so_and_loading_starts_it_anew(api: Client) -> None:
    number = created(api)
    with ConsolePage(api, number) as page:
        page.type("exit 7\n")
        page.read_to_end()
        assert page.ended == 7
    assert api.post(f"consoles/{number}/send_input/", json={"input": "x"}).json() == NOT_STARTED
    assert api.get(f"consoles/{number}/get_latest_output/").json() == NOT_STARTED
    api.sandbox.switch(ended_console="last-output")
    assert "exit 7" in output(api, number)
    send(api, number, "lost")
    with ConsolePage(api, number) as page:
        page.type("echo an''ew\n")
        assert "exit 7" not in page.read_until("anew\r\n")


def test_after_a_restart_the_record_is_there_and_not_started(start: Start) -> None:
    api = start()
    number = created(api)
    with ConsolePage(api, number) as page:
        page.type("sleep 600 & echo pid $! e''nd\n")
        found = re.search(r"pid (\d+) end", page.read_until(" end\r\n"))
        api.sandbox.close()
    assert found
    assert until(lambda: not runs(found[1]))
    again = start()
    assert [each["id"] for each in again.get("consoles/").json()] == [number]
    assert again.get(f"consoles/{number}/get_latest_output/").json() == NOT_STARTED
    with ConsolePage(again, number) as page:
        page.type("echo aga''in\n")
        page.read_until("again\r\n")


def test_10_mb_of_output_hold_nobody_up_and_are_not_kept(api: Client) -> None:
    number = created(api)
    with ConsolePage(api, number, acknowledging=False) as stuck, ConsolePage(api, number) as page:
        page.type("echo re''ady\n")
        page.read_until("ready\r\n")
        before = resident_bytes()
        page.type(f"head -c {FLOOD_BYTES} /dev/zero | tr '\\0' x | fold -w 99; echo fin''ished\n")
        slowest = 0.0
        while "finished\r\n" not in page.text:
            began = time.monotonic()
            assert api.control("GET", "switches").status_code == 200
            slowest = max(slowest, time.monotonic() - began)
            page.text = page.text[-100:]
            page.read_while_smaller(len(page.text) + 1)
        assert slowest < 1
        assert resident_bytes() - before < FLOOD_BYTES
        for _ in range(3):
            stuck.say(kind="shown")
        assert "finished\r\n" in stuck.read_until("finished\r\n")
        assert len(stuck.text) < 500_000
        assert stuck.fresh


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_the_cpu_seconds_of_consoles_count(api: Client) -> None:
    assert api.get("cpu/").json()["daily_cpu_total_usage_seconds"] == 0
    with ConsolePage(api, created(api)) as page:
        page.type(f"{WORKING}; echo fin''ished\n")
        page.read_until("finished\r\n")
        assert api.get("cpu/").json()["daily_cpu_total_usage_seconds"] > 0.05


def test_what_a_program_never_reads_is_lost_beyond_a_bound(api: Client) -> None:
    number = created(api)
    with ConsolePage(api, number) as page:
        page.type("stty raw; echo be''gun; sleep 600\n")
        page.read_until("begun")
        for _ in range(4):
            send(api, number, "x" * 900_000)
        assert api.get("cpu/").status_code == 200


def test_consoles_that_others_share_are_what_the_control_says(api: Client) -> None:
    assert api.get("consoles/shared_with_you/").json() == []
    made = api.control("POST", "shared-consoles", json={"user": "bob", "name": "Look at this"})
    assert made.status_code == 201
    shared = api.get("consoles/shared_with_you/").json()
    assert shared == [made.json()]
    assert shared[0]["user"] == "bob"
    assert shared[0]["name"] == "Look at this"
    assert shared[0]["console_url"] == f"/user/bob/consoles/{shared[0]['id']}/"
    assert api.get("consoles/").json() == []
    assert api.get(f"consoles/{shared[0]['id']}/").status_code == 404
    assert api.control("POST", "shared-consoles", json={}).json() == {"user": ["This field is required."]}
    assert api.control("POST", "shared-consoles", json=[]).status_code == 400
    assert api.control("DELETE", "shared-consoles").status_code == 204
    assert api.get("consoles/shared_with_you/").json() == []


def test_the_control_loads_a_console_as_a_browser_would(api: Client) -> None:
    number = created(api)
    assert api.control("POST", "loaded-consoles", json={"id": number}).status_code == 201
    send(api, number, "echo $((6*7))\n")
    assert until(has(api, number, "42\r\n"))
    assert api.control("POST", "loaded-consoles", json={"id": 999}).status_code == 404
    assert api.control("POST", "loaded-consoles", json={"id": "1"}).status_code == 400


def test_the_pages_want_a_login_with_the_token(api: Client) -> None:
    place = f"/user/alice/consoles/{created(api)}/"
    asked = requests.get(api.sandbox.url + place, allow_redirects=False, timeout=10)
    assert (asked.status_code, asked.headers["location"]) == (302, f"/login/?next={place}")
    assert "not the token" in log_in(api, "wrong", place).text
    answer = log_in(api, api.sandbox.token, place)
    assert (answer.status_code, answer.headers["location"]) == (303, place)
    flags = answer.headers["set-cookie"].lower()
    assert "httponly" in flags
    assert "samesite=strict" in flags
    assert "expires" not in flags
    assert api.sandbox.token not in answer.headers["set-cookie"]
    cookie = {"cookie": logged_in(api)}
    for shown in (place, f"{place}frame/", "/user/alice/consoles/"):
        page = requests.get(api.sandbox.url + shown, headers=cookie, allow_redirects=False, timeout=10)
        assert page.status_code == 200
        assert "Bash console" in page.text
        assert "script-src 'self'" in page.headers["content-security-policy"]
    missing = requests.get(api.sandbox.url + "/user/alice/consoles/999/", headers=cookie, timeout=10)
    assert missing.status_code == 404


@pytest.mark.parametrize(
    "back", ["https://example.org/", "//example.org/", "/api/v0/", "/user/bob/consoles/"]
)
def test_the_login_leads_nowhere_else(api: Client, back: str) -> None:
    assert log_in(api, api.sandbox.token, back).headers["location"] == "/user/alice/consoles/"


def test_a_websocket_is_for_pages_of_this_address_after_a_login(api: Client) -> None:
    number = created(api)
    with pytest.raises(RefusedError, match="403"):
        ConsolePage(api, number, cookie="sandbox_12345678=guessed")
    for origin in (
        "http://example.org",
        api.sandbox.url.replace("127.0.0.1", "localhost"),
        api.sandbox.url.replace("http:", "https:"),
    ):
        with pytest.raises(RefusedError, match="403"):
            ConsolePage(api, number, origin=origin)
    with pytest.raises(RefusedError, match="403"):
        ConsolePage(api, 999)
    assert api.get(f"consoles/{number}/get_latest_output/").json() == NOT_STARTED


def test_a_console_is_loaded_over_https_as_well(api: Client) -> None:
    with ConsolePage(api, created(api), secure=True) as page:
        page.type("echo $((6*7))\n")
        page.read_until("42\r\n")


@pytest.mark.parametrize(
    "message",
    [
        {"kind": "input"},
        {"kind": "input", "text": 5},
        {"kind": "size", "columns": "x", "rows": 1},
        {"kind": "size", "columns": 1.5, "rows": 1},
        {"kind": "other"},
        {},
    ],
    ids=str,
)
def test_a_page_that_says_nonsense_is_let_go_and_the_console_stays(
    api: Client, message: dict[str, Any]
) -> None:
    number = created(api)
    with ConsolePage(api, number) as page:
        page.say(**message)
        page.read_to_end()
        assert page.ended is None
    send(api, number, "echo $((6*7))\n")
    assert until(has(api, number, "42\r\n"))


def test_an_upgrade_elsewhere_is_an_ordinary_request(api: Client) -> None:
    head = "GET /api/v0/user/alice/cpu/ HTTP/1.1\nConnection: Upgrade\nUpgrade: websocket"
    with api.raw(head) as connection:
        assert connection.recv(15) == b"HTTP/1.1 200 OK"


@given(
    st.lists(st.text("ab\n", max_size=2 * PIECE).map(lambda text: text * 3), max_size=20), st.integers(0, 600)
)
def test_a_transcript_keeps_the_end_of_all_that_came(pieces: list[str], count: int) -> None:
    transcript, whole = Transcript(keep=1000), "".join(pieces)
    for piece in pieces:
        transcript.append(piece)
    assert transcript.end == len(whole)
    assert transcript.end - transcript.begin >= min(1000, len(whole))
    assert transcript.end - transcript.begin <= 1000 + 7 * PIECE
    assert transcript.after(0) == whole[transcript.begin :]
    assert transcript.tail(count) == (whole[-count:] if count else "")
