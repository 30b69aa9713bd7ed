"""What the account has set up, kept in SQLite: web apps, mappings, tasks, certificates.

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
        owner    TEXT NOT NULL,     -- the domain that a mapping or certificate belongs to, else ''
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


class Store:
    """Opened by the thread that starts the sandbox, afterwards used only by the one that serves."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(SCHEMA)

    def add(self, kind: str, body: Mapping[str, Any], *, owner: str = "") -> Record:
        row = self._db.execute(
            f"INSERT INTO record (kind, owner, body, revision) VALUES (?, ?, ?, {NEXT_REVISION})"  # noqa: S608 - a constant
            " RETURNING id, revision",
            (kind, owner, json.dumps(body)),
        ).fetchone()
        return Record(id=row[0], owner=owner, body=body, revision=row[1])

    def get(self, kind: str, number: int) -> Record | None:
        return next(iter(self._select("WHERE kind = ? AND id = ?", kind, number)), None)

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

    def _select(self, where: str, *values: object) -> list[Record]:
        rows = self._db.execute(f"SELECT id, owner, body, revision FROM record {where}", values)  # noqa: S608 - constants
        return [
            Record(id=number, owner=owner, body=json.loads(body), revision=revision)
            for number, owner, body, revision in rows
        ]
