"""What the account has set up, kept in SQLite: web apps, mappings, tasks.

Each thing is one JSON document with a number, because the families of endpoints share nothing else. Numbers
are never used twice, not even after a deletion. A write is on disk, as far as the death of this process goes,
when the call returns.
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA = """
    CREATE TABLE IF NOT EXISTS record (
        id       INTEGER PRIMARY KEY AUTOINCREMENT,
        kind     TEXT NOT NULL,
        owner    TEXT NOT NULL,     -- the domain that a mapping belongs to, else ''
        body     TEXT NOT NULL,
        revision INTEGER NOT NULL   -- grows with every write to any record: orders by last change
    );
    CREATE INDEX IF NOT EXISTS record_by_owner ON record (kind, owner);
"""
NEXT_REVISION = "(SELECT coalesce(max(revision), 0) + 1 FROM record)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    id: int
    owner: str
    body: Mapping[str, Any]
    revision: int


class UnreadableAccountError(ValueError):
    """The file that should hold what the account has set up holds something else."""


class Store:
    """Opened by the thread that starts the sandbox, afterwards used only by the one that serves.

    Raises UnreadableAccountError.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._db = _opened(path)
        except sqlite3.Error as error:
            raise UnreadableAccountError(
                f"{path} is not the account of a sandbox, or is damaged: {error}. It was left as it is. "
                "Start with another data folder, or move this file away to begin without web apps and tasks."
            ) from error

    def add(self, kind: str, body: Mapping[str, Any], *, owner: str = "") -> Record:
        row = self._db.execute(
            f"INSERT INTO record (kind, owner, body, revision) VALUES (?, ?, ?, {NEXT_REVISION})"  # noqa: S608 - a constant
            " RETURNING id, revision",
            (kind, owner, json.dumps(body)),
        ).fetchone()
        return Record(id=row[0], owner=owner, body=body, revision=row[1])

    def get(self, kind: str, digits: str) -> Record | None:
        """The thing with that number, as a URL spells it: SQLite compares numbers of any length."""
        return next(iter(self._select("WHERE kind = ? AND id = ?", kind, digits)), None)

    def all(self, kind: str, *, owner: str = "") -> list[Record]:
        return self._select("WHERE kind = ? AND owner = ? ORDER BY id", kind, owner)

    def change(self, record: Record, body: Mapping[str, Any]) -> Record:
        row = self._db.execute(
            f"UPDATE record SET body = ?, revision = {NEXT_REVISION} WHERE id = ? RETURNING revision",  # noqa: S608 - a constant
            (json.dumps(body), record.id),
        ).fetchone()
        return Record(id=record.id, owner=record.owner, body=body, revision=row[0])

    def remove(self, record: Record) -> None:
        self._db.execute("DELETE FROM record WHERE id = ?", (record.id,))

    def close(self) -> None:
        self._db.close()

    def _select(self, where: str, *values: str) -> list[Record]:
        rows = self._db.execute(f"SELECT id, owner, body, revision FROM record {where}", values)  # noqa: S608 - constants
        return [
            Record(id=number, owner=owner, body=json.loads(body), revision=revision)
            for number, owner, body, revision in rows
        ]


def _opened(path: Path) -> sqlite3.Connection:
    """Raises sqlite3.Error, also for damage that would otherwise show in the middle of a request."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        (state,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if state != "ok":
            raise sqlite3.DatabaseError(state)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.executescript(SCHEMA)
    except sqlite3.Error:
        db.close()
        raise
    return db
