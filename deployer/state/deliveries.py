"""Which webhook deliveries were accepted, so that none is accepted twice."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Self

from deployer.errors import UsageError

DATABASE = "deliveries-1.sqlite3"
"""The number is the schema's: another version of it opens another file."""
MOST_NAMES = 20_000
"""Remembered for each site. A delivery has one name or two."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS delivery (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    site    TEXT NOT NULL,   -- the [site.<name>] table
    name    TEXT NOT NULL,   -- "id …", "body …" or "signature …"
    UNIQUE (site, name)
);
CREATE INDEX IF NOT EXISTS delivery_by_site ON delivery (site, number);
"""


class Replayed(Exception):
    """This delivery was accepted already, or is being accepted by another thread right now."""


class Deliveries:
    """The memory of all sites. Safe to use from any thread; closed like a file.

    Only what was accepted is remembered, so nobody without the secret can push anything out of it.
    """

    def __init__(self, folder: Path, *, most: int = MOST_NAMES) -> None:
        """Raises UsageError when the folder cannot be made or is not ours to write."""
        self._path = folder / DATABASE
        self._most = most
        self._lock = Lock()
        self._claimed: set[tuple[str, str]] = set()
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._db = sqlite3.connect(self._path, isolation_level=None, timeout=10, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            # What a power failure takes is at worst a delivery that could be sent again: a hint, no more.
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def once(self, site: str, names: frozenset[str]) -> Iterator[None]:
        """The block runs for one delivery at most once: remembered if it ends well, forgotten if it raises.

        Raises Replayed when one of the names is known or its block is running in another thread, UsageError
        when the memory cannot be read: nothing is accepted then. After the block it raises UsageError when
        the memory cannot be written; the names are refused all the same until this process ends.
        """
        claims = {(site, name) for name in names}
        with self._lock:
            if claims & self._claimed or any(self._knows(claim) for claim in claims):
                raise Replayed
            self._claimed |= claims
        try:
            yield
        except BaseException:
            with self._lock:
                self._claimed -= claims
            raise
        with self._lock:
            self._remember(site, names)
            self._claimed -= claims

    def _knows(self, claim: tuple[str, str]) -> bool:
        try:
            found = self._db.execute("SELECT 1 FROM delivery WHERE site = ? AND name = ?", claim)
            return found.fetchone() is not None
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _remember(self, site: str, names: frozenset[str]) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                "INSERT OR IGNORE INTO delivery (site, name) VALUES (?, ?)",
                [(site, n) for n in sorted(names)],
            )
            self._db.execute(
                "DELETE FROM delivery WHERE site = ? AND number <= ("
                "SELECT number FROM delivery WHERE site = ? ORDER BY number DESC LIMIT 1 OFFSET ?)",
                (site, site, self._most),
            )
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> UsageError:
        return UsageError(
            f"the memory of webhooks {self._path} cannot be used: {error}",
            hint="Make room or mend that; until then no webhook is accepted.",
        )
