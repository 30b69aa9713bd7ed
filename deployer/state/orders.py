"""The daemon's orders on SQLite: on disk before anybody is told of them, until they are carried out."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from threading import RLock
from typing import Any

from deployer.errors import UsageError
from deployer.model.order import Order, Work
from deployer.state.store import new_id

DATABASE = "orders-1.sqlite3"
KEPT_ENDS = 1000
"""How many ended orders are remembered."""
MOST_SOURCES = 20
"""How many hints of one order are remembered in words."""
_COLUMNS = "id, site, work, sources, created, not_before, attempts, force, rev, problem"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSite:
    """What was learned of a site, and is true until something else is learned."""

    handled: str | None = None
    """The commit that the last order left with, well or not."""
    domain: str | None = None
    url: str | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How an order ended: with the exit status and the words that a command would have had."""

    exit_status: int
    detail: str


class Orders:
    """For any number of threads."""

    def __init__(self, folder: Path) -> None:
        """Raises UsageError when the folder cannot be used."""
        self._lock = RLock()
        self._path = folder / DATABASE
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._db = sqlite3.connect(self._path, isolation_level=None, timeout=10, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")  # whoever was told of an order may rely on it
            self._db.executescript(files("deployer.state").joinpath("orders.sql").read_text())
        except (OSError, sqlite3.Error) as error:
            raise UsageError(
                f"the state folder {folder} cannot be used: {error}",
                hint="Name another one with DEPLOYER_STATE, or with [daemon] state in deployer.toml.",
            ) from error

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def recover(self) -> None:
        """What was being carried out when the last process ended waits again. For a start."""
        self._execute("UPDATE waiting SET taken = 0, not_before = ?", (_now(),))

    def post(
        self,
        site: str,
        *,
        source: str,
        work: Work = Work.DEPLOY,
        force: bool = False,
        rev: str | None = None,
    ) -> Order:
        """Put an order on disk. One for the newest commit joins the one that waits already."""
        now = datetime.now(UTC)
        with self._transaction():
            if work is Work.DEPLOY and rev is None:
                for order in self._select("WHERE site = ? AND taken = 0 ORDER BY created", (site,)):
                    if order.work is Work.DEPLOY and order.rev is None:
                        return self._join(order, source, force=force, now=now)
            order = Order(
                id=new_id(site, now),
                site=site,
                work=work,
                sources=(source,),
                created=now,
                not_before=now,
                attempts=0,
                force=force,
                rev=rev,
            )
            self._insert(order)
            return order

    def take(self, site: str) -> Order | None:
        """The oldest that is due; it counts as being carried out from now on."""
        with self._transaction():
            due = self._select(
                "WHERE site = ? AND taken = 0 AND not_before <= ? ORDER BY created LIMIT 1", (site, _now())
            )
            if not due:
                return None
            self._execute("UPDATE waiting SET taken = 1 WHERE id = ?", (due[0].id,))
            return due[0]

    def put_back(self, order: Order, *, not_before: datetime, attempts: int, problem: str) -> None:
        """It could not be carried out now. A newer one of the same kind takes its place."""
        with self._transaction():
            others = self._select("WHERE site = ? AND taken = 0", (order.site,))
            if order.rev is None and any(o.work is order.work and o.rev is None for o in others):
                self._end(order.id, End(exit_status=0, detail="a newer order took its place"))
                return
            self._execute(
                "UPDATE waiting SET taken = 0, not_before = ?, attempts = ?, problem = ? WHERE id = ?",
                (not_before.isoformat(), attempts, problem, order.id),
            )

    def end(self, order: Order, end: End) -> None:
        with self._transaction():
            self._end(order.id, end)

    def drop(self, site: str, why: str) -> Sequence[Order]:
        """Forget what waits; returns it."""
        with self._transaction():
            dropped = self._select("WHERE site = ? AND taken = 0", (site,))
            for order in dropped:
                self._end(order.id, End(exit_status=8, detail=why))
            return dropped

    def waiting(self, site: str | None = None) -> Sequence[Order]:
        """What nobody works on yet, the oldest first."""
        if site is None:
            return self._select("WHERE taken = 0 ORDER BY created")
        return self._select("WHERE taken = 0 AND site = ? ORDER BY created", (site,))

    def order(self, id_: str) -> Order | None:
        """One that waits or is being carried out."""
        found = self._select("WHERE id = ?", (id_,))
        return found[0] if found else None

    def ended(self, id_: str) -> End | None:
        rows = self._execute("SELECT exit_status, detail FROM ended WHERE id = ?", (id_,))
        return End(exit_status=rows[0][0], detail=rows[0][1]) if rows else None

    def next_due(self, site: str) -> datetime | None:
        rows = self._execute("SELECT MIN(not_before) FROM waiting WHERE site = ? AND taken = 0", (site,))
        return datetime.fromisoformat(rows[0][0]) if rows[0][0] else None

    def freeze(self, site: str | None, message: str) -> None:
        self._execute("INSERT OR REPLACE INTO frozen VALUES (?, ?)", (site or "", message))

    def thaw(self, site: str | None) -> None:
        """None: all of them, also those that were frozen by name."""
        if site is None:
            self._execute("DELETE FROM frozen")
        else:
            self._execute("DELETE FROM frozen WHERE site = ?", (site,))

    def frozen(self, site: str) -> str | None:
        """Why its deployments wait; None: they do not."""
        rows = self._execute(
            "SELECT message FROM frozen WHERE site IN (?, '') ORDER BY site DESC LIMIT 1", (site,)
        )
        return rows[0][0] if rows else None

    def known(self, site: str) -> KnownSite:
        rows = self._execute("SELECT handled, domain, url, problem FROM site WHERE name = ?", (site,))
        if not rows:
            return KnownSite()
        handled, domain, url, problem = rows[0]
        return KnownSite(handled=handled, domain=domain, url=url, problem=problem)

    def learn(self, site: str, **news: Any) -> None:
        """Fields of KnownSite that have changed."""
        with self._transaction():
            known = replace(self.known(site), **news)
            self._execute(
                "INSERT OR REPLACE INTO site VALUES (?, ?, ?, ?, ?)",
                (site, known.handled, known.domain, known.url, known.problem),
            )

    def _join(self, order: Order, source: str, *, force: bool, now: datetime) -> Order:
        sources = order.sources
        if source not in sources:
            sources = (*sources, source)[-MOST_SOURCES:]
        joined = replace(order, sources=sources, force=order.force or force, not_before=now)
        self._execute(
            "UPDATE waiting SET sources = ?, force = ?, not_before = ? WHERE id = ?",
            (json.dumps(sources), joined.force, now.isoformat(), order.id),
        )
        return joined

    def _insert(self, order: Order) -> None:
        self._execute(
            f"INSERT INTO waiting ({_COLUMNS}, taken) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",  # noqa: S608
            (
                order.id,
                order.site,
                order.work,
                json.dumps(order.sources),
                order.created.isoformat(),
                order.not_before.isoformat(),
                order.attempts,
                order.force,
                order.rev,
                order.problem,
            ),
        )

    def _end(self, id_: str, end: End) -> None:
        self._execute("DELETE FROM waiting WHERE id = ?", (id_,))
        self._execute(
            "INSERT OR REPLACE INTO ended (id, exit_status, detail) VALUES (?, ?, ?)",
            (id_, end.exit_status, end.detail),
        )
        self._execute("DELETE FROM ended WHERE number <= (SELECT MAX(number) FROM ended) - ?", (KEPT_ENDS,))

    def _select(self, where: str, values: tuple[Any, ...] = ()) -> list[Order]:
        rows = self._execute(f"SELECT {_COLUMNS} FROM waiting {where}", values)  # noqa: S608 - our own text
        return [
            Order(
                id=row[0],
                site=row[1],
                work=Work(row[2]),
                sources=tuple(json.loads(row[3])),
                created=datetime.fromisoformat(row[4]),
                not_before=datetime.fromisoformat(row[5]),
                attempts=row[6],
                force=bool(row[7]),
                rev=row[8],
                problem=row[9],
            )
            for row in rows
        ]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            self._execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.rollback()
                raise
            self._execute("COMMIT")

    def _execute(self, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """Raises UsageError when the database is full, locked for long or damaged."""
        with self._lock:
            try:
                return self._db.execute(sql, values).fetchall()
            except sqlite3.Error as error:
                raise UsageError(
                    f"the orders in {self._path} cannot be kept: {error}",
                    hint="Make room or mend that; what was not kept was not acknowledged either.",
                ) from error


def _now() -> str:
    return datetime.now(UTC).isoformat()
