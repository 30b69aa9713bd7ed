"""`deployer logs` as a person types it: what is on stdout, what beside it, and how it ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.builders.waiting import until
from tests.cli.project import CONFIG, WSGI, Project, project

ERROR_LOG = "/var/log/alice.pythonanywhere.com.error.log"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with project(tmp_path_factory.mktemp("logs")) as opened:
        opened.commit({"pythonanywhere.toml": CONFIG, "wsgi.py": WSGI})
        assert opened.run("logs").status == 5, "there is no web app yet"
        assert opened.run("sync").status == 0
        yield opened


@pytest.fixture
def log(place: Project) -> Path:
    """The error log, empty."""
    file = place.sandbox.disk.real(ERROR_LOG)
    for old in file.parent.glob(f"{file.name}*"):
        old.unlink()
    file.touch()
    return file


@contextmanager
def following(place: Project, out: int) -> Iterator["subprocess.Popen[bytes]"]:
    """A `deployer logs --follow` that prints into `out`. Without a limit it looks every second."""
    machine = place.folder / "deployer.toml"
    machine.write_text(
        f'[account.alice]\nusername = "alice"\nhost = "{place.sandbox.url}"\nrequests_per_minute = 0\n'
        f'[site.blog]\naccount = "alice"\nrepo = "{place.repo.path}"\n'
    )
    arguments = [sys.executable, "-m", "deployer", "logs", "--follow", "--config", str(machine)]
    with (place.folder / "noted").open("wb") as err:
        process = subprocess.Popen(arguments, env=place.environment, stdout=out, stderr=err)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_the_last_fifty_lines_of_the_error_log_are_shown_and_nothing_else(place: Project, log: Path) -> None:
    log.write_text("".join(f"line {number}\n" for number in range(60)))

    ended = place.run("logs")

    assert ended.status == 0
    assert ended.out.splitlines() == [f"line {number}" for number in range(10, 60)]
    assert ended.err == ""


def test_json_has_one_object_a_line_with_file_and_text_and_no_token(place: Project, log: Path) -> None:
    log.write_text(f"{place.sandbox.token} is a token\n\x1b[31mred\n")

    ended = place.run("logs", "error", "--json")
    as_text = place.run("logs", "error")

    assert [json.loads(line) for line in ended.out.splitlines()] == [
        {"file": ERROR_LOG, "text": "*** is a token"},
        {"file": ERROR_LOG, "text": "\x1b[31mred"},
    ]
    assert as_text.out == "*** is a token\n?[31mred\n", "and nothing that steers a terminal"


def test_the_other_logs_of_the_site_are_shown_by_their_names(place: Project) -> None:
    assert "GET / HTTP/1.1" in place.run("logs", "access", "--since", "1h").out
    assert "worker" in place.run("logs", "server").out


def test_a_log_that_is_empty_or_missing_says_so_beside_the_log(place: Project, log: Path) -> None:
    empty = place.run("logs")
    log.unlink()
    missing = place.run("logs")
    rotated = place.run("logs", "--rotated", "2")

    assert [each.status for each in (empty, missing, rotated)] == [0, 0, 0]
    assert empty.out == missing.out == rotated.out == ""
    assert empty.err == f"{ERROR_LOG} is there, and nothing was written to it\n"
    assert missing.err.startswith(f"there is no {ERROR_LOG}: nothing has been written to it")
    assert rotated.err.startswith(f"there is no {ERROR_LOG}.2.gz: the log has not been rotated so often")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["errors"], "There are error, server, access, `task NAME` and `always-on NAME`."),
        (["--since", "yesterday"], "a time is wanted"),
        (["--deployment", "x", "--lines", "3"], "goes with --config and --json only"),
    ],
)
def test_what_is_not_meant_is_refused_with_what_could_be(
    place: Project, arguments: list[str], said: str
) -> None:
    ended = place.run("logs", *arguments)

    assert ended.status == 2
    assert said in ended.err


def test_a_log_is_followed_through_its_rotation_until_ctrl_c_which_is_no_failure(
    place: Project, log: Path
) -> None:
    log.write_text("one\n")
    shown = place.folder / "shown"
    with shown.open("wb") as out, following(place, out.fileno()) as process:
        assert until(lambda: shown.read_text() == "one\n")
        with log.open("a") as more:
            more.write("two\n")
        requests.post(f"{place.sandbox.url}/_sandbox/rotate-logs", timeout=10).raise_for_status()
        with log.open("a") as more:
            more.write("three\n")
        assert until(lambda: shown.read_text() == "one\ntwo\nthree\n")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0

    assert f"{ERROR_LOG} was rotated\n" in (place.folder / "noted").read_text()


def test_following_ends_when_nobody_reads_any_more(place: Project, log: Path) -> None:
    log.write_text("one\n")
    reader, writer = os.pipe()
    with following(place, writer) as process:
        os.close(writer)
        assert os.read(reader, 100) == b"one\n"
        os.close(reader)
        with log.open("a") as more:
            more.write("two\n")
        assert process.wait(timeout=30) == 0
