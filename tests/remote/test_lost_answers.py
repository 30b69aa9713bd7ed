"""Every request of a run may lose its answer, or come to nothing: the command runs once, all is told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.sandbox import Effect, Fault
from tests.remote.place import HOME, Place, place

PROGRAM = f"echo out; echo err >&2; echo once >> {HOME}/log; exit 7"
BEFORE = Effect(kind="cut", when="before")
AFTER = Effect(kind="cut", when="after")
FAULT = Effect(kind="status", status=503, when="after")
LOST = [AFTER, pytest.param(BEFORE, marks=pytest.mark.slow), pytest.param(FAULT, marks=pytest.mark.slow)]


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that was not typed is typed again after a second."""
    monkeypatch.setattr("deployer.remote.consoles.START_S", 1.0)


def run_with(there: Place, fault: Fault, via: str) -> int:
    """How many requests it took."""
    log = there.sandbox.disk.real(f"{HOME}/log")
    log.unlink(missing_ok=True)
    there.heard.out = there.heard.err = b""
    there.sandbox.requests.wait_idle()
    there.sandbox.requests.reset()
    there.sandbox.faults.add(fault)

    ended = there.run("/bin/bash", "-c", PROGRAM, via=via)

    there.sandbox.faults.clear()
    made = len(there.asked())
    assert (there.heard.out, there.heard.err, ended.exit_status) == (b"out\n", b"err\n", 7)
    assert log.read_text() == "once\n"
    assert there.left() == []
    return made


def each_number(there: Place, effect: Effect, via: str) -> Iterator[int]:
    number, made = 1, 1
    while number <= made:
        made = run_with(there, Fault(effect=effect, number=number), via)
        yield number
        number += 1


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("effect", LOST, ids=lambda effect: str(effect.name))
def test_through_a_console(there: Place, effect: Effect) -> None:
    there.console()
    assert len(list(each_number(there, effect, "console"))) >= 9


@pytest.mark.parametrize("effect", LOST, ids=lambda effect: str(effect.name))
def test_through_a_task(there: Place, effect: Effect) -> None:
    there.heard.on_note = there.minute_passes
    assert len(list(each_number(there, effect, "task"))) >= 9


@pytest.mark.parametrize("effect", LOST, ids=lambda effect: str(effect.name))
def test_the_creation_of_a_console_is_settled_by_the_list(there: Place, effect: Effect) -> None:
    there.sandbox.faults.add(Fault(effect=effect, method="POST", path="/consoles/$", times=1))
    there.heard.on_note = lambda _: there.open(there.api.consoles.list()[0].id)

    assert there.run("true", via="console", wait_s=30.0).exit_status == 0
    assert len(there.api.consoles.list()) == 1


@pytest.mark.parametrize("via", ["console", "task"])
def test_a_429_is_waited_for(there: Place, via: str) -> None:
    there.console()
    there.heard.on_note = there.minute_passes
    throttled = Effect(kind="status", status=429, retry_after=1)

    for number in range(1, 10):
        run_with(there, Fault(effect=throttled, number=number), via)


@pytest.mark.slow
def test_within_the_platforms_limit_nothing_is_lost(tmp_path: Path) -> None:
    """A command that says a little all the time, and a platform whose minute is three seconds."""
    with place(tmp_path, rate_limit="pattern", rate_limit_window_s=3.0) as there:
        there.console()

        ended = there.run("/bin/bash", "-c", "for each in 1 2 3 4 5; do echo $each; sleep 0.5; done")

        assert (ended.exit_status, there.heard.out) == (0, b"1\n2\n3\n4\n5\n")
