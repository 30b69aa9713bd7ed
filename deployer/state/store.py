"""SQLite below the state folder: every read and write of a deployment's memory."""

import json
import sqlite3
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

from deployer.errors import UsageError
from deployer.model.deployment import Deployment, Status, Step
from deployer.model.files import Commit, FileEntry

DATABASE = "history-1.sqlite3"
"""The number is the schema's: another version of it opens another file."""


def new_id(about: str, now: datetime) -> str:
    """Sorts by time, and says what it is about."""
    return f"{now:%Y%m%d-%H%M%S}-{about}-{uuid.uuid4().hex[:4]}"


def _nobody() -> None:
    pass


class State:
    """The memory of one machine (or one user of it). Closed like a file."""

    def __init__(self, folder: Path, *, changed: Callable[[], None] | None = None) -> None:
        """`changed` is told of every write. For one thread.

        Raises UsageError when the folder cannot be made or is not ours to write.
        """
        self._changed = changed or _nobody
        self._order: str | None = None
        self.folder = folder
        self.locks = folder / "locks"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._db = sqlite3.connect(folder / DATABASE, isolation_level=None, timeout=10)
            self._db.execute("PRAGMA journal_mode = WAL")
            # A killed process loses nothing this way, and only power failure could; the server's
            # manifest is the record then.
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(files("deployer.state").joinpath("schema.sql").read_text())
        except (OSError, sqlite3.Error) as error:
            raise UsageError(
                f"the state folder {folder} cannot be used: {error}",
                hint="Name another one with DEPLOYER_STATE, or with [daemon] state in deployer.toml.",
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()

    def _execute(self, sql: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        """Raises UsageError when the database is full, locked for long or damaged."""
        try:
            cursor = self._db.execute(sql, values)
        except sqlite3.Error as error:
            raise UsageError(
                f"the history {self.folder / DATABASE} cannot be used: {error}",
                left="What was sent so far is on the server; its record there knows of it.",
                hint="Make room or mend that, then run it again: it goes on from there.",
            ) from error
        if not sql.startswith("SELECT"):
            self._changed()
        return cursor

    @property
    def owner(self) -> str:
        """Identity of this state folder, made on first use."""
        self._execute(
            "INSERT INTO owner SELECT ? WHERE NOT EXISTS (SELECT 1 FROM owner)", (uuid.uuid4().hex,)
        )
        row = self._execute("SELECT id FROM owner").fetchone()
        return str(row[0])

    def reserve(self, id_: str) -> None:
        """The deployments that begin from now on belong to this order, whose id somebody was told already.

        The first has the same id; another attempt, or the way back, has ".2" and so on behind it.
        """
        self._order = id_

    def _next_id(self) -> str | None:
        if self._order is None:
            return None
        before = len(self.attempts(self._order))
        return f"{self._order}.{before + 1}" if before else self._order

    def attempts(self, order: str) -> Sequence[Deployment]:
        """The deployments that an order has led to, the first one first."""
        return self._select(
            "WHERE id = ? OR substr(id, 1, ?) = ? ORDER BY started", (order, len(order) + 1, f"{order}.")
        )

    def begin(self, domain: str, commit: Commit) -> Deployment:
        """A new deployment; its id sorts by time and names the commit.

        The caller holds the site's lock, so whatever still says running was killed.
        """
        started = datetime.now(UTC)
        self._execute(
            "UPDATE deployment SET status = ?, detail = ? WHERE domain = ? AND status = ?",
            (Status.INTERRUPTED, "its process ended without a word", domain, Status.RUNNING),
        )
        id_ = self._next_id() or new_id(commit.id[:7], started)
        deployment = Deployment(
            id=id_,
            domain=domain,
            commit=commit.id,
            subject=commit.subject,
            author=commit.author,
            base=None,
            started=started,
        )
        self._execute(
            "INSERT INTO deployment (id, domain, commit_id, subject, author, started, status) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (id_, domain, commit.id, commit.subject, commit.author, started.isoformat(), Status.RUNNING),
        )
        return deployment

    def end(self, deployment: Deployment, status: Status, *, base: str | None, detail: str) -> Deployment:
        ended = datetime.now(UTC)
        self._execute(
            "UPDATE deployment SET ended = ?, status = ?, base = ?, detail = ? WHERE id = ?",
            (ended.isoformat(), status, base, detail, deployment.id),
        )
        return replace(deployment, ended=ended, status=status, base=base, detail=detail)

    def plan(self, deployment: Deployment, plan: Mapping[str, Any]) -> None:
        """Keep what the deployment is about to do."""
        self._execute("UPDATE deployment SET plan = ? WHERE id = ?", (json.dumps(plan), deployment.id))

    def planned(self, deployment: str) -> dict[str, Any] | None:
        """What it was about to do; None when it never came to a plan."""
        row = self._execute("SELECT plan FROM deployment WHERE id = ?", (deployment,)).fetchone()
        return json.loads(row[0]) if row and row[0] else None

    def confirm(self, deployment: str, step: Step) -> None:
        """Write down that the server confirmed an action."""
        self._execute(
            "INSERT INTO step VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                deployment,
                step.number,
                step.action,
                step.subject,
                step.reason,
                json.dumps(step.entry) if step.entry else None,
                step.ended.isoformat(),
                step.seconds,
            ),
        )

    def steps(self, deployment: str) -> Sequence[Step]:
        rows = self._execute(
            "SELECT number, action, subject, reason, entry, ended, seconds "
            "FROM step WHERE deployment = ? ORDER BY number",
            (deployment,),
        )
        return [
            Step(
                number=row[0],
                action=row[1],
                subject=row[2],
                reason=row[3],
                entry=FileEntry(*json.loads(row[4])) if row[4] else None,
                ended=datetime.fromisoformat(row[5]),
                seconds=row[6],
            )
            for row in rows
        ]

    def confirmed(self, deployment: str) -> Mapping[str, FileEntry | None]:
        """Absolute server path -> what is there since that deployment's last step on it."""
        return {step.subject: step.entry for step in self.steps(deployment)}

    def deployment(self, id_: str) -> Deployment:
        """By id, or by a beginning of it that is unique. Raises UsageError."""
        found = self._select("WHERE id = ? OR substr(id, 1, ?) = ? ORDER BY id", (id_, len(id_), id_))
        exact = [item for item in found if item.id == id_] or found
        if len(exact) != 1:
            known = "no deployment" if not found else f"{len(found)} deployments"
            raise UsageError(f"{known} with the id {id_}", hint="`deployer history` lists them.")
        return exact[0]

    def deployments(self, domain: str | None, *, most: int, unchanged: bool = True) -> Sequence[Deployment]:
        """The newest first; without `unchanged` only those that had something to do."""
        where = [] if domain is None else ["domain = ?"]
        values: list[Any] = [] if domain is None else [domain]
        if not unchanged:
            where.append("status != ?")
            values.append(Status.UNCHANGED)
        condition = f"WHERE {' AND '.join(where)}" if where else ""
        return self._select(f"{condition} ORDER BY started DESC LIMIT ?", (*values, most))

    def last(self, domain: str, status: Status) -> Deployment | None:
        """The newest deployment that ended so."""
        found = self._select(
            "WHERE domain = ? AND status = ? ORDER BY started DESC LIMIT 1", (domain, status)
        )
        return found[0] if found else None

    def _select(self, where: str, values: tuple[Any, ...]) -> Sequence[Deployment]:
        columns = "id, domain, commit_id, subject, author, base, started, ended, status, detail"
        rows = self._execute(f"SELECT {columns} FROM deployment {where}", values)  # noqa: S608 - our own text
        return [
            Deployment(
                id=row[0],
                domain=row[1],
                commit=row[2],
                subject=row[3],
                author=row[4],
                base=row[5],
                started=datetime.fromisoformat(row[6]),
                ended=datetime.fromisoformat(row[7]) if row[7] else None,
                status=Status(row[8]),
                detail=row[9],
            )
            for row in rows
        ]

    def forget(self, *, most: int) -> int:
        """Keep the newest deployments of each site, so many; how many went, with their steps and logs.

        What a run found nothing to do in counts apart from what did something.
        """
        old = (
            "SELECT id FROM (SELECT id, ROW_NUMBER() OVER (PARTITION BY domain, status = 'unchanged' "
            "ORDER BY started DESC) AS place FROM deployment WHERE status != 'running') WHERE place > ?"
        )
        self._execute("BEGIN IMMEDIATE")
        try:
            self._execute(f"DELETE FROM step WHERE deployment IN ({old})", (most,))  # noqa: S608 - our own
            self._execute(f"DELETE FROM event WHERE deployment IN ({old})", (most,))  # noqa: S608 - our own
            gone = self._execute(f"DELETE FROM deployment WHERE id IN ({old})", (most,)).rowcount  # noqa: S608
        except BaseException:
            self._db.rollback()
            raise
        self._execute("COMMIT")
        return gone

    def log(self, deployment: str, line: str) -> None:
        """Keep one event, a JSON object as text."""
        self._execute("INSERT INTO event (deployment, line) VALUES (?, ?)", (deployment, line))

    def events(self, deployment: str) -> Sequence[dict[str, Any]]:
        rows = self._execute("SELECT line FROM event WHERE deployment = ? ORDER BY number", (deployment,))
        return [json.loads(row[0]) for row in rows]
