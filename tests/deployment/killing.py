"""The real command in a process of its own, killed just before or after one of its requests."""

import multiprocessing
import os
import signal
import sys
from pathlib import Path
from typing import Literal

from deployer.sandbox import Effect, Fault
from tests.builders.waiting import until
from tests.deployment.stage import Stage

When = Literal["before", "after"]
PROCESSES = multiprocessing.get_context("forkserver")
"""Where hundreds of processes start quickly: from one that has read the program already."""
PROCESSES.set_forkserver_preload(["deployer.cli.main", "deployer.deployment.deploy", "requests"])


def killed_at(place: Stage, number: int, when: When) -> int | None:
    """Kill a `sync` just before or after its request of that number; the requests are counted anew.

    None where it was killed; the exit status of one that made fewer requests.
    """
    place.sandbox.requests.wait_idle()
    place.sandbox.requests.reset()
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
    process = PROCESSES.Process(target=_sync, args=(place.repo.path, environment, output))
    process.start()
    try:
        assert until(lambda: _fired(place) or not process.is_alive())
        process.kill()
        process.join()
        status = process.exitcode
    finally:
        process.close()
    assert place.sandbox.requests.wait_idle()
    fired = _fired(place)
    place.sandbox.faults.clear()
    assert status is not None
    assert status >= 0 or status == -signal.SIGKILL, output.read_text()
    assert status != 1, output.read_text()
    return None if fired or status < 0 else status


def _sync(repo: Path, environment: dict[str, str], output: Path) -> None:
    """`deployer sync`. Nobody competes for the site, so nobody is waited for."""
    from deployer.__main__ import main
    from deployer.deployment import record

    record.SETTLE_S = 0.0
    os.environ.update(environment)
    os.chdir(repo)
    sys.argv = ["deployer", "sync"]
    with output.open("w") as sys.stderr:
        main()


def _fired(place: Stage) -> bool:
    return any(fired for _, fired in place.sandbox.faults.list())
