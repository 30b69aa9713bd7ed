"""The wrapper by itself, on every Python of this machine that the platform may have."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from deployer.remote import Command
from deployer.remote.folder import WRAPPER
from deployer.sandbox.hosting.interpreters import Interpreters
from tests.builders.waiting import until

PYTHONS = [each for each in Interpreters().all() if each.version >= (3, 6, 0)]
EVERY_PYTHON = pytest.mark.parametrize(
    "python", [each.executable for each in PYTHONS], ids=[each.spelled for each in PYTHONS]
)


def begun(
    folder: Path, *arguments: str, python: str = sys.executable, within_s: float = 60.0, **fields: Any
) -> subprocess.Popen[bytes]:
    """The wrapper, started in a folder with that order."""
    put(folder, Command(arguments=arguments, **{"directory": str(folder), **fields}), within_s=within_s)
    return again(folder, python)


def put(
    folder: Path, command: Command, wrapper: bytes = WRAPPER.read_bytes(), *, within_s: float = 60.0
) -> None:
    (folder / "order.json").write_bytes(command.order(start_within_s=within_s))
    (folder / "run.py").write_bytes(wrapper)


def again(folder: Path, python: str = sys.executable) -> subprocess.Popen[bytes]:
    return subprocess.Popen([python, "-IS", str(folder / "run.py")], stdout=subprocess.PIPE)


def said(process: subprocess.Popen[bytes]) -> str:
    out, _ = process.communicate(timeout=30)
    return str(out.decode())


def status(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "status.json").read_bytes())
    return found


def output(folder: Path, ending: str) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob(f"*.{ending}")))


@EVERY_PYTHON
def test_output_and_exit_status_are_written_down(tmp_path: Path, python: str) -> None:
    program = "printf 'a\\0\\377b'; echo wrong >&2; exit 7"
    said(begun(tmp_path, "/bin/bash", "-c", program, python=python))

    assert output(tmp_path, "out") == b"a\0\xffb"
    assert output(tmp_path, "err") == b"wrong\n"
    assert (status(tmp_path)["ended_by"], status(tmp_path)["exit_status"]) == ("command", 7)
    assert status(tmp_path)["segments"] == 2


@pytest.mark.parametrize("python", [PYTHONS[0].executable, PYTHONS[-1].executable])
def test_arguments_arrive_as_they_were_typed_whatever_the_locale(tmp_path: Path, python: str) -> None:
    arguments = ("", " a 'quoted' \"one\"", "two\nlines", "ü€\U0001f40d", "not utf-8: \udcff", "$HOME `x` \\")
    tell = "import os, sys; os.write(1, b'|'.join(os.fsencode(each) for each in sys.argv[1:]))"
    command = Command(arguments=(python, "-c", tell, *arguments), directory=str(tmp_path))
    put(tmp_path, command)
    subprocess.run(
        [python, "-IS", str(tmp_path / "run.py")],
        env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
        stdout=subprocess.DEVNULL,
        check=True,
    )

    expected = b"|".join(each.encode("utf-8", "surrogateescape") for each in arguments)
    assert output(tmp_path, "out") == expected, output(tmp_path, "err")


def test_a_command_that_takes_too_long_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    program = "sleep 300 & echo $!; wait"
    oldest = PYTHONS[0].executable
    said(begun(tmp_path, "/bin/bash", "-c", program, python=oldest, timeout_s=0.5))

    assert status(tmp_path)["ended_by"] == "timeout"
    assert until(lambda: not Path(f"/proc/{output(tmp_path, 'out').decode().strip()}/exe").exists())


def test_a_command_that_ignores_the_friendly_signal_is_killed(tmp_path: Path) -> None:
    command = Command(
        arguments=("/bin/bash", "-c", "trap '' TERM; while :; do sleep 0.1; done"),
        directory=str(tmp_path),
        timeout_s=0.3,
    )
    put(tmp_path, command, WRAPPER.read_bytes().replace(b"GRACE_S = 5.0", b"GRACE_S = 0.2"))
    said(again(tmp_path))

    assert (status(tmp_path)["ended_by"], status(tmp_path)["signal"]) == ("timeout", signal.SIGKILL)


def test_it_never_runs_twice(tmp_path: Path) -> None:
    said(begun(tmp_path, "/bin/bash", "-c", "echo once >> log"))

    assert "has been run already" in said(again(tmp_path))
    assert (tmp_path / "log").read_text() == "once\n"


def test_two_at_the_same_time_are_one(tmp_path: Path) -> None:
    first = begun(tmp_path, "/bin/bash", "-c", "echo once >> log")
    others = [again(tmp_path) for _ in range(4)]
    answers = [said(each) for each in (first, *others)]

    assert sum("already" in each for each in answers) == 4
    assert (tmp_path / "log").read_text() == "once\n"


def test_an_old_order_is_not_run_any_more(tmp_path: Path) -> None:
    process = begun(tmp_path, "touch", "ran", within_s=-1.0)

    assert "long ago" in said(process)
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "started").exists()


def test_what_was_cancelled_before_it_began_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "cancel").touch()
    said(begun(tmp_path, "touch", "ran"))

    assert status(tmp_path)["ended_by"] == "cancel"
    assert not (tmp_path / "ran").exists()


def test_a_cancelled_command_ends_and_its_last_words_are_kept(tmp_path: Path) -> None:
    process = begun(tmp_path, "/bin/bash", "-c", "trap 'echo bye; exit 3' TERM; echo hi; sleep 300 & wait")
    assert until(lambda: output(tmp_path, "out") == b"hi\n")
    (tmp_path / "cancel").touch()
    said(process)

    assert output(tmp_path, "out") == b"hi\nbye\n"
    assert (status(tmp_path)["ended_by"], status(tmp_path)["exit_status"]) == ("cancel", 3)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_in_the_console_and_its_end_end_the_command(tmp_path: Path, number: signal.Signals) -> None:
    process = begun(tmp_path, "sleep", "300")
    assert until((tmp_path / "alive.000001").exists)
    process.send_signal(number)
    said(process)

    assert (status(tmp_path)["ended_by"], status(tmp_path)["signal"]) == ("signal", signal.SIGTERM)


def test_a_folder_that_is_gone_ends_the_command(tmp_path: Path) -> None:
    place = tmp_path / "run"
    place.mkdir()
    process = begun(place, "/bin/bash", "-c", "echo $$ > ../pid; exec sleep 300")
    assert until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().endswith("\n"))
    for path in place.iterdir():
        path.unlink()
    place.rmdir()
    said(process)

    assert until(lambda: not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}/exe").exists())


@pytest.mark.parametrize(
    ("arguments", "expected", "words"),
    [
        (("there-is-no-such-program",), 127, "there-is-no-such-program: No such file"),
        (("/etc/passwd",), 126, "/etc/passwd: Permission denied"),
    ],
)
def test_what_cannot_be_started_has_the_status_that_a_shell_would_give(
    tmp_path: Path, arguments: tuple[str, ...], expected: int, words: str
) -> None:
    said(begun(tmp_path, *arguments))

    found = status(tmp_path)
    assert (found["ended_by"], found["exit_status"]) == ("not-started", expected)
    assert words in found["problem"]


def test_a_folder_to_run_in_that_is_not_there_is_named(tmp_path: Path) -> None:
    said(begun(tmp_path, "true", directory=f"{tmp_path}/missing"))

    assert status(tmp_path)["problem"] == f"there is no folder {tmp_path}/missing"


def test_the_sites_virtualenv_takes_the_place_of_one_that_is_active(tmp_path: Path) -> None:
    command = Command(
        arguments=("/bin/bash", "-c", 'echo "$VIRTUAL_ENV $PATH $EXTRA"'),
        directory=str(tmp_path),
        virtualenv="/envs/site",
        environment={"EXTRA": "ü"},
    )
    put(tmp_path, command)
    environment = {"PATH": "/envs/other/bin:/usr/bin:/bin", "VIRTUAL_ENV": "/envs/other", "PYTHONHOME": ""}
    subprocess.run(
        [sys.executable, "-IS", str(tmp_path / "run.py")],
        env=environment,
        stdout=subprocess.DEVNULL,
        check=True,
    )

    assert output(tmp_path, "out").decode() == "/envs/site /envs/site/bin:/usr/bin:/bin ü\n"


def test_output_is_there_while_the_command_runs(tmp_path: Path) -> None:
    began = time.monotonic()
    process = begun(tmp_path, "/bin/bash", "-c", "echo first; read < fifo; echo second")
    os.mkfifo(tmp_path / "fifo")
    assert until(lambda: output(tmp_path, "out") == b"first\n")
    assert time.monotonic() - began < 5
    (tmp_path / "fifo").write_text("go on\n")
    said(process)

    assert output(tmp_path, "out") == b"first\nsecond\n"


def test_a_command_that_leaves_something_running_has_ended_itself(tmp_path: Path) -> None:
    said(begun(tmp_path, "/bin/bash", "-c", "sleep 300 & echo $!"))

    left = int(output(tmp_path, "out"))
    assert status(tmp_path)["exit_status"] == 0
    os.kill(left, signal.SIGKILL)


def test_output_that_cannot_be_written_is_counted_and_the_end_is_told(tmp_path: Path) -> None:
    """A file-size limit plays the disk quota: files that are larger cannot be written."""
    program = "import sys; print('fits', flush=True); import time; time.sleep(1.3); print('x' * 100_000)"
    put(tmp_path, Command(arguments=(sys.executable, "-c", program), directory=str(tmp_path)))
    line = f"trap '' XFSZ; ulimit -f 16; exec {sys.executable} -IS {tmp_path}/run.py"
    subprocess.run(["/bin/bash", "-c", line], stdout=subprocess.DEVNULL, check=True)

    found = status(tmp_path)
    assert output(tmp_path, "out") == b"fits\n"
    assert (found["exit_status"], found["segments"], found["lost"]) == (0, 1, 100_001)
    assert "File too large" in found["problem"]
