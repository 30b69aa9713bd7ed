"""Sites with several workers: all import at a reload, whoever is free answers, each can be lost."""

import itertools
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from deployer.sandbox.hosting import Limits, ReloadTimeout
from tests.sandbox.hosting.account import WSGI, SiteOfAlice, wait_for
from tests.sandbox.hosting.conftest import Open

BARRIER = """
import os, time
HERE = os.path.expanduser("~/")
def meet(name, wanted):
    open(HERE + name + str(os.getpid()), "w").close()
    while sum(each.startswith(name) for each in os.listdir(HERE)) < wanted:
        time.sleep(0.005)
"""


@pytest.fixture
def four(open_site: Open) -> SiteOfAlice:
    return open_site(workers=4)


def test_all_workers_import_the_application_at_the_same_time(four: SiteOfAlice) -> None:
    four.serve_value("os.getpid()", BARRIER + "meet('import-', 4)")
    assert len(list(four.disk.real("/home/alice").glob("import-*"))) == 4
    assert four.log("server").count(" started on ") == 4


def test_as_many_requests_are_answered_at_once_as_there_are_workers(four: SiteOfAlice) -> None:
    four.serve_value("(environ['PATH_INFO'] == '/meet' and meet('request-', 4), os.getpid())[1]", BARRIER)
    with ThreadPoolExecutor(4) as pool:
        answered = list(pool.map(lambda _: four.value("/meet"), range(4)))
    assert len(set(answered)) == 4


def test_no_worker_answers_two_requests_at_once(open_site: Open) -> None:
    site = open_site(workers=2)
    site.serve_value("[os.getpid(), time.monotonic(), time.sleep(0.02), time.monotonic()]")
    with ThreadPoolExecutor(8) as pool:
        spans = sorted(pool.map(lambda _: site.value(), range(16)))
    for one, other in itertools.pairwise(spans):
        assert one[0] != other[0] or one[3] <= other[1]
    assert len({each[0] for each in spans}) == 2


def test_a_worker_that_still_imports_keeps_nobody_waiting(open_site: Open) -> None:
    site = open_site(workers=2)
    late = """
try:
    os.mkdir(HERE + "first")
except FileExistsError:
    while not os.path.exists(HERE + "released"):
        time.sleep(0.005)
"""
    site.serve_value("os.getpid()", BARRIER + late)
    assert {site.value() for _ in range(10)} == {site.value()}
    site.write("/home/alice/released", "")


def test_a_lost_worker_is_replaced_while_the_other_goes_on(open_site: Open) -> None:
    site = open_site(workers=2)
    site.serve_value("os._exit(3) if environ['PATH_INFO'] == '/die' else os.getpid()")
    assert site.ask("/die").status == 502
    site.value()
    assert site.log("server").count(" started on ") == 3
    lost = site.value()
    os.kill(lost, signal.SIGKILL)
    wait_for(site.log_has("server", f"worker {lost} was ended by signal 9"), "the log tells of the end")
    assert {site.value() for _ in range(4)} - {lost}
    assert site.log("server").count(" started on ") == 4


def test_a_request_over_the_limit_ends_its_own_worker_only(open_site: Open) -> None:
    site = open_site(workers=2, limits=Limits(request_s=0.5))
    site.serve_value(
        "(meet('slow-', 1), time.sleep(600)) if environ['PATH_INFO'] == '/slow' else os.getpid()", BARRIER
    )
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(site.ask, "/slow")
        wait_for(lambda: list(site.disk.real("/home/alice").glob("slow-*")), "the slow one runs")
        other = site.value()
        assert slow.result().status == 504
    assert f"worker {other} was ended" not in site.log("server")
    wait_for(site.log_has("server", "signal 9"), "the slow one was ended")
    assert site.log("server").count("signal 9") == 1


def test_workers_that_all_die_while_they_import_are_a_broken_site(open_site: Open) -> None:
    site = open_site(workers=3)
    site.serve("import os\nos._exit(4)")
    assert site.ask().status == 502
    site.serve_value("1")
    assert site.value() == 1


def test_workers_that_all_hang_at_import_are_replaced_when_a_visitor_waited_too_long(open_site: Open) -> None:
    site = open_site(workers=2, ping_limit_s=0.2, limits=Limits(request_s=0.3, farewell_s=0.1, mercy_s=0.1))
    site.write(WSGI, "import time\ntime.sleep(600)")
    with pytest.raises(ReloadTimeout):
        site.reload()
    assert site.ask().status == 504
    wait_for(lambda: site.log("server").count("signal 9") == 2, "both were ended")
    site.serve_value("1")
    assert site.value() == 1


def test_a_reload_lets_all_running_requests_finish(open_site: Open) -> None:
    site = open_site(workers=2)
    site.serve_value("(meet('slow-', 2), time.sleep(0.3)) if environ['PATH_INFO'] == '/slow' else 0", BARRIER)
    with ThreadPoolExecutor() as pool:
        running = [pool.submit(site.ask, "/slow") for _ in range(2)]
        wait_for(lambda: len(list(site.disk.real("/home/alice").glob("slow-*"))) == 2, "both run")
        site.reload()
        assert {each.result().status for each in running} == {200}


@pytest.mark.parametrize("workers", [1, 2])
def test_the_application_is_told_whether_it_has_company(open_site: Open, workers: int) -> None:
    site = open_site(workers=workers)
    site.serve_value("environ['wsgi.multiprocess']")
    assert site.value() is (workers > 1)
