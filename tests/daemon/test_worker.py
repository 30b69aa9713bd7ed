"""What a worker must not do: sleep over an order, spin over a failure, heap up the same work."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from deployer.daemon import worker as worker_module
from deployer.errors import UsageError
from deployer.model.order import Order, Work
from deployer.state import End
from tests.builders.waiting import until
from tests.daemon.inside import Inside, inside
from tests.daemon.place import place


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Inside]:
    monkeypatch.setenv("DEPLOYER_RUNTIME_DIR", str(tmp_path / "runtime"))
    with place(tmp_path) as opened:
        opened.more["blog"] = '[site.blog.drift]\nevery = "6h"\naction = "heal"\n'
        with inside(opened) as started:
            started.settle()
            yield started


def test_an_order_that_comes_just_before_the_worker_sleeps_is_carried_out(
    daemon: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = daemon.daemon.orders
    read, posted = orders.next_due, list[Order]()

    def read_and_be_late(site: str) -> datetime | None:
        due = read(site)
        if not posted:
            posted.append(orders.post(site, source="test"))
            daemon.worker.wake()
        return due

    monkeypatch.setattr(orders, "next_due", read_and_be_late)
    daemon.worker.look("test")

    assert until(lambda: bool(posted) and orders.ended(posted[0].id) is not None, timeout_s=10)


def test_a_state_folder_that_fails_is_not_asked_again_at_once_whatever_waits(
    daemon: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: str) -> None:
        raise UsageError("the disk is full")

    monkeypatch.setattr(daemon.daemon.orders, "take", full)
    for _ in range(3):
        daemon.worker.do(lambda: None)

    assert until(lambda: bool(daemon.events("worker_failed")))
    assert not until(lambda: len(daemon.events("worker_failed")) > 1, timeout_s=0.5)


def test_an_order_whose_end_cannot_be_written_is_not_shown_as_running_for_ever(
    daemon: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(order: Order, end: End) -> None:
        raise UsageError("the disk is full")

    monkeypatch.setattr(worker_module, "FIRST_RETRY_S", 0.01)
    monkeypatch.setattr(daemon.daemon.orders, "end", full)
    daemon.daemon.post("blog", source="test")

    assert until(lambda: bool(daemon.events("worker_failed")))
    assert daemon.daemon.site("blog").running is None


def test_a_frozen_site_is_healed_once_however_many_looks_found_it_changed(daemon: Inside) -> None:
    account = daemon.place.sandbox.disk
    account.real("/home/alice/mysite/wsgi.py").write_text("somebody else's\n")
    daemon.daemon.freeze("blog", "on show")
    for _ in range(3):
        daemon.jobs["drift blog"].func()
        daemon.settle()

    assert [order.work for order in daemon.daemon.orders.waiting("blog")] == [Work.HEAL]
    daemon.daemon.thaw("blog")
    assert until(lambda: daemon.place.served() != "somebody else's\n")
