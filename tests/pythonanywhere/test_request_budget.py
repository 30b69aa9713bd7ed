"""The request budget: never a 429, nothing wasted, one for all processes."""

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployer.errors import RateLimited, UsageError
from deployer.pythonanywhere import Budget, Waiting, WaitReason, time_under_limit
from deployer.pythonanywhere.budget import MARGIN_S
from deployer.pythonanywhere.runtime import runtime_directory

FILES = "files/path"


class Clock:
    """Time that passes only when somebody sleeps or works."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds


class StrictServer:
    """Counts at its own moment of each request, allows `limit` in any 60 s, as Django REST framework does."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._seen: list[float] = []
        self.refused = 0

    def arrives(self, at: float) -> None:
        self._seen = [seen for seen in self._seen if seen > at - 60]
        if len(self._seen) >= self._limit:
            self.refused += 1
        else:
            self._seen.append(at)


def budget(directory: Path, clock: Clock, limit: int = 40, **options: float) -> Budget:
    return Budget(
        host="https://host.example",
        username="alice",
        requests_per_minute=limit,
        directory=directory,
        clock=clock,
        sleep=clock.pass_,
        **options,
    )


@settings(max_examples=40, deadline=None)
@given(
    limit=st.integers(1, 8),
    requests=st.lists(st.tuples(st.floats(0, 20), st.floats(0, 1)), min_size=1, max_size=40),
)
def test_a_strict_server_never_refuses_and_hardly_any_time_is_lost(
    tmp_path_factory: pytest.TempPathFactory, limit: int, requests: list[tuple[float, float]]
) -> None:
    """Whatever the latencies, and wherever within a request the server counts it.

    The ideal knows when the server counts: a request arrives there just when the one `limit` before it is
    60 s old. Not knowing it costs, for each full window, at most the rest of that one, the way of this one
    and the margin.
    """
    clock, server = Clock(), StrictServer(limit)
    ours = budget(tmp_path_factory.mktemp("budget"), clock, limit)
    started = clock.now
    ideal = started
    counted: list[float] = []
    for latency, share in requests:
        slot = ours.acquire(FILES, bound_s=60)
        server.arrives(clock.now + latency * share)
        clock.pass_(latency)
        ours.complete(slot)
        counted.append(max(ideal + latency * share, counted[-limit] + 60 if len(counted) >= limit else 0))
        ideal = counted[-1] + latency * (1 - share)
    ours.close()
    windows = (len(requests) - 1) // limit
    slack = windows * (2 * max(latency for latency, _ in requests) + MARGIN_S)
    assert server.refused == 0
    assert clock.now <= ideal + slack + 1e-6


def test_the_whole_limit_is_used_before_the_first_wait(tmp_path: Path) -> None:
    clock, waits = Clock(), list[Waiting]()
    ours = budget(tmp_path, clock)
    for _ in range(41):
        ours.complete(ours.acquire(FILES, bound_s=60, on_wait=waits.append))
    assert clock.now == pytest.approx(1060 + MARGIN_S)
    assert [(wait.endpoint, wait.reason) for wait in waits] == [(FILES, WaitReason.RATE_LIMIT)]
    assert waits[0].seconds == pytest.approx(60 + MARGIN_S)
    ours.close()


def test_patterns_and_accounts_have_budgets_of_their_own(tmp_path: Path) -> None:
    clock = Clock()
    alice = budget(tmp_path, clock, 1)
    bob = Budget(
        host="https://host.example", username="bob", requests_per_minute=1, directory=tmp_path, clock=clock
    )
    for ours, pattern in ((alice, "cpu"), (alice, "webapps"), (bob, "cpu")):
        ours.complete(ours.acquire(pattern, bound_s=1))
        ours.close()
    assert clock.now == 1000


def test_typing_into_a_console_is_allowed_three_times_as_often(tmp_path: Path) -> None:
    clock = Clock()
    ours = budget(tmp_path, clock, 40)
    assert ours.estimate({"consoles/{id}/send_input": 120}) == 0
    assert ours.estimate({"consoles/{id}/send_input": 121}) > 60
    ours.close()


def test_a_request_in_flight_keeps_its_slot_until_its_answer_and_a_window_more(tmp_path: Path) -> None:
    clock = Clock()
    first, second = budget(tmp_path, clock, 1), budget(tmp_path, clock, 1)
    slot = first.acquire(FILES, bound_s=100)
    clock.pass_(90)
    first.complete(slot)
    second.acquire(FILES, bound_s=100)
    assert clock.now == pytest.approx(1150 + MARGIN_S)
    first.close()
    second.close()


def test_a_request_that_was_never_counted_gives_its_slot_back(tmp_path: Path) -> None:
    clock = Clock()
    ours = budget(tmp_path, clock, 1)
    ours.release(ours.acquire(FILES, bound_s=60))
    ours.acquire(FILES, bound_s=60)
    assert clock.now == 1000
    ours.close()


def test_a_slot_that_nobody_stamps_is_free_when_its_lease_ends(tmp_path: Path) -> None:
    """Such as one whose process number another program carries now."""
    clock = Clock()
    ours = budget(tmp_path, clock, 1)
    ours.acquire(FILES, bound_s=30)
    ours.acquire(FILES, bound_s=30)
    assert clock.now == pytest.approx(1090 + MARGIN_S)
    ours.close()


def test_a_waiter_notices_an_answer_that_comes_long_before_its_lease_ends(tmp_path: Path) -> None:
    clock = Clock()
    first, second = budget(tmp_path, clock, 1), budget(tmp_path, clock, 1)
    in_flight = [first.acquire(FILES, bound_s=500)]

    def answer_at_ten_seconds() -> None:
        if in_flight and clock.now >= 1010:
            first.complete(in_flight.pop())

    second.acquire(FILES, bound_s=500, check_stop=answer_at_ten_seconds)
    assert clock.now == pytest.approx(1070 + MARGIN_S, abs=0.5)
    first.close()
    second.close()


def test_a_late_stamp_counts_although_the_lease_is_over(tmp_path: Path) -> None:
    clock = Clock()
    ours = budget(tmp_path, clock, 1)
    slot = ours.acquire(FILES, bound_s=1)
    clock.pass_(100)
    assert ours.estimate({FILES: 1}) == 0
    ours.complete(slot)
    assert ours.estimate({FILES: 1}) == pytest.approx(60 + MARGIN_S)
    ours.close()


def test_a_429_holds_every_process_back_on_that_pattern(tmp_path: Path) -> None:
    clock, waits = Clock(), list[Waiting]()
    throttled, other = budget(tmp_path, clock), budget(tmp_path, clock, 0)
    throttled.hold(FILES, 37)
    throttled.hold(FILES, 5)
    other.acquire("cpu", bound_s=1)
    assert clock.now == 1000
    with pytest.raises(RateLimited, match="another 37 s"):
        other.acquire(FILES, bound_s=1, patience_s=36)
    other.acquire(FILES, bound_s=1, on_wait=waits.append)
    assert clock.now == pytest.approx(1037)
    assert [wait.reason for wait in waits] == [WaitReason.THROTTLED]
    throttled.close()
    other.close()


def test_the_estimate_is_what_it_then_takes(tmp_path: Path) -> None:
    clock = Clock()
    ours = budget(tmp_path, clock, 3)
    for _ in range(2):
        ours.complete(ours.acquire(FILES, bound_s=60))
        clock.pass_(7)
    started, expected = clock.now, ours.estimate({FILES: 9, "cpu": 1})
    for _ in range(9):
        ours.complete(ours.acquire(FILES, bound_s=60))
    assert clock.now - started == pytest.approx(expected, abs=0.01)
    ours.close()


@pytest.mark.parametrize(
    ("requests", "per_minute", "seconds"),
    [(0, 40, 0), (40, 40, 0), (41, 40, 60), (80, 40, 60), (1000, 40, 24 * 60), (1000, 0, 0)],
)
def test_the_limit_alone_costs_a_minute_for_every_full_window_before(
    requests: int, per_minute: int, seconds: float
) -> None:
    assert time_under_limit(requests, per_minute) == seconds


def test_what_an_earlier_boot_left_behind_holds_nobody_back(tmp_path: Path) -> None:
    """The monotonic clock starts again with the machine: its stamps then lie in the future."""
    clock = Clock()
    before = budget(tmp_path, clock, 1)
    before.complete(before.acquire(FILES, bound_s=60))
    before.hold(FILES, 1000)
    before.close()
    clock.now = 5.0
    after = budget(tmp_path, clock, 1)
    after.acquire(FILES, bound_s=60)
    assert clock.now == 5.0
    after.close()


def test_a_damaged_file_says_what_to_type(tmp_path: Path) -> None:
    (tmp_path / "requests-1.sqlite3").write_bytes(b"this is no database, whatever its name may say" * 100)
    with pytest.raises(UsageError, match="rm "):
        budget(tmp_path, Clock()).acquire(FILES, bound_s=1)


SPENDER = """
import sys, time
from pathlib import Path
from deployer.pythonanywhere import Budget
budget = Budget(host="h", username="u", requests_per_minute=5, directory=Path(sys.argv[1]), window_s=0.5)
for _ in range(int(sys.argv[2])):
    slot = budget.acquire("files/path", bound_s=5)
    print(time.monotonic(), flush=True)
    if sys.argv[3] == "hang":
        time.sleep(60)
    budget.complete(slot)
"""


def spend(directory: Path, requests: int, then: str = "go on") -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", SPENDER, str(directory), str(requests), then]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_processes_together_keep_the_limit_and_use_it(tmp_path: Path) -> None:
    processes = [spend(tmp_path, 13) for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0].split() for process in processes]
    sent = sorted(float(line) for output in outputs for line in output)
    assert len(sent) == 26
    gaps = [later - earlier for earlier, later in zip(sent, sent[5:], strict=False)]
    assert min(gaps) > 0.5, "a sixth request within the window"
    assert sent[-1] - sent[0] < 5 * (0.5 + MARGIN_S) + 1.5, "slots were left unused"
    assert all(len(output) == 13 for output in outputs)


def test_a_killed_process_gives_its_slots_back_a_window_later(tmp_path: Path) -> None:
    """Not the lease of 5 s, but one window after its death is noticed."""
    process = spend(tmp_path, 1, "hang")
    assert process.stdout
    process.stdout.readline()
    ours = Budget(host="h", username="u", requests_per_minute=1, directory=tmp_path, window_s=0.5)
    assert ours.estimate({FILES: 1}) > 4
    process.kill()
    process.communicate(timeout=10)
    died = time.monotonic()
    ours.acquire(FILES, bound_s=5)
    assert 0.5 <= time.monotonic() - died < 2
    ours.close()


def test_a_process_killed_within_a_transaction_leaves_the_budget_usable(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from deployer.pythonanywhere import Budget\n"
        "budget = Budget(host='h', username='u', directory=Path(sys.argv[1]))\n"
        "with budget._transaction() as db:\n"
        "    db.execute(\"INSERT INTO hold VALUES ('u@h', 'cpu', 0, 1e12)\")\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False, timeout=30)
    ours = Budget(host="h", username="u", directory=tmp_path)
    assert ours.estimate({"cpu": 1}) == 0
    ours.close()


def test_an_interrupt_in_the_middle_of_the_book_keeping_leaves_the_budget_usable(tmp_path: Path) -> None:
    interrupts = iter([False, True, False, False])

    def clock() -> float:
        if next(interrupts):
            raise KeyboardInterrupt
        return 1000.0

    ours = Budget(host="h", username="u", requests_per_minute=1, directory=tmp_path, clock=clock)
    slot = ours.acquire(FILES, bound_s=1)
    with pytest.raises(KeyboardInterrupt):
        ours.complete(slot)
    ours.complete(slot)
    assert ours.estimate({FILES: 1}) > 0
    ours.close()


def test_an_interrupted_wait_leaves_the_budget_usable(tmp_path: Path) -> None:
    ours = Budget(host="h", username="u", requests_per_minute=1, directory=tmp_path)
    ours.complete(ours.acquire(FILES, bound_s=1))

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ours.acquire(FILES, bound_s=1, check_stop=interrupt)
    ours.complete(ours.acquire("cpu", bound_s=1))
    with sqlite3.connect(tmp_path / "requests-1.sqlite3") as db:
        assert db.execute("SELECT count(*) FROM slot WHERE pid IS NOT NULL").fetchone() == (0,)
    db.close()
    ours.close()


def test_the_runtime_directory_is_the_named_one_then_the_sessions_then_one_in_tmp(tmp_path: Path) -> None:
    named, session = tmp_path / "named", tmp_path / "session"
    session.mkdir()
    environment = {"DEPLOYER_RUNTIME_DIR": str(named), "XDG_RUNTIME_DIR": str(session)}
    assert runtime_directory(environment) == named
    assert named.stat().st_mode & 0o777 == 0o700
    assert runtime_directory({"XDG_RUNTIME_DIR": str(session)}) == session / "deployer"
    assert runtime_directory({"XDG_RUNTIME_DIR": str(tmp_path / "gone")}) == Path(
        f"/tmp/deployer-{os.geteuid()}"
    )


def test_a_runtime_directory_that_is_a_link_is_refused(tmp_path: Path) -> None:
    """In /tmp anybody can lay one, and move its end later."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "deployer").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="not a directory"):
        runtime_directory({"XDG_RUNTIME_DIR": str(tmp_path)})


def _file(directory: Path) -> None:
    directory.write_text("")


def _world_writable(directory: Path) -> None:
    directory.mkdir()
    directory.chmod(0o777)


def _somebody_elses(directory: Path) -> None:
    directory.mkdir()
    os.chown(directory, 12345, 12345)


@pytest.mark.parametrize("prepare", [_file, _world_writable, _somebody_elses])
def test_a_runtime_directory_that_others_control_is_refused(
    tmp_path: Path, prepare: Callable[[Path], None]
) -> None:
    if prepare is _somebody_elses and os.geteuid() != 0:
        pytest.skip("only root can give a directory away")
    prepare(tmp_path / "runtime")
    with pytest.raises(UsageError, match="DEPLOYER_RUNTIME_DIR"):
        runtime_directory({"DEPLOYER_RUNTIME_DIR": str(tmp_path / "runtime")})


def test_importing_the_client_does_not_import_requests() -> None:
    """Nor pydantic: most commands run in less time than those take to import."""
    script = (
        "import sys, deployer.pythonanywhere; sys.exit(bool({'requests', 'pydantic'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_what_is_free_is_told_and_not_taken(tmp_path: Path) -> None:
    clock = Clock()
    opened = budget(tmp_path, clock, limit=3)
    slot = opened.acquire(FILES, bound_s=10)

    assert (opened.limit(FILES), opened.free(FILES), opened.free(FILES), opened.free("cpu")) == (3, 2, 2, 3)
    opened.complete(slot)
    clock.pass_(61)
    assert opened.free(FILES) == 3
    opened.hold(FILES, 5)
    assert opened.free(FILES) == 0


def test_without_a_limit_more_is_free_than_anybody_sends(tmp_path: Path) -> None:
    opened = budget(tmp_path, Clock(), limit=0)

    assert opened.limit(FILES) == 0
    assert opened.free(FILES) > 1_000_000
