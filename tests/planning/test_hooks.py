"""Which hooks are planned, and why."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from deployer.model.actions import RunHook
from deployer.model.manifest import Failed, Live, Pending
from deployer.model.overrides import PUT_BACK, Overrides
from deployer.model.site import Hook
from tests.planning.servers import plan_on
from tests.planning.sites import BEFORE, COMMIT, TARGET, entry, manifest, site

ONE, TWO = entry("one"), entry("two")
ANY = Hook(at="before_reload", command="any")
PIP = Hook(at="before_reload", command="pip", changed=("requirements.txt",))
LATE = Hook(at="after_live", command="late", changed=("other",))
NO_OVERRIDES = Overrides()
NOW = datetime(2026, 1, 1, tzinfo=UTC)
EARLIER = Live(commit="a" * 40, deployment="d", since=NOW)
THIS = Live(commit=COMMIT.id, deployment="d", since=NOW)


def pending(*paths: str, hooks: tuple[str, ...] = ()) -> Pending:
    return Pending(
        deployment="d",
        owner="o",
        who="w",
        commit=COMMIT.id,
        started=NOW,
        expires=NOW,
        paths=tuple(f"{TARGET}/{path}" for path in paths),
        settings=False,
        hooks=hooks,
    )


def planned(*hooks: Hook, overrides: Overrides = NO_OVERRIDES, **recorded: Any) -> list[str]:
    """For a commit that changes `a` and nothing else, unless `same` says that it changes nothing."""
    wanted = {"a": ONE if recorded.pop("same", False) else TWO, "requirements.txt": ONE}
    server = {"a": ONE, "requirements.txt": ONE}
    decision = plan_on(
        server,
        replace(site(), hooks=hooks),
        manifest(server, **{"commit": BEFORE, **recorded}),
        wanted,
        overrides=overrides,
    )
    actions = [action for action in decision.plan.actions if isinstance(action, RunHook)]
    return [f"{action.subject}: {action.reason}" for action in actions]


def test_without_a_condition_it_runs_when_anything_changes() -> None:
    assert planned(ANY) == ["any: something changes"]


def test_with_a_condition_it_runs_when_that_changes() -> None:
    assert planned(PIP) == []
    assert planned(replace(PIP, changed=("[ab]",))) == ["pip: a changes"]


def test_force_runs_all_of_them_and_the_way_back_does_not() -> None:
    assert planned(ANY, PIP, LATE, overrides=Overrides(force=True)) == [
        "any: asked for (--force)",
        "pip: asked for (--force)",
        "late: asked for (--force)",
    ]
    assert planned(ANY, PIP, LATE, overrides=PUT_BACK, live=THIS) == ["any: something changes"]


@pytest.mark.parametrize(
    "cut_off", [pending("requirements.txt"), pending(hooks=("requirements.txt",))], ids=["its", "an earlier"]
)
def test_what_a_cut_off_deployment_changed_counts_even_if_it_is_all_there(cut_off: Pending) -> None:
    assert planned(ANY, PIP, LATE, same=True, pending=cut_off) == [
        "any: the last deployment was cut off",
        "pip: requirements.txt changes, or did when it was cut off",
    ]


def test_what_comes_after_the_check_is_owed_until_a_deployment_got_so_far() -> None:
    failed = Failed(commit=BEFORE, deployment="d", reason="r")
    assert planned(PIP, LATE, live=EARLIER, failed=failed) == [
        "late: the last deployment did not come so far"
    ]
    assert planned(PIP, LATE, live=None, failed=failed) == ["late: the last deployment did not come so far"]
    assert planned(PIP, LATE) == []


def test_nothing_comes_after_the_check_of_a_site_that_is_off() -> None:
    off = replace(site(), hooks=(ANY, replace(ANY, at="after_live")), enabled=False)
    decision = plan_on({"a": ONE}, off, manifest({"a": ONE}), {"a": TWO})
    hooks = [action.hook.at for action in decision.plan.actions if isinstance(action, RunHook)]
    assert hooks == ["before_reload"]


def test_hooks_stand_before_the_reload_and_after_it_and_are_counted() -> None:
    with_hooks = replace(site(), hooks=(ANY, replace(ANY, at="after_live")))
    plan = plan_on({"a": ONE}, with_hooks, manifest({"a": ONE}), {"a": TWO}).plan
    without = plan_on({"a": ONE}, site(), manifest({"a": ONE}), {"a": TWO}).plan

    assert [action.kind for action in plan.actions] == ["update", "hook", "reload", "hook"]
    assert [action.kind for action in plan.steps] == ["update", "hook"]
    assert len(plan.late_hooks) == 1
    assert sum(plan.requests.values()) - sum(without.requests.values()) == 14
