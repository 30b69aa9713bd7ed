"""The memory by which no webhook delivery is accepted twice."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from deployer.errors import UsageError
from deployer.state.deliveries import DATABASE, Deliveries, Replayed


@pytest.fixture
def deliveries(tmp_path: Path) -> Iterator[Deliveries]:
    with Deliveries(tmp_path, most=10) as opened:
        yield opened


def accepted(deliveries: Deliveries, site: str, *names: str) -> bool:
    try:
        with deliveries.once(site, frozenset(names)):
            return True
    except Replayed:
        return False


def test_a_delivery_is_accepted_once(deliveries: Deliveries) -> None:
    assert accepted(deliveries, "blog", "id 1", "body 1")
    assert not accepted(deliveries, "blog", "id 1", "body 1")


def test_one_name_in_common_is_enough(deliveries: Deliveries) -> None:
    accepted(deliveries, "blog", "id 1", "body 1")

    assert not accepted(deliveries, "blog", "id 2", "body 1")
    assert not accepted(deliveries, "blog", "id 1", "body 2")
    assert accepted(deliveries, "blog", "id 2", "body 2")


def test_sites_do_not_share_their_memory(deliveries: Deliveries) -> None:
    assert accepted(deliveries, "blog", "id 1")
    assert accepted(deliveries, "shop", "id 1")


def test_it_outlives_the_process(tmp_path: Path) -> None:
    with Deliveries(tmp_path) as before:
        accepted(before, "blog", "id 1")

    with Deliveries(tmp_path) as after:
        assert not accepted(after, "blog", "id 1")


def test_a_delivery_whose_order_did_not_reach_the_disk_may_come_again(deliveries: Deliveries) -> None:
    with pytest.raises(OSError, match="full"), deliveries.once("blog", frozenset({"id 1"})):
        raise OSError("full")

    assert accepted(deliveries, "blog", "id 1")


def test_the_same_delivery_does_not_get_in_while_it_is_being_accepted(deliveries: Deliveries) -> None:
    with deliveries.once("blog", frozenset({"id 1"})):
        assert not accepted(deliveries, "blog", "id 1")
        assert accepted(deliveries, "blog", "id 2")


def test_of_many_threads_with_one_delivery_one_gets_in(deliveries: Deliveries) -> None:
    together = Barrier(16)

    def come(number: int) -> bool:
        together.wait()
        return accepted(deliveries, "blog", f"id {number}", "body 1")

    with ThreadPoolExecutor(16) as threads:
        assert sum(threads.map(come, range(16))) == 1


def test_old_ones_are_forgotten_for_each_site_by_itself(deliveries: Deliveries, tmp_path: Path) -> None:
    accepted(deliveries, "shop", "id 0")
    for number in range(100):
        accepted(deliveries, "blog", f"id {number}")

    assert not accepted(deliveries, "shop", "id 0")
    assert not accepted(deliveries, "blog", "id 99")
    assert not accepted(deliveries, "blog", "id 90")
    assert accepted(deliveries, "blog", "id 89")
    with sqlite3.connect(tmp_path / DATABASE) as db:
        assert db.execute("SELECT count(*) FROM delivery").fetchone() == (11,)
    db.close()


def test_nothing_is_accepted_when_the_memory_cannot_be_read(deliveries: Deliveries) -> None:
    deliveries.close()

    with pytest.raises(UsageError, match="cannot be used"), deliveries.once("blog", frozenset({"id 1"})):
        pytest.fail("the block must not run")


def test_what_could_not_be_written_down_is_refused_all_the_same(deliveries: Deliveries) -> None:
    deliveries._db.execute("PRAGMA query_only = ON")
    with pytest.raises(UsageError, match="cannot be used"), deliveries.once("blog", frozenset({"id 1"})):
        pass

    assert not accepted(deliveries, "blog", "id 1")


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(UsageError, match="file"):
        Deliveries(tmp_path / "file")
