"""The real endpoint on a real server, in a process of its own. Whoever is told of a push writes it down.

`serving` is the one place that starts it.
"""

import asyncio
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.triggers.senders import GOOD

ORDERS = "orders.sqlite3"


@dataclass(frozen=True, slots=True)
class Served:
    """A server that is up. Each key of GOOD is a site of its own, deployed from main."""

    port: int
    pid: int
    folder: Path

    def queued(self) -> list[str]:
        """The site of each order, one for each that was queued."""
        with closing(sqlite3.connect(self.folder / ORDERS)) as db:
            return [row[0] for row in db.execute("SELECT site FROM queued ORDER BY number")]

    def resident_mb(self) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
        return int(line.split()[1]) / 1024


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    """Up and answering; ended again, with a clean exit, when the block is over."""
    command = [sys.executable, "-m", "tests.system.webhook_server", str(folder)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as server:
        try:
            assert server.stdout is not None
            yield Served(int(server.stdout.readline()), server.pid, folder)
        finally:
            server.send_signal(signal.SIGTERM)
            try:
                ended = server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                raise
        assert ended in {0, -signal.SIGTERM}


def main(folder: Path) -> None:
    import uvicorn
    from starlette.applications import Starlette

    from deployer.model.order import Order, Work
    from deployer.secret import Secret
    from deployer.state.deliveries import Deliveries
    from deployer.triggers.webhooks import Target
    from deployer.web.guard import guarded_config
    from deployer.web.webhooks import webhook_routes

    with closing(sqlite3.connect(folder / ORDERS)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE queued (number INTEGER PRIMARY KEY, site TEXT, words TEXT)")

    def post(site: str, words: str) -> Order:
        with closing(sqlite3.connect(folder / ORDERS, timeout=10)) as db, db:
            number = db.execute("INSERT INTO queued (site, words) VALUES (?, ?)", (site, words)).lastrowid
        now = datetime.now(UTC)
        return Order(
            id=f"order-{number}",
            site=site,
            work=Work.DEPLOY,
            sources=(words,),
            created=now,
            not_before=now,
            attempts=0,
        )

    targets = {}
    for site, make in GOOD.items():
        sent = make()
        targets[site] = Target(
            provider=sent.provider, secret=Secret(sent.secret), branch="main", patterns=None
        )
    with Deliveries(folder) as deliveries, socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        routes = webhook_routes(lambda: targets, deliveries, post, lambda order: f"/orders/{order.id}")
        config = uvicorn.Config(Starlette(routes=routes), lifespan="off", **guarded_config())
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
