"""Commands that run as the account: what they see, how they end, what they cost."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.sandbox.disk import AccountDisk
from deployer.sandbox.hosting import AccountCommands, Interpreters, Isolation
from deployer.sandbox.hosting.enclosure import Enclosure
from tests.builders.waiting import until


@pytest.fixture(params=["auto", "none"])
def commands(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AccountCommands]:
    isolation: Isolation = request.param
    disk = AccountDisk(tmp_path / "data", "alice")
    opened = AccountCommands(disk, Enclosure(disk, isolation), Interpreters(), {"API_TOKEN": "t"})
    yield opened
    opened.close()


def output(commands: AccountCommands, script: str) -> tuple[str, int | None]:
    place = commands.disk.data / "output"
    with place.open("wb") as file:
        running = commands.start(["/bin/bash", "-c", script], stdout=file)
    status = running.wait(20)
    return place.read_text(), status


def test_a_command_has_the_accounts_environment_its_home_and_its_pythons(commands: AccountCommands) -> None:
    script = 'pwd; echo $HOME $USER $API_TOKEN ${PYTEST_CURRENT_TEST-none}; python -c "print(6*7)"; exit 7'
    home = commands.enclosure.shown("/home/alice")
    text, status = output(commands, script)
    assert text == f"{home}\n{home} alice t none\n42\n"
    assert status == 7


def test_a_command_that_cannot_be_started_says_so(commands: AccountCommands) -> None:
    place = commands.disk.data / "output"
    with place.open("wb") as file:
        running = commands.start(["/no/such/program"], stdout=file)
    assert running.wait(20) not in {0, None}
    assert "No such file" in place.read_text()


def test_its_end_takes_along_what_it_started(commands: AccountCommands) -> None:
    place = commands.disk.data / "output"
    with place.open("wb") as file:
        running = commands.start(["/bin/bash", "-c", "sleep 600 & echo $!; wait"], stdout=file)
    until(lambda: place.read_text().endswith("\n"))
    child = int(place.read_text())
    running.end()
    assert running.status == -signal.SIGKILL
    until(lambda: not Path(f"/proc/{child}").exists())


def test_cpu_seconds_are_measured_while_it_runs_and_after(commands: AccountCommands) -> None:
    running = commands.start(["/bin/bash", "-c", "while :; do :; done"])
    until(lambda: running.cpu_s >= 0.05)
    running.end()
    assert running.cpu_s >= 0.05
    assert commands.used_s >= running.cpu_s


def test_a_signal_reaches_the_whole_command(commands: AccountCommands) -> None:
    running = commands.start(["/bin/bash", "-c", "exec sleep 600"])
    running.signal(signal.SIGTERM)
    assert running.wait(10) == -signal.SIGTERM
    running.signal(signal.SIGTERM)  # after the end nobody is hit


def test_a_command_started_after_the_close_does_not_live(commands: AccountCommands) -> None:
    commands.close()
    assert commands.start(["/bin/sleep", "600"]).status == -signal.SIGKILL


def test_commands_end_with_a_sandbox_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time, pathlib\n"
        "from deployer.sandbox.disk import AccountDisk\n"
        "from deployer.sandbox.hosting import AccountCommands, Interpreters\n"
        "from deployer.sandbox.hosting.enclosure import Enclosure\n"
        "disk = AccountDisk(pathlib.Path(sys.argv[1]), 'alice')\n"
        "commands = AccountCommands(disk, Enclosure(disk), Interpreters(), {})\n"
        "print(commands.start(['/bin/sleep', '600']).pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE) as sandbox:
        assert sandbox.stdout is not None
        command = int(sandbox.stdout.readline())
        os.kill(sandbox.pid, signal.SIGKILL)
        until(lambda: not Path(f"/proc/{command}").exists())


def test_what_serves_a_site_does_not_count_towards_the_days_cpu_seconds(commands: AccountCommands) -> None:
    running = commands.start(["/bin/bash", "-c", "while :; do :; done"], counted=False)
    until(lambda: running.cpu_s >= 0.05)
    assert commands.used_s == 0.0
    running.end()
    assert commands.used_s == 0.0
