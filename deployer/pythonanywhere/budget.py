"""The rate budget of an account, shared by all processes of one user on one machine.

The platform counts a request at some moment between its sending and its answer, and allows so many in any
60 seconds for each URL pattern. So a slot is taken before a request is sent and stamped when its answer is
complete; only a window after that stamp it is free again. This uses the whole limit and provokes no 429.
pyrate-limiter stamps at acquisition instead, which under latency does provoke them: hence code of our own.

Slots live in a small SQLite file. Times are CLOCK_MONOTONIC, which all processes of a machine share and no
correction of the clock moves; what an earlier boot left behind betrays itself by a stamp from the future.
Processes of other users, or on other machines, are not seen: their requests show as 429s, which hold
everybody here back for as long as the platform asked.
"""

import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deployer.errors import RateLimited, UsageError
from deployer.pythonanywhere.call import CheckStop, OnWait, Waiting, WaitReason
from deployer.pythonanywhere.endpoints import ALLOWANCE
from deployer.pythonanywhere.runtime import runtime_directory
from deployer.pythonanywhere.window import WINDOW_S, wait_s

REQUESTS_PER_MINUTE: Final = 40
"""Help page "API": "each endpoint has a 40 requests per minute rate limit"."""
MARGIN_S: Final = 0.05
"""Added to the window: the platform's clock and ours do not tick alike."""
LONGEST_HOLD_S: Final = 300.0
"""A 429 that asks for more ends the call that got it, but holds the others back only for so long: then the
platform is asked again. Some proxy's Retry-After of a day must not stop every deployer of the machine."""
POLL_S: Final = 0.2
"""How long a wait goes without looking up."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS slot (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used twice: a late stamp must not hit a stranger's slot
    account TEXT NOT NULL,
    pattern TEXT NOT NULL,
    pid INTEGER,                           -- of the process whose request is in flight; NULL once answered
    written REAL NOT NULL,
    until REAL NOT NULL                    -- when it ceases to count
);
CREATE INDEX IF NOT EXISTS slot_by_pattern ON slot (account, pattern, until);
CREATE TABLE IF NOT EXISTS hold (          -- a 429 told us to wait
    account TEXT NOT NULL,
    pattern TEXT NOT NULL,
    written REAL NOT NULL,
    until REAL NOT NULL,
    PRIMARY KEY (account, pattern)
);
"""


@dataclass(frozen=True, slots=True)
class Slot:
    """The right to send one request."""

    pattern: str
    id: int | None
    """None where there is no limit, and so nothing to give back."""


class Budget:
    """How many requests may still be sent, for one account.

    `requests_per_minute` 0 means no limit of our own: nothing is recorded, only 429s are minded.
    Not for use by several threads. Raises UsageError when its file cannot be used.
    """

    def __init__(
        self,
        *,
        host: str,
        username: str,
        requests_per_minute: int = REQUESTS_PER_MINUTE,
        directory: Path | None = None,
        window_s: float = WINDOW_S,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._account = f"{username}@{host.partition('://')[2] or host}".rstrip("/").lower()
        self._per_minute = requests_per_minute
        self._window_s = window_s + MARGIN_S
        self._clock = clock
        self._sleep = sleep
        self._file = (directory or runtime_directory(os.environ)) / "requests-1.sqlite3"
        self._db: sqlite3.Connection | None = None

    def acquire(
        self,
        pattern: str,
        *,
        bound_s: float,
        patience_s: float = float("inf"),
        on_wait: OnWait | None = None,
        check_stop: CheckStop | None = None,
    ) -> Slot:
        """Wait for a slot and take it.

        `bound_s` says by when the request has been counted or never will be: should this process vanish
        without a trace, its slot is free a window after that. `patience_s` bounds the wait that a 429
        imposes (our own limit never takes much longer than a window). Raises RateLimited.
        """
        announced = float("-inf")
        while True:
            taken = self._take(pattern, bound_s)
            if isinstance(taken, Slot):
                return taken
            if taken.reason is WaitReason.THROTTLED and taken.seconds > patience_s:
                raise RateLimited(
                    f"{pattern}: the platform asked us to wait another {taken.seconds:.0f} s",
                    status=429,
                    hint="Something else uses the same account; run it again later.",
                )
            ends = self._clock() + taken.seconds
            if on_wait and ends > announced + 1:
                on_wait(taken)
                announced = ends
            self.pause(min(taken.seconds, POLL_S), check_stop)

    def complete(self, slot: Slot) -> None:
        """The answer is complete (or lost): from now on the slot counts for one window."""
        if slot.id is None:
            return
        with self._transaction() as db:
            now = self._clock()
            db.execute("DELETE FROM slot WHERE id = ?", (slot.id,))
            db.execute(
                "INSERT INTO slot (account, pattern, written, until) VALUES (?, ?, ?, ?)",
                (self._account, slot.pattern, now, now + self._window_s),
            )

    def release(self, slot: Slot) -> None:
        """The platform has certainly not counted the request: never sent, or refused with 429."""
        if slot.id is None:
            return
        with self._transaction() as db:
            db.execute("DELETE FROM slot WHERE id = ?", (slot.id,))

    def hold(self, pattern: str, seconds: float) -> None:
        """The platform said 429: nobody sends to this pattern for so long, nor longer than LONGEST_HOLD_S."""
        with self._transaction() as db:
            now = self._clock()
            db.execute(
                "INSERT INTO hold VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
                " SET written = excluded.written, until = max(until, excluded.until)",
                (self._account, pattern, now, now + min(seconds, LONGEST_HOLD_S)),
            )

    def estimate(self, counts: Mapping[str, int]) -> float:
        """Seconds until the last of so many requests per pattern may be sent, as things stand now.

        Patterns wait at the same time, so the slowest one decides.
        """
        with self._transaction() as db:
            now = self._clock()
            self._sweep(db, now)
            return max(
                (self._wait(db, pattern, count, now).seconds for pattern, count in counts.items()),
                default=0.0,
            )

    def limit(self, pattern: str) -> int:
        """How many requests of that pattern a window has room for; 0: there is no limit of ours."""
        return self._per_minute * ALLOWANCE.get(pattern, 1)

    def free(self, pattern: str) -> int:
        """How many requests could be sent now without any wait: none while a 429 holds them back, more
        than anybody sends where there is no limit. Takes nothing.
        """
        with self._transaction() as db:
            now = self._clock()
            self._sweep(db, now)
            of = (self._account, pattern)
            if db.execute("SELECT 1 FROM hold WHERE account = ? AND pattern = ?", of).fetchone():
                return 0
            if self._per_minute == 0:
                return sys.maxsize
            (used,) = db.execute("SELECT count(*) FROM slot WHERE account = ? AND pattern = ?", of).fetchone()
            return max(self.limit(pattern) - int(used), 0)

    def pause(self, seconds: float, check_stop: CheckStop | None = None) -> None:
        """Sleep, looking up often enough to be stopped."""
        end = self._clock() + seconds
        while True:
            if check_stop:
                check_stop()
            left = end - self._clock()
            if left <= 0:
                return
            self._sleep(min(left, POLL_S))

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _take(self, pattern: str, bound_s: float) -> Slot | Waiting:
        with self._transaction() as db:
            now = self._clock()
            self._sweep(db, now)
            waiting = self._wait(db, pattern, 1, now)
            if waiting.seconds > 0:
                return waiting
            if self._per_minute == 0:
                return Slot(pattern, None)
            inserted = db.execute(
                "INSERT INTO slot (account, pattern, pid, written, until) VALUES (?, ?, ?, ?, ?)",
                (self._account, pattern, os.getpid(), now, now + bound_s + self._window_s),
            )
            return Slot(pattern, inserted.lastrowid)

    def _wait(self, db: sqlite3.Connection, pattern: str, requests: int, now: float) -> Waiting:
        limit = self.limit(pattern)
        rows = db.execute(
            "SELECT until FROM slot WHERE account = ? AND pattern = ? ORDER BY until",
            (self._account, pattern),
        )
        until = [row[0] for row in rows]
        held = db.execute(
            "SELECT until FROM hold WHERE account = ? AND pattern = ?", (self._account, pattern)
        ).fetchone()
        ours = wait_s(until, requests=requests, limit=limit, now=now, window_s=self._window_s)
        theirs = held[0] - now if held and requests else 0.0
        if theirs > ours:
            return Waiting(endpoint=pattern, reason=WaitReason.THROTTLED, seconds=theirs)
        return Waiting(endpoint=pattern, reason=WaitReason.RATE_LIMIT, seconds=ours)

    def _sweep(self, db: sqlite3.Connection, now: float) -> None:
        """Forget what no longer counts, and stamp what dead processes left in flight."""
        for table in ("slot", "hold"):
            db.execute(f"DELETE FROM {table} WHERE until <= ? OR written > ?", (now, now))  # noqa: S608 - two words of our own
        in_flight = db.execute("SELECT DISTINCT pid FROM slot WHERE pid IS NOT NULL").fetchall()
        for (pid,) in in_flight:
            if not _alive(pid):
                db.execute(
                    "UPDATE slot SET pid = NULL, until = min(until, ?) WHERE pid = ?",
                    (now + self._window_s, pid),
                )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """One process at a time sees and changes the slots."""
        try:
            db = self._db = self._db or self._open()
            try:
                db.execute("BEGIN IMMEDIATE")
                yield db
                db.execute("COMMIT")
            finally:
                if db.in_transaction:  # interrupted, at whatever point
                    db.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise UsageError(
                f"the request budget {self._file} cannot be used: {error}",
                hint=f"When no deployer runs, it may be deleted: rm {self._file}",
            ) from error

    def _open(self) -> sqlite3.Connection:
        # One thread at a time is the caller's promise; it need not be the same thread all the time.
        db = sqlite3.connect(self._file, timeout=10, isolation_level=None, check_same_thread=False)
        # Nothing here outlives a boot, so nothing has to reach the disk; a killed process is rolled back.
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA journal_mode = TRUNCATE").fetchone()
        db.executescript(_SCHEMA)
        return db


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it lives, as another user
        return True
    return True
