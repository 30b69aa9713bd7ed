"""Ten thousand requests from 64 connections, of which a hundred are good, and a daemon that takes them."""

import asyncio
import signal
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from time import monotonic

import pytest
import requests

from deployer.model.order import Order
from deployer.state import Orders
from deployer.state.deliveries import DATABASE as DELIVERIES
from tests.daemon.place import Place, places
from tests.daemon.running import Running, running
from tests.system.flood import KINDS, Flood, resident_mb
from tests.triggers.senders import GOOD

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

REFUSED = {
    "replayed": {409},
    "renamed": {409},
    "forged": {401},
    "unsigned": {401},
    "old": {401},
    "malformed": {400, 415},
    "not http": {400},
    "lost": {404, 405},
    "oversized": {413},
    "streamed": {413},
    "slow head": {408},
    "slow body": {408},
}
MOST_MB = 20.0
ANSWERED_S = 1.0
"""Under the flood."""
ALONE_S = 0.1


def test_a_hundred_good_requests_get_through_ten_thousand(tmp_path: Path) -> None:
    assert sum(KINDS.values()) == 10_000
    with places(tmp_path, users=("alice",)) as place:
        add_sites(place)
        with frozen(place) as daemon:
            flood = Flood(daemon)
            began = monotonic()
            asyncio.run(flood.run())
            took_s = monotonic() - began
            late_mb = resident_mb(daemon)
            ordered = [event for event in daemon.events("ordered") if event["source"].startswith("webhook ")]
        waiting = orders_of(place)

    good = Counter(site for site, _ in flood.accepted)
    answered = {kind: {status for other, status in flood.answers if other == kind} for kind in REFUSED}
    slowest_s = max(flood.good_s)
    figures = (
        f"{took_s:.1f} s, good {slowest_s * 1000:.0f} ms, {flood.early_mb:.1f} MB, then {late_mb:.1f}; "
        f"{sorted(flood.answers.items())}"
    )
    assert flood.sent == 10_000
    assert flood.answers["good", 202] == KINDS["good"] == good.total(), figures
    assert remembered(place) == good, figures
    assert Counter(event["site"] for event in ordered) == good, figures
    assert [order.site for order in waiting] == sorted(good), "the orders of one site are joined"
    assert all(source.startswith("webhook ") for order in waiting for source in order.sources)
    assert {event["order"] for event in ordered} == {order.id for order in waiting}
    assert answered == REFUSED, figures
    assert slowest_s < ANSWERED_S, figures
    assert late_mb - flood.early_mb < MOST_MB, figures


def test_a_push_alone_is_on_disk_and_answered_at_once_with_where_to_look(tmp_path: Path) -> None:
    with places(tmp_path, users=("alice",)) as place:
        add_sites(place)
        with frozen(place) as daemon, requests.Session() as session:
            took_s = []
            for site, make in GOOD.items():
                delivery = make()
                began = monotonic()
                answer = session.post(
                    f"{daemon.url}/hooks/{site}", data=delivery.body, headers=delivery.headers, timeout=30
                )
                took_s.append(monotonic() - began)
                assert answer.status_code == 202, answer.text
                order = answer.json()["deployment"]
                assert order in [waiting.id for waiting in orders_of(place)]
                assert session.get(answer.json()["status"], timeout=30).status_code == 200
                assert daemon.get(f"/api/deployments/{order}")["status"] == "waiting"

    print("MEDIAN", sorted(took_s))
    assert median(took_s) < ALONE_S, took_s


def add_sites(place: Place) -> None:
    """One for each kind of sender. Nothing was pushed to them, so that only webhooks order anything."""
    for site, make in GOOD.items():
        sent = make()
        secret = place.folder / f"{site}.secret"
        secret.touch(0o600)
        secret.write_text(sent.secret)
        place.add_site(site)
        place.more[site] = f'webhook = {{ provider = "{sent.provider}", secret = {{ file = "{secret}" }} }}'


@contextmanager
def frozen(place: Place) -> Iterator[Running]:
    """A daemon that takes orders and carries none out; it ends well when the block is over."""
    with running(place) as daemon:
        assert daemon.command("freeze", "--all", "--message", "a flood").status == 0
        yield daemon
        daemon.signal(signal.SIGTERM)
        assert daemon.process.wait(20) == 0


def orders_of(place: Place) -> list[Order]:
    """What waits on disk, by the name of the site."""
    with closing(Orders(place.folder / "state")) as orders:
        return sorted(orders.waiting(), key=lambda order: order.site)


def remembered(place: Place) -> Counter[str]:
    """Site -> how many deliveries it accepted. One whose id is not signed is known by its body as well."""
    with closing(sqlite3.connect(place.folder / "state" / DELIVERIES)) as db:
        rows = db.execute("SELECT site, COUNT(*) FROM delivery WHERE name NOT LIKE 'body %' GROUP BY site")
        return Counter(dict(rows.fetchall()))
