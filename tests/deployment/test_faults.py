"""Any single request may fail in any way: the run or one more of it converges, and none ever lies."""

from itertools import count
from pathlib import Path
from typing import Any, Literal

import pytest

from deployer.errors import DeployerError
from deployer.pythonanywhere import reload
from deployer.sandbox import Effect, Fault
from tests.deployment.scenario import at_version, check_live, check_recorded
from tests.deployment.stage import Stage
from tests.deployment.worlds import OTHER_PLATFORMS, named

EFFECTS = {
    "throttled": Effect(kind="status", status=429, retry_after=1),
    "500": Effect(kind="status", status=500),
    "502": Effect(kind="status", status=502),
    "503": Effect(kind="status", status=503),
    "504": Effect(kind="status", status=504),
    "500 after it took effect": Effect(kind="status", status=500, when="after"),
    "cut before": Effect(kind="cut"),
    "cut after it took effect": Effect(kind="cut", when="after"),
    "HTML": Effect(kind="html"),
    "HTML after it took effect": Effect(kind="html", when="after"),
    "half a body": Effect(kind="half"),
    "a redirect": Effect(kind="redirect"),
    "empty after it took effect": Effect(kind="empty", when="after"),
    "no answer": Effect(kind="stall"),
    "no answer after it took effect": Effect(kind="stall", when="after"),
}
RARE = {
    "HTML after it took effect",
    "a redirect",
    "empty after it took effect",
    "no answer after it took effect",
}
"""On a change only, which makes every kind of request that a first deployment makes; `make test` has them in
turns, where the platform is another one."""
IMPATIENT_S = 0.25
RELOAD_PATIENCE_S = 1.5


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client waits for a reload longer than for anything else, and longer than a test can."""
    monkeypatch.setattr(reload, "RELOAD_TIMEOUT_S", RELOAD_PATIENCE_S)


@pytest.mark.parametrize(
    ("effect", "version"),
    [
        *(
            pytest.param(effect, 2, id=f"{name}, change", marks=[pytest.mark.thorough] * (name in RARE))
            for name, effect in EFFECTS.items()
        ),
        *(pytest.param(EFFECTS[name], 1, id=f"{name}, first") for name in EFFECTS if name not in RARE),
    ],
)
def test_a_deployment_outlives_a_fault_at_any_of_its_requests(
    tmp_path: Path, effect: Effect, version: int
) -> None:
    for number in count(1):
        if not outlived(tmp_path / str(number), number, version, effect):
            assert number > 20, "there are more requests than that"
            return


@pytest.mark.parametrize("answers", OTHER_PLATFORMS, ids=named)
def test_a_deployment_outlives_faults_also_where_the_platform_is_another_one(
    tmp_path: Path, answers: dict[str, Any]
) -> None:
    """A fault at each request again, each time another kind, with some questions answered otherwise."""
    first = OTHER_PLATFORMS.index(answers)
    kinds = [*EFFECTS.values()]
    for number in count(1):
        effect = kinds[(first + number) % len(kinds)]
        if not outlived(tmp_path / str(number), number, 2, effect, more=True, **answers):
            assert number > 15, "there are more requests than that"
            return


def outlived(
    folder: Path, number: int, version: int, effect: Effect, *, more: bool = False, **answers: Any
) -> bool:
    """Fail the request of that number, and see the version live; False where it has fewer requests."""
    with at_version(folder, version, more=more, **answers) as place:
        place.sandbox.faults.add(Fault(effect=effect, number=number))
        if effect.kind == "stall":
            place.read_timeout_s = IMPATIENT_S
        try:
            fired = deploy_in_two_runs(place)
            check_live(place, version)
            check_recorded(place)
        except Exception as error:
            error.add_note(f"The fault was at request {number}.")
            raise
        return fired


def deploy_in_two_runs(place: Stage) -> bool:
    """Two at most; whether the fault came into it."""
    try:
        place.sync()
    except DeployerError:
        place.sync()
    ((_, fired),) = place.sandbox.faults.list()
    place.sandbox.faults.clear()
    return fired > 0


@pytest.mark.parametrize("kind", ["html", "empty"])
def test_a_new_file_that_only_something_in_between_took_is_not_called_live(
    tmp_path: Path, kind: Literal["html", "empty"]
) -> None:
    """An empty 200 is the platform's own answer to an update; a new file gets another."""
    with at_version(tmp_path, 1) as place:
        effect = Effect(kind=kind)
        place.sandbox.faults.add(Fault(effect=effect, method="POST", path="/mysite/a$", times=6))

        with pytest.raises(DeployerError):
            place.sync()
        place.sandbox.faults.clear()
        place.sync()

        check_live(place, 1)
