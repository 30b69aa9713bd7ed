"""A deployment that is killed before or after any of its requests is finished by the next run."""

import multiprocessing
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Literal

import pytest

from deployer.deployment.deploy import unlock
from deployer.sandbox import Effect, Fault
from tests.builders.waiting import until
from tests.deployment.scenario import check_live, check_recorded, commit_version
from tests.deployment.stage import Stage, stage

PROCESSES = multiprocessing.get_context("forkserver")
"""Where hundreds of processes start quickly: from one that has read the program already."""
PROCESSES.set_forkserver_preload(["deployer.cli.main", "deployer.deployment.deploy", "requests"])


def sync(repo: Path, environment: dict[str, str], output: Path) -> None:
    """`deployer sync`, as a process. Nobody competes for the site, so nobody is waited for."""
    from deployer.__main__ import main
    from deployer.deployment import record

    record.SETTLE_S = 0.0
    os.environ.update(environment)
    os.chdir(repo)
    sys.argv = ["deployer", "sync"]
    with output.open("w") as sys.stderr:
        main()


@contextmanager
def at_version(folder: Path, number: int) -> Iterator[Stage]:
    """The commits up to this one; all but the last are live."""
    with stage(folder, plan="paid") as place:
        for version in range(1, number):
            commit_version(place, version)
            place.sync()
        commit_version(place, number)
        place.sandbox.requests.wait_idle()
        place.sandbox.requests.reset()
        yield place


def killed_at(place: Stage, number: int, when: Literal["before", "after"]) -> bool:
    """Kill a run just before or after its request of that number; False when it has fewer."""
    place.sandbox.faults.add(Fault(effect=Effect(kind="stall", when=when), number=number))
    output = place.folder / "output"
    environment = {
        "HOME": str(place.folder),
        "PYTHONANYWHERE_SITE": place.sandbox.url,
        "PYTHONANYWHERE_USERNAME": place.sandbox.user,
        "API_TOKEN": place.sandbox.token,
        "DEPLOYER_STATE": str(place.folder / place.state),
        "DEPLOYER_RUNTIME_DIR": str(place.folder / "runtime"),
    }
    process = PROCESSES.Process(target=sync, args=(place.repo.path, environment, output))
    process.start()
    try:
        assert until(lambda: _fired(place) or not process.is_alive())
        process.kill()
        process.join()
        assert process.exitcode in {0, -signal.SIGKILL}, output.read_text()
    finally:
        process.close()
    assert place.sandbox.requests.wait_idle()
    fired = _fired(place)
    place.sandbox.faults.clear()
    return fired


def _fired(place: Stage) -> bool:
    return any(fired for _, fired in place.sandbox.faults.list())


def on_the_same_machine(place: Stage, version: int) -> int:
    place.sync()
    assert sent_again(place) <= 1
    return version


def with_the_state_lost(place: Stage, version: int) -> int:
    """Somebody knows that the other machine is gone, and says so."""
    place.state = "another machine's"
    pending = place.manifest().pending
    with place.work() as work:
        unlock(work)
    outcome = place.sync()
    if pending is not None:
        sent = {action.subject for action in outcome.plan.actions if action.kind in {"create", "update"}}
        assert sent <= set(pending.paths)
    return version


def with_a_newer_commit(place: Stage, version: int) -> int:
    commit_version(place, version + 1)
    place.sync()
    return version + 1


def sent_again(place: Stage) -> int:
    """How many uploads of files were repetitions."""
    sent = Counter(
        entry.path
        for entry in place.sandbox.requests.list()
        if entry.method == "POST" and "/files/path" in entry.path and "/.deployer/" not in entry.path
    )
    return sum(sent.values()) - len(sent)


@pytest.mark.parametrize("version", [pytest.param(1, id="first"), pytest.param(2, id="change")])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("go_on", [on_the_same_machine, with_the_state_lost, with_a_newer_commit])
def test_a_run_that_is_killed_at_any_request_is_finished_by_the_next(
    tmp_path: Path,
    go_on: Callable[[Stage, int], int],
    when: Literal["before", "after"],
    version: int,
) -> None:
    for number in count(1):
        with at_version(tmp_path / str(number), version) as place:
            if not killed_at(place, number, when):
                assert number > 20, "there are more requests than that"
                return
            try:
                expected = go_on(place, version)
                check_live(place, expected)
                check_recorded(place)
            except Exception as error:
                error.add_note(f"Killed {when} request {number}.")
                raise
