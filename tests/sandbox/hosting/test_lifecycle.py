"""Reloads, deaths, time limits, and that no process is left behind."""

import itertools
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.sandbox.hosting import IsolationError, Limits, ReloadTimeout, SiteRequest, UnknownSiteError
from tests.sandbox.hosting.account import DOMAIN, WSGI, SiteOfAlice, wait_for
from tests.sandbox.hosting.conftest import Open

PARENT = """
import sys, threading
from dataclasses import replace
from pathlib import Path
from tests.sandbox.hosting.account import SiteOfAlice

site = SiteOfAlice(Path(sys.argv[1]), sys.argv[2], ping_limit_s=float(sys.argv[3]))
try:
    site.reload()
except Exception as error:
    print(type(error).__name__, flush=True)
print("up", flush=True)
threading.Event().wait()
"""
ROOT = Path(__file__).parents[3]


def exists(pid: int) -> bool:
    """Whether this process runs; one that has ended but was not yet taken note of does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def pids_in(file: Path) -> list[int]:
    return [int(line) for line in file.read_text().split()]


@pytest.mark.parametrize("isolation", ["auto", "none"])
@pytest.mark.parametrize("hangs", [False, True])
def test_a_killed_sandbox_leaves_no_process(tmp_path: Path, isolation: str, hangs: bool) -> None:
    """Not even of an application that never gives the interpreter back, nor what it had started itself."""
    site = SiteOfAlice(tmp_path / "data")
    site.write(
        WSGI,
        f"""
        import os, re, subprocess
        child = subprocess.Popen(["sleep", "600"])
        with open(os.path.expanduser("~/pids"), "w") as file:
            file.write("%s %d" % (os.path.basename(os.readlink("/proc/self")), child.pid))
        def application(environ, start_response):
            if {hangs}:
                re.match("(a+)+$", "a" * 60 + "b")  # in C, for longer than the world will last
            start_response("200 OK", [])
            return []
        """,
    )
    pids = site.disk.real("/home/alice/pids")
    command = [sys.executable, "-c", PARENT, str(tmp_path / "data"), isolation, "0.3" if hangs else "20"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as parent:
        assert parent.stdout
        if hangs:
            assert parent.stdout.readline() == "ReloadTimeout\n"
        assert parent.stdout.readline() == "up\n"
        worker, child = pids_in(pids)
        assert exists(worker)
        assert exists(child)
        parent.kill()
    wait_for(lambda: not exists(worker) and not exists(child), "worker and its child have ended")


def test_close_waits_for_every_process_and_leaves_no_zombie(open_site: Open) -> None:
    site = open_site()
    site.serve_value("os.getpid()")
    worker = site.value()
    site.hosting.close()
    assert not Path(f"/proc/{worker}").exists()
    with pytest.raises(UnknownSiteError):
        site.ask()
    with pytest.raises(UnknownSiteError):
        site.reload()


def test_close_does_not_wait_for_an_application_that_hangs(open_site: Open) -> None:
    site = open_site(ping_limit_s=0.1, limits=Limits(farewell_s=0.1))
    with pytest.raises(ReloadTimeout):
        site.serve_value("time.sleep(600)")
    started = time.monotonic()
    site.hosting.close()
    assert time.monotonic() - started < 10


def test_close_cuts_a_reload_short_that_waits_for_its_first_answer(open_site: Open) -> None:
    site = open_site(limits=Limits(farewell_s=0.1))
    with ThreadPoolExecutor() as pool:
        reload = pool.submit(site.serve_value, "(print('begun'), time.sleep(600))")
        wait_for(site.log_has("server", "begun"), "the first request runs")
        started = time.monotonic()
        site.hosting.close()
        reload.result()
    assert time.monotonic() - started < 10


def test_what_the_application_started_ends_with_its_worker(site: SiteOfAlice) -> None:
    site.serve_value("child.pid", "import subprocess; child = subprocess.Popen(['sleep', '600'])")
    child = site.value()
    site.hosting.remove(DOMAIN)
    wait_for(lambda: not exists(child), "the child has ended")


def test_the_import_happens_once_and_at_reload(site: SiteOfAlice) -> None:
    site.serve_value("count", "count = [open(os.path.expanduser('~/imports'), 'a').write('x')]")
    assert site.disk.real("/home/alice/imports").read_text() == "x"
    site.value()
    site.value()
    assert site.disk.real("/home/alice/imports").read_text() == "x"


def test_new_code_runs_after_a_reload_and_not_before(site: SiteOfAlice) -> None:
    """Also where both versions of a module have one size and were written within one second."""
    source = site.write("/home/alice/mysite/mycode.py", "VERSION = 'first'")
    os.utime(source, (1e9, 1e9))
    site.serve_value("mycode.VERSION", "sys.path.append(os.path.expanduser('~/mysite')); import mycode")
    assert site.value() == "first"
    site.write("/home/alice/mysite/mycode.py", "VERSION = 'other'")
    assert site.value() == "first"
    site.reload()
    assert site.value() == "other"
    site.write("/home/alice/mysite/mycode.py", "VERSION = 'third'")
    site.reload()
    assert site.value() == "third"


def test_bytecode_is_cached_for_sources_that_have_settled(site: SiteOfAlice) -> None:
    settled = site.write("/home/alice/mysite/settled.py", "")
    os.utime(settled, (1e9, 1e9))
    site.write("/home/alice/mysite/fresh.py", "")
    site.serve_value("1", "sys.path.append(os.path.expanduser('~/mysite')); import settled, fresh")
    cached = sorted(file.name.partition(".")[0] for file in (settled.parent / "__pycache__").iterdir())
    assert cached == ["settled"]


def test_configuration_is_in_force_after_reload_or_load(site: SiteOfAlice) -> None:
    site.serve_value("os.path.basename(os.getcwd())")
    site.write("/home/alice/mysite/x", "")
    assert site.value() == "alice"
    site.reload(working_directory="/home/alice/mysite")
    assert site.value() == "mysite"


def test_a_loaded_site_starts_with_its_first_visitor(site: SiteOfAlice) -> None:
    site.write(WSGI, "import os\nopen(os.path.expanduser('~/ran'), 'w').close()")
    site.hosting.load(site.config)
    assert not site.disk.real("/home/alice/ran").exists()
    assert site.hosting.notes(DOMAIN) == ()
    site.ask()
    assert site.disk.real("/home/alice/ran").exists()


def test_a_reload_reports_a_slow_first_answer_and_the_worker_stays(open_site: Open) -> None:
    site = open_site(ping_limit_s=0.2)
    with pytest.raises(ReloadTimeout):
        site.serve_value("os.getpid()", "time.sleep(0.5)")
    assert site.value() == site.value()
    assert "longer than 0.2 s" in site.log("server")
    assert site.log("server").count(" started on ") == 1


def test_a_reload_lets_the_running_request_finish(site: SiteOfAlice) -> None:
    slow = "(print('begun'), time.sleep(0.4), os.getpid())[-1] if environ['PATH_INFO'] == '/slow' else 0"
    site.serve_value(slow)
    with ThreadPoolExecutor() as pool:
        running = pool.submit(site.value, "/slow")
        wait_for(site.log_has("server", "begun"), "the request runs")
        site.reload()
        assert running.result() > 0


def test_a_reload_kills_a_worker_that_does_not_finish_and_its_visitor_gets_502(open_site: Open) -> None:
    site = open_site(limits=Limits(mercy_s=0.2))
    site.serve_value("(print('begun'), time.sleep(600)) if environ['PATH_INFO'] == '/slow' else 0")
    with ThreadPoolExecutor() as pool:
        running = pool.submit(site.ask, "/slow")
        wait_for(site.log_has("server", "begun"), "the request runs")
        site.reload()
        assert running.result().status == 502
    assert site.value() == 0
    assert "ended by signal 9" in site.log("server")


def test_visitors_during_a_reload_are_sent_to_the_same_address_and_the_queue_is_dropped(
    site: SiteOfAlice,
) -> None:
    site.serve_value("(print('begun'), time.sleep(0.7)) if environ['PATH_INFO'] == '/slow' else 0")
    with ThreadPoolExecutor(8) as pool:
        running = pool.submit(site.ask, "/slow")
        wait_for(site.log_has("server", "begun"), "the request runs")
        queued = [pool.submit(site.ask, "/queued") for _ in range(3)]
        wait_for(lambda: all(future.running() for future in queued), "three more visitors wait")
        reload = pool.submit(site.reload)
        wait_for(lambda: site.log("server").count("reload of") == 2, "the reload runs")
        during = site.ask("/during?a=b")
        assert (during.status, dict(during.headers)["Location"]) == (302, "/during?a=b")
        assert running.result().status == 200
        late = 302  # of one that this machine let in only after the reload had begun
        assert {future.result().status for future in queued} <= {502, late}
        reload.result()
    assert site.value() == 0
    assert site.log("server").count(" started on ") == 2


@pytest.mark.parametrize(
    ("death", "told"),
    [
        ("os._exit(3)", "exit status 3"),
        ("os.kill(os.getpid(), 11)", "signal 11"),
    ],
)
def test_a_request_that_ends_the_worker_gets_502_and_the_next_one_a_new_worker(
    site: SiteOfAlice, death: str, told: str
) -> None:
    site.serve_value(f"{death} if environ['PATH_INFO'] == '/die' else os.getpid()")
    first = site.value()
    assert site.ask("/die").status == 502
    assert site.value() != first
    wait_for(site.log_has("server", told), "the log tells of the end")


def test_an_application_that_ends_while_it_is_imported_is_broken(site: SiteOfAlice) -> None:
    site.serve("import os\nos._exit(4)")
    assert site.ask().status == 502
    wait_for(site.log_has("server", "exit status 4"), "the log tells of the end")


def test_a_worker_that_ends_by_itself_is_replaced_for_the_next_request(site: SiteOfAlice) -> None:
    site.serve_value("os.getpid()")
    first = site.value()
    os.kill(first, signal.SIGTERM)
    wait_for(site.log_has("server", "signal 15"), "the log tells of the end")
    assert site.value() != first


def test_a_request_over_the_limit_gets_504_and_the_next_one_a_new_worker(open_site: Open) -> None:
    site = open_site(limits=Limits(request_s=0.3))
    site.serve_value("time.sleep(600) if environ['PATH_INFO'] == '/slow' else os.getpid()")
    first = site.value()
    assert site.ask("/slow").status == 504
    assert "/slow took too long" in site.log("error")
    assert site.value() != first


def test_one_worker_answers_one_request_at_a_time(site: SiteOfAlice) -> None:
    site.serve_value("[time.monotonic(), time.sleep(0.05), time.monotonic()]")
    with ThreadPoolExecutor(8) as pool:
        spans = sorted(pool.map(lambda _: site.value(), range(8)))
    assert all(earlier[2] <= later[0] for earlier, later in itertools.pairwise(spans))


def test_sites_do_not_wait_for_each_other(open_site: Open) -> None:
    site = open_site(limits=Limits(farewell_s=0.1))
    site.serve_value("(print('begun'), time.sleep(600)) if environ['PATH_INFO'] == '/slow' else 0")
    second = replace(site.config, domain="second.example")
    with ThreadPoolExecutor() as pool:
        running = pool.submit(site.ask, "/slow")
        wait_for(site.log_has("server", "begun"), "the request runs")
        site.hosting.reload(second)
        request = SiteRequest(method="GET", target="/", headers=(), body=b"", client="192.0.2.7")
        assert site.hosting.respond("Second.Example", request).status == 200
        assert not running.done()
        site.hosting.close()
        assert running.result().status == 502


def test_a_removed_site_is_unknown(site: SiteOfAlice) -> None:
    site.serve_value("os.getpid()")
    worker = site.value()
    site.hosting.remove(DOMAIN.upper())
    site.hosting.remove(DOMAIN)
    assert not exists(worker)
    with pytest.raises(UnknownSiteError):
        site.ask()


def test_an_isolation_that_cannot_be_had_is_an_error_that_says_why(
    open_site: Open,
) -> None:
    site = open_site("namespace")
    site.disk.real("/tmp").rmdir()
    with pytest.raises(IsolationError, match=r"No such file.*Nothing was started"):
        site.reload()
