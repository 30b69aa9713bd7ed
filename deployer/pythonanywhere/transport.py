"""Carries a call out: waits for its turn, sends it, tries again where that is safe, keeps count."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from deployer.errors import ApiError, RateLimited
from deployer.model.endpoints import Endpoint
from deployer.pythonanywhere.answers import refusal
from deployer.pythonanywhere.budget import Budget
from deployer.pythonanywhere.call import (
    Call,
    CheckStop,
    Failure,
    OnRequest,
    OnWait,
    RequestDone,
    Waiting,
    WaitReason,
)
from deployer.pythonanywhere.reply import Reply
from deployer.pythonanywhere.retry import final_error, next_delay
from deployer.pythonanywhere.server_clock import ServerClock

T = TypeVar("T")
Parse = Callable[[Reply], T]
"""Makes the result out of a successful answer; raises NoAnswer, or ApiError, when it is not."""


class Transport:
    def __init__(
        self,
        send: Callable[[Call], Reply],
        budget: Budget,
        *,
        patience_s: float,
        mask: Callable[[str], str],
        on_request: OnRequest | None,
        on_wait: OnWait | None,
        check_stop: CheckStop | None,
    ) -> None:
        self._send = send
        self._budget = budget
        self._patience_s = patience_s
        self._mask = mask
        self._on_request = on_request
        self._on_wait = on_wait
        self._check_stop = check_stop
        self.requests: Counter[Endpoint] = Counter()
        self.server_clock = ServerClock()

    @contextmanager
    def finishing(self) -> Iterator[None]:
        """Nobody is asked inside the block whether to stop."""
        asked, self._check_stop = self._check_stop, None
        try:
            yield
        finally:
            self._check_stop = asked

    def call(self, call: Call, parse: Parse[T]) -> T:
        """Raises ApiError: what the platform said, or what became of the call after all attempts."""
        tries = _Tries(call)
        while True:
            try:
                with self._exchange(call, tries.attempt) as reply:
                    return parse(reply)
            except Failure as failure:
                last = failure
            self._wait_or_give_up(tries, last)

    def stream(self, call: Call, check: Parse[None]) -> Iterator[bytes]:
        """The body in pieces. Tried again only until the first piece has been handed out."""
        tries = _Tries(call)
        handed_out = False
        while True:
            try:
                with self._exchange(call, tries.attempt) as reply:
                    check(reply)
                    for chunk in reply.chunks():
                        handed_out = True
                        yield chunk
                    return
            except Failure as failure:
                last = failure
            self._wait_or_give_up(tries, last, may_repeat=not handed_out)

    @contextmanager
    def _exchange(self, call: Call, attempt: int) -> Iterator[Reply]:
        """One attempt: a slot of the budget, a request, an answer that is a success. Raises Failure."""
        slot = self._budget.acquire(
            call.endpoint,
            bound_s=call.bound_s,
            patience_s=self._patience_s,
            on_wait=self._on_wait,
            check_stop=self._check_stop,
        )
        started = time.monotonic()
        reply: Reply | None = None
        counted = True
        try:
            reply = self._send(call)
            self.server_clock.note(reply.headers)
            if not 200 <= reply.status < 300:
                raise refusal(call, reply.status, reply.headers, reply.read(), attempt=attempt)
            yield reply
        except ApiError as error:  # from the parser, which does not know the call
            status = reply.status if reply else None
            raise Failure(type(error)(f"{call}: {error.message}", status=status, hint=error.hint)) from None
        except Failure as failure:
            counted = not failure.harmless
            if isinstance(failure.error, RateLimited):
                self._budget.hold(call.endpoint, failure.retry_after_s)
            raise
        finally:
            if counted:
                self._budget.complete(slot)
            else:
                self._budget.release(slot)
            self._finish(call, attempt, reply, time.monotonic() - started)

    def _finish(self, call: Call, attempt: int, reply: Reply | None, duration_s: float) -> None:
        if reply:
            reply.close()
        self.requests[call.endpoint] += 1
        if self._on_request:
            self._on_request(
                RequestDone(
                    method=call.method,
                    endpoint=call.endpoint,
                    path=call.address,
                    status=reply.status if reply else None,
                    duration_s=duration_s,
                    bytes_sent=call.size,
                    bytes_received=reply.received if reply else 0,
                    attempt=attempt,
                )
            )

    def _wait_or_give_up(self, tries: "_Tries", failure: Failure, *, may_repeat: bool = True) -> None:
        elapsed_s = tries.failed()
        delay = next_delay(
            failure,
            repeat=tries.call.repeat,
            attempt=tries.attempt,
            elapsed_s=elapsed_s,
            patience_s=self._patience_s,
            jitter=random.random(),
        )
        if delay is None or not may_repeat:
            raise final_error(
                tries.call, failure, attempts=tries.attempt, elapsed_s=elapsed_s, mask=self._mask
            )
        tries.attempt += 1
        if isinstance(failure.error, RateLimited):
            return  # the budget holds the next attempt back, here and in every other process
        if self._on_wait:
            self._on_wait(Waiting(endpoint=tries.call.endpoint, reason=WaitReason.BACK_OFF, seconds=delay))
        self._budget.pause(delay, self._check_stop)


class _Tries:
    """How often a call has been tried, and since when it fails."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.attempt = 1
        self._failing_since: float | None = None

    def failed(self) -> float:
        """Seconds since the first failure."""
        now = time.monotonic()
        if self._failing_since is None:
            self._failing_since = now
        return now - self._failing_since
