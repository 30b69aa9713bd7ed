"""Commands through a console: all of the output, the true exit status, nothing left behind."""

import sys
import threading
from pathlib import Path

import pytest

from deployer.errors import ApiError, Interrupted, NeedsPerson, UsageError
from deployer.remote import Command
from deployer.sandbox import Effect, Fault
from tests.builders.waiting import until
from tests.remote.place import HOME, ROOT, Place, place

ODD = ("", "it's", 'say "so"', "two\nlines", "$HOME `id` \\ * !", "ü€\U0001f40d", "not utf-8: \udcff")


def test_ten_megabytes_and_the_exit_status_come_through(there: Place) -> None:
    there.console()
    program = 'import sys; print("x"*10_000_000); sys.exit(7)'

    ended = there.run("python", "-c", program)

    assert there.heard.out == b"x" * 10_000_000 + b"\n"
    assert (ended.exit_status, ended.via, ended.lost) == (7, "console", 0)
    assert there.left() == []


def test_what_is_odd_comes_through_as_it_is(there: Place) -> None:
    there.console()
    program = (
        "import os, sys; os.write(1, b'|'.join(map(os.fsencode, sys.argv[1:]))); "
        "os.write(2, bytes(range(256))); os.kill(os.getpid(), 9)"
    )

    ended = there.run("python", "-c", program, *ODD)

    assert there.heard.out == b"|".join(each.encode("utf-8", "surrogateescape") for each in ODD)
    assert there.heard.err == bytes(range(256))
    assert (ended.signal, ended.exit_status) == (9, 137)


def test_a_line_is_bashs(there: Place) -> None:
    there.console()
    line = 'for each in one "two  three"; do echo "$each" | tr a-z A-Z; done; pwd >&2; exit 3'

    ended = there.carry_out(Command.of_line(line, directory=f"{HOME}/.deployer"))

    assert there.heard.out == b"ONE\nTWO  THREE\n"
    assert there.heard.err.endswith(b"/.deployer\n")
    assert ended.exit_status == 3


def test_each_byte_is_downloaded_once(there: Place) -> None:
    there.console()
    there.run("python", "-c", 'print("x"*10_000_000)')

    read = [each.path for each in there.sandbox.requests.list() if ".out" in each.path]
    assert len(read) == len(set(read)) == 3


def test_a_small_command_costs_few_requests(there: Place) -> None:
    there.console()
    there.asked()
    there.sandbox.requests.reset()
    there.run("true")

    asked = [each for each in there.asked() if each != "GET files/path{path}"]
    assert asked == [
        "GET schedule/",
        "POST files/path{path}",
        "POST files/path{path}",
        "GET consoles/",
        "POST consoles/{id}/send_input/",
        "DELETE files/path{path}",
    ]


def test_output_comes_while_the_command_runs(there: Place) -> None:
    there.console()
    gate = there.sandbox.disk.real(f"{HOME}/gate")
    there.heard.on_output = gate.touch

    ended = there.run(
        "/bin/bash", "-c", f"echo first; until [ -e {HOME}/gate ]; do sleep 0.1; done; echo last"
    )

    assert there.heard.out == b"first\nlast\n"
    assert ended.exit_status == 0


def test_what_somebody_has_half_typed_is_not_run(there: Place) -> None:
    console = there.console()
    there.api.consoles.send_input(console.id, "touch half-typed")

    assert there.run("true").exit_status == 0
    assert not there.sandbox.disk.real(f"{HOME}/half-typed").exists()


def test_a_shell_that_is_busy_for_a_moment_runs_it_afterwards(there: Place) -> None:
    console = there.console()
    there.api.consoles.send_input(console.id, f"until [ -e {HOME}/gate ]; do sleep 0.1; done\n")
    timer = threading.Timer(1.0, there.sandbox.disk.real(f"{HOME}/gate").touch)
    timer.start()

    assert there.run("echo", "x").exit_status == 0
    assert there.heard.out == b"x\n"
    timer.join()


def test_a_program_in_the_foreground_is_told_of_and_the_next_console_is_taken(
    there: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployer.remote.consoles.START_S", 0.5)
    busy = there.console()
    there.api.consoles.send_input(busy.id, f"until [ -e {HOME}/gate ]; do sleep 0.1; done\n")

    with pytest.raises(NeedsPerson, match="another program may be in the foreground") as failure:
        there.run("touch", "ran", via="console")
    assert f"/user/alice/consoles/{busy.id}/" in failure.value.hint
    assert failure.value.left == "The command was not run."
    assert there.left() == []

    there.console()
    assert there.run("true").via == "console"
    there.sandbox.disk.real(f"{HOME}/gate").touch()
    assert until(lambda: "can't open file" in there.api.consoles.latest_output(busy.id))
    assert not there.sandbox.disk.real(f"{HOME}/ran").exists()


@pytest.mark.parametrize("unstarted", ["412", "empty"])
def test_a_console_that_nobody_opened_is_waited_for(tmp_path: Path, unstarted: str) -> None:
    with place(tmp_path, unstarted_output=unstarted) as there:

        def open_it(note: str) -> None:
            (console,) = there.api.consoles.list()
            assert f"{there.sandbox.url}/user/alice/consoles/{console.id}/" in note
            there.open(console.id)

        there.heard.on_note = open_it
        ended = there.run("echo", "here", via="console", wait_s=30.0)

        assert (ended.exit_status, there.heard.out) == (0, b"here\n")
        assert len(there.heard.notes) == 1


def test_where_nobody_can_be_asked_the_page_to_open_is_said(there: Place) -> None:
    console = there.console(opened=False)

    with pytest.raises(NeedsPerson, match="only a browser can start one") as failure:
        there.run("true", via="console")

    assert f"Open {there.sandbox.url}/user/alice/consoles/{console.id}/" in failure.value.hint
    assert there.left() == []


@pytest.mark.parametrize("answer", ["403-html", "400-json", "200-empty"])
def test_at_the_limit_of_consoles_those_that_are_there_are_named(tmp_path: Path, answer: str) -> None:
    with place(tmp_path, plan="free", console_limit=answer) as there:
        for _ in range(2):
            there.console(executable=f"python3.{sys.version_info.minor}", opened=False)

        with pytest.raises(ApiError, match=r"there are 2: \d+ \(python3") as failure:
            there.run("true", via="console", wait_s=5.0)

        assert "use one of these or delete one" in failure.value.hint
        assert there.left() == []


def test_only_the_console_that_was_named_is_used(there: Place) -> None:
    there.console()
    wanted = there.console()

    assert there.run("true", console=wanted.id).exit_status == 0

    typed = [each.path for each in there.sandbox.requests.list() if each.path.endswith("/send_input/")]
    assert typed == [f"/api/v0/user/alice/consoles/{wanted.id}/send_input/"]
    with pytest.raises(UsageError, match=r"no console 4711, only \d+, \d+$"):
        there.run("true", console=4711)


def test_where_there_is_no_console_at_all_none_is_named(there: Place) -> None:
    with pytest.raises(UsageError, match=r"no console 4711, nor any other$"):
        there.run("true", console=4711)


def test_a_short_wait_is_told_in_seconds(there: Place) -> None:
    there.console(opened=False)

    with pytest.raises(NeedsPerson, match=r"was not opened within 1 s\n") as failure:
        there.run("true", via="console", wait_s=1.0)

    assert there.heard.notes[0].endswith("waiting for that up to 1 s.")
    assert failure.value.left == "The command was not run."


@pytest.mark.parametrize("passed", [0, 1])
def test_what_could_not_be_put_on_the_server_is_not_said_to_go_on(there: Place, passed: int) -> None:
    forbidden = Effect(kind="status", status=403, when="before")
    there.sandbox.faults.add(
        Fault(path="/files/path/", method="POST", after=passed, times=1, effect=forbidden)
    )

    with pytest.raises(ApiError) as failure:
        there.run("true")

    assert failure.value.left == "The command was not run."
    assert there.left() == []


def test_a_time_out_kills_it_and_is_told_apart(there: Place) -> None:
    there.console()

    ended = there.run("/bin/bash", "-c", "echo before; sleep 300", timeout_s=0.5)

    assert ended.by == "timeout"
    assert there.heard.out == b"before\n"


def test_a_stop_ends_the_command_on_the_server(there: Place) -> None:
    there.console()
    stopped = False

    def stop() -> None:
        nonlocal stopped
        stopped = True

    def pause(seconds: float) -> None:
        del seconds
        if stopped:
            raise Interrupted("stopped by SIGINT")

    there.heard.on_output, there.pause = stop, pause
    with pytest.raises(Interrupted) as failure:
        there.run("/bin/bash", "-c", "echo $$; trap 'echo bye; exit' TERM; sleep 300 & wait")

    assert failure.value.left == "The command on the server was ended."
    assert there.heard.out.endswith(b"\nbye\n")
    assert there.left() == []


def test_a_listener_that_takes_no_more_ends_the_command(there: Place) -> None:
    there.console()
    gone = there.sandbox.disk.real(f"{HOME}/gone")

    def refuse() -> None:
        raise BrokenPipeError

    there.heard.on_output = refuse
    with pytest.raises(BrokenPipeError):
        there.run(
            "/bin/bash", "-c", f"trap 'touch {HOME}/gone; exit' TERM; yes | head -c 9000000; sleep 99 & wait"
        )

    assert gone.exists()
    assert there.left() == []


def test_what_a_killed_run_has_left_is_deleted_by_the_next_one(there: Place) -> None:
    there.console()
    there.api.files.write(f"{ROOT}/20200101T000000-0123abcd/run.py", b"")
    there.api.files.write(f"{ROOT}/mine/kept", b"")

    there.run("true")

    assert there.left() == ["mine"]


def test_a_console_that_is_closed_in_the_middle_is_noticed(there: Place) -> None:
    """Its end kills the wrapper, however it is set up against that."""
    console = there.console()
    killed = threading.Thread(target=there.api.consoles.delete, args=(console.id,))

    def close() -> None:
        if not killed.ident:
            killed.start()
            killed.join()

    there.heard.on_output = close
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("deployer.remote.reading.SILENT_S", 1.0)
        patched.setattr("deployer.remote.reading.CANCELLED_S", 1.0)
        with pytest.raises(NeedsPerson, match="has not been heard of") as failure:
            there.run("/bin/bash", "-c", "echo begun; sleep 300")
    assert "how the command ended is not known" in str(failure.value).lower()
