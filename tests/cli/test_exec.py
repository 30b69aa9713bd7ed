"""`deployer exec` as a process: its streams and its exit status are the command's."""

import base64
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from deployer.sandbox import Sandbox, SandboxOptions, Switches
from tests.builders.git import GitRepo
from tests.builders.waiting import until
from tests.cli.project import Project

LONG = 'import sys; print("x"*10_000_000); sys.exit(7)'


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Project]:
    """A paid account; the folder is a repository that describes no site."""
    options = SandboxOptions(
        data=tmp_path / "platform", user="alice", port=0, plan="paid", switches=Switches(rate_limit="off")
    )
    with Sandbox(options) as sandbox:
        yield Project(tmp_path, sandbox, GitRepo(tmp_path / "repo"))


def console(made: Project, *, opened: bool = True) -> int:
    api = f"{made.sandbox.url}/api/v0/user/alice/consoles/"
    headers = {"Authorization": f"Token {made.sandbox.token}"}
    number: int = requests.post(api, json={"executable": "bash"}, headers=headers, timeout=10).json()["id"]
    if opened:
        load(made, number)
    return number


def load(made: Project, number: int) -> None:
    requests.post(f"{made.sandbox.url}/_sandbox/loaded-consoles", json={"id": number}, timeout=10)


def tasks(made: Project) -> list[Any]:
    headers = {"Authorization": f"Token {made.sandbox.token}"}
    url = f"{made.sandbox.url}/api/v0/user/alice/schedule/"
    return list(requests.get(url, headers=headers, timeout=10).json())


def begin(made: Project, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "deployer", "exec", *arguments],
        cwd=made.repo.path,
        env=made.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def executed(made: Project, *arguments: str) -> tuple[int, bytes, bytes]:
    process = begin(made, *arguments)
    out, err = process.communicate(timeout=90)
    return process.returncode, out, err


def test_all_output_and_the_exit_status_come_through_a_console(made: Project) -> None:
    console(made)

    assert executed(made, "--", "python", "-c", LONG) == (7, b"x" * 10_000_000 + b"\n", b"")


def test_all_output_and_the_exit_status_come_through_a_task(made: Project) -> None:
    process = begin(made, "--via", "task", "--", "python", "-c", LONG)
    assert until(lambda: bool(tasks(made)))
    made.sandbox.clock.advance(81)
    out, err = process.communicate(timeout=90)

    assert (process.returncode, out) == (7, b"x" * 10_000_000 + b"\n")
    assert err.startswith(b"deployer: The command starts with a scheduled task at ")
    assert tasks(made) == []


def test_both_streams_are_the_commands_byte_for_byte(made: Project) -> None:
    console(made)
    program = "import os, sys; os.write(1, bytes(range(256))); os.write(2, sys.argv[1].encode() + b'\\r\\n')"

    status, out, err = executed(made, "python", "-c", program, 'it\'s "ü€" --json')

    assert (status, out, err) == (0, bytes(range(256)), 'it\'s "ü€" --json\r\n'.encode())


def test_a_line_for_the_shell(made: Project) -> None:
    console(made)

    assert executed(made, "--shell", 'printf "%s|" $((6*7)) "a  b" && false || exit 3') == (
        3,
        b"42|a  b|",
        b"",
    )


def test_a_signal_is_told_as_a_shell_tells_it(made: Project) -> None:
    console(made)

    assert executed(made, "--shell", "kill -9 $$")[0] == 137


def test_a_program_that_is_not_there_is_127(made: Project) -> None:
    console(made)

    status, out, err = executed(made, "--", "no-such-program")

    assert (status, out) == (127, b"")
    assert b"could not be started on the server: no-such-program: No such file" in err


def test_json_tells_the_commands_end_from_our_own_failure(made: Project) -> None:
    console(made)
    program = "import os; os.write(1, 'ü'.encode()); os.write(2, b'\\xff'); raise SystemExit(5)"

    status, out, _ = executed(made, "--json", "--", "python", "-c", program)

    *said, ended = map(json.loads, out.splitlines())
    assert {"kind": "stdout", "text": "ü"} in said
    assert {"kind": "stderr", "base64": base64.b64encode(b"\xff").decode()} in said
    assert (status, ended["kind"], ended["exit_status"], ended["via"]) == (5, "ended", 5, "console")

    status, out, _ = executed(made, "--json", "--timeout", "1s", "--", "sleep", "99")
    (failed,) = map(json.loads, out.splitlines())
    assert (status, failed["event"], failed["exit_status"]) == (5, "failed", 5)
    assert "took longer than 1s" in failed["error"]


def test_a_console_that_was_never_opened_is_asked_for_and_waited_for(made: Project) -> None:
    number = console(made, opened=False)
    process = begin(made, "--via", "console", "--", "echo", "here")
    assert process.stderr
    line = process.stderr.readline().decode()
    assert f"Open {made.sandbox.url}/user/alice/consoles/{number}/, logged in" in line
    load(made, number)
    out, _ = process.communicate(timeout=60)

    assert (process.returncode, out) == (0, b"here\n")


def test_nobody_opens_the_console(made: Project) -> None:
    console(made, opened=False)

    status, _, err = executed(made, "--via", "console", "--wait", "1s", "--", "true")

    assert status == 5
    assert b"was not opened within" in err
    assert b"The command was not run." in err


def test_ctrl_c_ends_the_command_on_the_server(made: Project) -> None:
    console(made)
    process = begin(made, "--shell", "echo $$; exec sleep 300")
    assert process.stdout
    pid = process.stdout.readline().decode().strip()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 8
    assert b"The command on the server was ended." in err
    assert until(lambda: not Path(f"/proc/{pid}/exe").exists())
    assert not list(made.sandbox.disk.real("/home/alice/.deployer/exec/run").iterdir())


def test_a_reader_that_has_seen_enough_ends_it(made: Project) -> None:
    console(made)
    with begin(made, "--shell", "yes | head -c 9000000; sleep 5; touch ~/too-far") as process:
        assert process.stdout
        process.stdout.read(10)
        process.stdout.close()

    assert process.returncode == 141
    assert not made.sandbox.disk.real("/home/alice/too-far").exists()


def test_the_sites_folder_and_virtualenv_are_its_surroundings(made: Project) -> None:
    console(made)
    config = '[app]\ntarget = "~/mysite"\nvirtualenv = "~/.virtualenvs/mysite"\n'
    made.commit({"pythonanywhere.toml": config})
    made.sandbox.disk.real("/home/alice/mysite/sub").mkdir(parents=True)

    status, out, _ = executed(made, "--shell", 'pwd; echo "$VIRTUAL_ENV ${PATH%%:*}"')
    assert (status, out.decode().splitlines()) == (
        0,
        [
            "/home/alice/mysite",
            "/home/alice/.virtualenvs/mysite /home/alice/.virtualenvs/mysite/bin",
        ],
    )
    assert executed(made, "--directory", "sub", "--", "pwd")[1] == b"/home/alice/mysite/sub\n"
    assert executed(made, "--directory", "~", "--", "pwd")[1] == b"/home/alice\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--timeout", "soon", "--", "true"], b"--timeout soon: a duration is wanted"),
        (["--timeout", "13h", "--", "true"], b"nothing runs for longer than 12 hours"),
        (["--via", "task", "--console", "1", "--", "true"], b"not with --via task"),
        (["--console", "4711", "--", "true"], b"there is no console 4711"),
        (["--repo", ".", "--", "true"], b"no pythonanywhere.toml"),
    ],
)
def test_what_cannot_be_meant_is_said(made: Project, arguments: list[str], words: bytes) -> None:
    made.commit({"a": "x"})
    status, _, err = executed(made, *arguments)

    assert status == 2
    assert words in err
