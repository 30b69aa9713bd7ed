"""When a failed attempt is repeated: the whole table, without a network."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.errors import (
    ApiError,
    CredentialsRefused,
    NoAnswer,
    NotFound,
    RateLimited,
    ServerFault,
    Unreachable,
)
from deployer.model.endpoints import Endpoint
from deployer.pythonanywhere.body import upload
from deployer.pythonanywhere.call import Call, Failure, Repeat
from deployer.pythonanywhere.retry import LONGEST_DELAY_S, MOST_ATTEMPTS, next_delay

PATIENCE_S = 300.0


def delay(failure: Failure, repeat: Repeat, *, attempt: int = 1, elapsed_s: float = 0.0) -> float | None:
    return next_delay(
        failure, repeat=repeat, attempt=attempt, elapsed_s=elapsed_s, patience_s=PATIENCE_S, jitter=1.0
    )


@pytest.mark.parametrize("repeat", Repeat)
@pytest.mark.parametrize("kind", [ApiError, CredentialsRefused, NotFound])
def test_a_no_of_the_platform_is_final(kind: type[ApiError], repeat: Repeat) -> None:
    assert delay(Failure(kind("no"), harmless=True), repeat) is None


@pytest.mark.parametrize("kind", [ServerFault, Unreachable, NoAnswer])
@pytest.mark.parametrize(
    ("repeat", "repeated"), [(Repeat.SAFE, True), (Repeat.CALLERS_CHOICE, False), (Repeat.NEVER, False)]
)
def test_an_unknown_outcome_is_repeated_only_where_twice_is_once(
    kind: type[ApiError], repeat: Repeat, repeated: bool
) -> None:
    assert (delay(Failure(kind("?")), repeat) is not None) is repeated


@pytest.mark.parametrize("repeat", Repeat)
def test_what_certainly_did_nothing_is_repeated_for_every_call(repeat: Repeat) -> None:
    assert delay(Failure(Unreachable("refused"), harmless=True), repeat) is not None
    assert delay(Failure(RateLimited("429"), harmless=True, retry_after_s=37), repeat) == 37


def test_a_429_is_bounded_by_patience_alone() -> None:
    failure = Failure(RateLimited("429"), harmless=True, retry_after_s=60)
    assert delay(failure, Repeat.SAFE, attempt=100, elapsed_s=PATIENCE_S - 60) == 60
    assert delay(failure, Repeat.SAFE, attempt=2, elapsed_s=PATIENCE_S - 59) is None


@given(attempt=st.integers(1, 20), elapsed_s=st.floats(0, 400), jitter=st.floats(0, 1))
def test_back_off_grows_with_jitter_and_is_bounded_in_every_way(
    attempt: int, elapsed_s: float, jitter: float
) -> None:
    seconds = next_delay(
        Failure(ServerFault("503")),
        repeat=Repeat.SAFE,
        attempt=attempt,
        elapsed_s=elapsed_s,
        patience_s=PATIENCE_S,
        jitter=jitter,
    )
    full = min(LONGEST_DELAY_S, 2.0 ** (attempt - 2))
    if attempt >= MOST_ATTEMPTS or elapsed_s + full / 2 > PATIENCE_S:
        assert seconds is None
    elif seconds is not None:
        assert full / 2 <= seconds <= full
        assert elapsed_s + seconds <= PATIENCE_S
    else:
        assert elapsed_s + full > PATIENCE_S


def test_a_large_upload_keeps_its_slot_for_as_long_as_a_slow_line_needs() -> None:
    """The platform counts it when all of it has arrived."""
    small, large = (
        Call(
            method="POST",
            endpoint=Endpoint.FILES_PATH,
            address="/",
            read_timeout_s=60,
            body=upload(bytes(size), size),
        )
        for size in (0, 10 << 20)
    )
    assert 60 <= small.bound_s < 61
    assert large.bound_s == pytest.approx(60 + 160, abs=1)
