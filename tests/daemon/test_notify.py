"""What is said to the service manager, over real datagram sockets, and what is taken from it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from deployer.daemon.notify import Notify, Watchdog, listen_sockets, watchdog_interval_s
from tests.builders.waiting import until


class Manager:
    """The other end of $NOTIFY_SOCKET."""

    def __init__(self, address: str | bytes) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(5)

    def heard(self) -> list[str]:
        return self.socket.recv(4096).decode().split("\n")

    def has_more(self) -> bool:
        self.socket.setblocking(False)
        try:
            self.socket.recv(4096)
        except BlockingIOError:
            return False
        return True


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(str(tmp_path / "notify"))
    with closing(made.socket):
        yield made


@pytest.fixture
def notify(manager: Manager, tmp_path: Path) -> Iterator[Notify]:
    made = Notify(str(tmp_path / "notify"))
    with closing(made):
        yield made


def test_says_what_systemd_waits_for(manager: Manager, notify: Notify) -> None:
    notify.ready("3 sites, nothing to do")
    assert manager.heard() == ["READY=1", "STATUS=3 sites, nothing to do"]
    notify.status("deploying: blog")
    assert manager.heard() == ["STATUS=deploying: blog"]
    notify.alive()
    assert manager.heard() == ["WATCHDOG=1"]
    notify.stopping()
    assert manager.heard() == ["STOPPING=1"]


def test_a_reload_carries_the_time_of_the_monotonic_clock(manager: Manager, notify: Notify) -> None:
    notify.reloading()
    word, stamp = manager.heard()

    assert word == "RELOADING=1"
    age_s = time.monotonic() - int(stamp.removeprefix("MONOTONIC_USEC=")) / 1e6
    assert 0 <= age_s < 5


def test_a_status_cannot_say_more_than_a_status(manager: Manager, notify: Notify) -> None:
    notify.status("first\nMAINPID=1")

    assert manager.heard() == ["STATUS=first MAINPID=1"]


def test_abstract_sockets_are_spoken_to_as_well() -> None:
    name = f"deployer-test-{os.getpid()}"
    manager = Manager(f"\0{name}".encode())
    environ = {"NOTIFY_SOCKET": f"@{name}", "PATH": "/bin"}
    with closing(manager.socket), closing(Notify.from_environment(environ)) as notify:
        notify.ready()
        assert manager.heard() == ["READY=1"]
    assert environ == {"PATH": "/bin"}


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": "vsock:2:1234"}, {"NOTIFY_SOCKET": "/gone"}])
def test_nothing_happens_where_nobody_listens(environ: dict[str, str]) -> None:
    with closing(Notify.from_environment(environ)) as notify:
        notify.ready()
        notify.alive()
    assert environ == {}


@pytest.mark.parametrize(
    ("environ", "interval_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": str(os.getpid())}, 0.5),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_asked_for_by_the_environment(
    environ: dict[str, str], interval_s: float | None
) -> None:
    assert watchdog_interval_s(environ) == interval_s
    assert environ == {}


PASSED = """
import os, subprocess, sys
from deployer.daemon.notify import listen_sockets
os.environ["LISTEN_PID"] = os.environ["LISTEN_PID"] or str(os.getpid())
sockets = listen_sockets()
left = [name for name in os.environ if name.startswith("LISTEN_")]
for name, found in sorted(sockets.items()):
    print(name, *sorted(each.getsockname()[1] if each.family != 1 else "local" for each in found))
numbers = [each.fileno() for found in sockets.values() for each in found]
print("left", left, "inheritable", [os.get_inheritable(number) for number in numbers])
"""


def passed(names: str | None, pid: str = "") -> list[str]:
    """What a process says that was given a TCP and a local socket as systemd gives them."""
    with socket.create_server(("127.0.0.1", 0)) as http, socket.socket(socket.AF_UNIX) as local:
        local.bind(f"\0deployer-passed-{os.getpid()}-{http.getsockname()[1]}")
        local.listen()
        port = str(http.getsockname()[1])
        environment = {"LISTEN_FDS": "2", "LISTEN_PID": pid, "PATH": os.environ["PATH"]}
        # The shell puts them where systemd would: at 3 and 4.
        script = 'exec 3<&"$1" 4<&"$2"; exec "$3" -c "$4"'
        high = [
            os.dup2(each.fileno(), number, inheritable=True) for each, number in ((http, 50), (local, 51))
        ]
        try:
            ended = subprocess.run(
                ["bash", "-c", script, "bash", *map(str, high), sys.executable, PASSED],
                env=environment if names is None else {**environment, "LISTEN_FDNAMES": names},
                pass_fds=high,
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            )
        finally:
            for number in high:
                os.close(number)
    return ended.stdout.replace(port, "PORT").splitlines()


def test_sockets_come_by_their_names() -> None:
    assert passed("http:control") == [
        "control local",
        "http PORT",
        "left [] inheritable [False, False]",
    ]


@pytest.mark.parametrize("names", [None, "", "deployer.socket:deployer.socket", "http"])
def test_sockets_without_names_of_ours_come_by_their_kind(names: str | None) -> None:
    assert passed(names)[:2] == ["control local", "http PORT"]


def test_sockets_for_another_process_are_left_alone() -> None:
    assert passed("http:control", pid="1") == ["left [] inheritable []"]


def test_without_systemd_there_are_no_sockets() -> None:
    assert dict(listen_sockets({})) == {}
    assert dict(listen_sockets({"LISTEN_FDS": "many", "LISTEN_PID": str(os.getpid())})) == {}


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_is_fed_while_workers_are_idle_or_make_progress(manager: Manager, notify: Notify) -> None:
    clock = Clock()
    watchdog = Watchdog(notify, 60.0, clock=clock)
    clock.now += 10_000
    assert watchdog.feed()
    with watchdog.working("blog", 30.0):
        for _ in range(5):
            clock.now += 29
            watchdog.beat("blog")
            assert watchdog.feed()
    clock.now += 10_000
    assert watchdog.feed()
    assert manager.heard() == ["WATCHDOG=1"]


def test_is_not_fed_while_one_worker_is_silent_for_too_long(manager: Manager, notify: Notify) -> None:
    clock = Clock()
    told: list[Mapping[str, float]] = []
    watchdog = Watchdog(notify, 60.0, starving=told.append, clock=clock)
    with watchdog.working("blog", 30.0), watchdog.working("shop", 300.0):
        clock.now += 31
        watchdog.beat("shop")
        assert not watchdog.feed()
        assert not watchdog.feed()
        assert manager.heard() == ["STATUS=blog has been silent for 31 s"]
        assert not manager.has_more()
        watchdog.beat("blog")
        assert watchdog.feed()
    assert told == [{"blog": 31.0}]


def test_an_inner_block_has_its_own_allowance() -> None:
    clock = Clock()
    watchdog = Watchdog(Notify(None), 60.0, clock=clock)
    with watchdog.working("blog", 30.0):
        with watchdog.working("blog", 300.0):
            clock.now += 200
            assert watchdog.feed()
        assert watchdog.feed()
        clock.now += 31
        assert watchdog.silent() == {"blog": 31.0}


def test_a_sign_of_life_of_an_idle_worker_means_nothing() -> None:
    watchdog = Watchdog(Notify(None), 60.0)
    watchdog.beat("nobody")
    assert watchdog.silent() == {}


def test_feeds_from_a_thread_of_its_own_until_it_is_stopped(manager: Manager, notify: Notify) -> None:
    watchdog = Watchdog(notify, 0.03)
    watchdog.start()
    for _ in range(3):
        assert manager.heard() == ["WATCHDOG=1"]
    watchdog.stop()
    assert until(lambda: not manager.has_more())
