"""The history stays bounded: the newest deployments of each site are kept, with their steps and logs."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.model.deployment import Deployment, Status, Step
from deployer.model.files import Commit
from deployer.state import State

DOMAINS = ("a.example.org", "b.example.org")
ENDED = [status for status in Status if status is not Status.RUNNING]
STEPS = 3


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State(tmp_path / "state") as opened:
        yield opened


def deployed(state: State, domain: str, number: int, status: Status = Status.LIVE) -> Deployment:
    """One that took some steps and said something at each."""
    commit = Commit(
        id=f"{number:040x}",
        author="Ada Author",
        subject=f"number {number}",
        committed_at="2026-01-01T00:00:00Z",
    )
    deployment = state.begin(domain, commit)
    for step in range(1, STEPS + 1):
        state.confirm(
            deployment.id,
            Step(
                number=step,
                action="create",
                subject=f"/home/alice/{step}",
                reason="new",
                entry=None,
                ended=datetime.now(UTC),
                seconds=0.1,
            ),
        )
        state.log(deployment.id, json.dumps({"event": "sent", "number": step}))
    return state.end(deployment, status, base=None, detail="")


def rows(state: State) -> dict[str, int]:
    """Counted in the tables themselves: what no deployment leads to counts as well."""
    tables = ("deployment", "step", "event")
    return {table: state._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}


def test_the_newest_of_each_site_stay_with_their_steps_and_logs(state: State) -> None:
    made = {domain: [deployed(state, domain, number) for number in range(10)] for domain in DOMAINS}

    assert state.forget(most=4) == 12

    for domain in DOMAINS:
        kept = state.deployments(domain, most=100)
        assert [one.id for one in kept] == [one.id for one in reversed(made[domain][-4:])]
        assert all(len(state.steps(one.id)) == len(state.events(one.id)) == STEPS for one in kept)
    assert rows(state) == {"deployment": 8, "step": 8 * STEPS, "event": 8 * STEPS}
    assert state.forget(most=4) == 0


def test_runs_without_anything_to_do_push_no_real_one_out(state: State) -> None:
    real = deployed(state, DOMAINS[0], 0)
    for number in range(1, 20):
        deployed(state, DOMAINS[0], number, Status.UNCHANGED)

    assert state.forget(most=5) == 14

    assert state.last(DOMAINS[0], Status.LIVE) == real
    assert len(state.deployments(DOMAINS[0], most=100)) == 1 + 5


def test_one_that_runs_is_kept_however_many_came_after_it(state: State) -> None:
    commit = Commit(id="f" * 40, author="Ada", subject="under way", committed_at="2026-01-01T00:00:00Z")
    running = state.begin(DOMAINS[0], commit)
    for number in range(5):
        deployed(state, DOMAINS[1], number)

    state.forget(most=1)

    assert state.deployment(running.id).status is Status.RUNNING


@given(runs=st.lists(st.tuples(st.sampled_from(DOMAINS), st.sampled_from(ENDED)), max_size=30))
def test_whatever_ends_and_however_the_tables_stay_bounded(
    tmp_path_factory: pytest.TempPathFactory, runs: list[tuple[str, Status]]
) -> None:
    with State(tmp_path_factory.mktemp("state")) as state:
        for number, (domain, status) in enumerate(runs):
            deployed(state, domain, number, status)
            state.forget(most=2)
            counted = rows(state)
            assert counted["deployment"] <= len(DOMAINS) * 2 * 2, "with something to do, and without"
            assert counted["step"] == counted["event"] == counted["deployment"] * STEPS


def test_the_database_grows_no_more_once_there_is_something_to_forget(state: State) -> None:
    sizes = []
    for number in range(120):
        deployed(state, DOMAINS[0], number)
        state.forget(most=10)
        state._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        sizes.append((state.folder / "history-1.sqlite3").stat().st_size)

    assert max(sizes[60:]) <= max(sizes[20:60])
