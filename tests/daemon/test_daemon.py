"""The daemon as its users meet it: pushes go live, nothing is lost, nothing is done twice."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from deployer.sandbox import Effect, Fault
from tests.builders.waiting import until
from tests.cli.project import WSGI
from tests.daemon.place import CONFIG, Place, place
from tests.daemon.running import Running, running

HOST = {"Host": "alice.pythonanywhere.com"}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as opened:
        yield opened


def page(site: Place) -> str:
    return requests.get(site.sandbox.url, headers=HOST, timeout=30).text


def greeting(word: str) -> dict[str, bytes | str | None]:
    return {"wsgi.py": WSGI.replace("hello", word)}


def uploads_of(site: Place, path: str) -> int:
    site.sandbox.requests.wait_idle()
    return sum(entry.method == "POST" and entry.path.endswith(path) for entry in site.sandbox.requests.list())


def test_what_was_pushed_before_the_start_and_after_it_goes_live(site: Place) -> None:
    with running(site) as daemon:
        assert until(lambda: daemon.site()["live"] is not None)
        commit = site.repos["blog"].push(greeting("a second"))
        assert until(lambda: daemon.is_live(commit))

        assert page(site) == "a second from the site"


def test_a_burst_of_pushes_becomes_a_deployment_of_the_newest(site: Place) -> None:
    with running(site) as daemon:
        assert until(lambda: daemon.site()["live"] is not None)
        site.sandbox.faults.add(
            Fault(effect=Effect(kind="slow", seconds=1.0), method="POST", path="manifest.json", times=1)
        )
        commits = [site.repos["blog"].push(greeting(f"number {number}")) for number in range(10)]
        assert until(lambda: daemon.is_live(commits[-1]))

        deployed = [event["commit"] for event in daemon.events("live")]
        assert len(deployed) <= 3, "the first one, one for the first push, one for the rest"
        assert page(site) == "number 9 from the site"


@pytest.mark.parametrize("requests_before", [2, 5, 8])
def test_a_daemon_that_is_killed_goes_on_at_its_next_start(site: Place, requests_before: int) -> None:
    site.sandbox.faults.add(Fault(effect=Effect(kind="stall"), number=requests_before, times=1))
    with running(site) as daemon:
        assert until(lambda: any(fired for _, fired in site.sandbox.faults.list()))
        daemon.signal(signal.SIGKILL)
    site.sandbox.faults.clear()

    with running(site) as daemon:
        assert until(lambda: page(site) == "hello from the site")
        assert until(lambda: daemon.site()["live"] is not None)

    assert uploads_of(site, "/files/path/home/alice/mysite/wsgi.py") <= 2


def test_a_stop_lets_the_request_in_flight_end_and_the_next_start_goes_on(site: Place) -> None:
    slow = Effect(kind="slow", seconds=0.5)
    site.sandbox.faults.add(Fault(effect=slow, method="POST", path="mysite/wsgi.py$", times=1))
    with running(site) as daemon:
        assert until(lambda: any(fired for _, fired in site.sandbox.faults.list()))
        daemon.signal(signal.SIGTERM)
        assert daemon.process.wait(20) == 0
    site.sandbox.faults.clear()
    sent = uploads_of(site, "mysite/wsgi.py")

    with running(site) as daemon:
        assert until(lambda: daemon.site()["live"] is not None)
    assert sent == 1
    assert uploads_of(site, "mysite/wsgi.py") == 1


def test_what_is_ordered_while_frozen_waits_until_it_is_thawed(site: Place) -> None:
    with running(site) as daemon:
        assert until(lambda: daemon.site()["live"] is not None)
        assert daemon.command("freeze", "--message", "the boss demonstrates it").status == 0
        commit = site.repos["blog"].push(greeting("frozen"))
        assert until(lambda: bool(daemon.site()["waiting"]))
        assert page(site) == "hello from the site"
        assert daemon.site()["frozen"] == "the boss demonstrates it"
        status = daemon.command("status", "--via-daemon")
        assert "frozen    the boss demonstrates it" in status.out

        assert daemon.command("thaw").status == 0
        assert until(lambda: daemon.is_live(commit))


def test_a_cancelled_deployment_stops_and_is_not_begun_again_by_itself(site: Place) -> None:
    with running(site) as daemon:
        assert until(lambda: daemon.site()["live"] is not None)
        site.sandbox.faults.add(
            Fault(effect=Effect(kind="slow", seconds=6.0), method="POST", path="mysite/wsgi.py$")
        )
        site.repos["blog"].push(greeting("unwanted"))
        assert until(lambda: any(fired for _, fired in site.sandbox.faults.list()))
        assert "cancelled" in daemon.command("cancel").out
        assert until(lambda: daemon.site()["running"] is None)
        site.sandbox.faults.clear()
        daemon.signal(signal.SIGUSR1)
        assert until(lambda: len(daemon.events("order_taken")) == 2)

        commit = site.repos["blog"].push(greeting("wanted"))
        assert until(lambda: daemon.is_live(commit))
        assert len(daemon.events("order_taken")) == 3


def test_a_broken_version_is_rolled_back_and_the_page_keeps_the_evidence(site: Place) -> None:
    with running(site) as daemon:
        assert until(lambda: daemon.site()["live"] is not None)
        broken = site.repos["blog"].push({"wsgi.py": "raise RuntimeError('the reason why')\n"})
        assert until(lambda: "the reason why" in daemon.site()["problem"])
        assert page(site) == "hello from the site"
        deployment = next(d for d in daemon.get("/api/deployments")["deployments"] if d["commit"] == broken)
        shown = requests.get(f"{daemon.url}/deployments/{deployment['id']}", timeout=10).text
        assert "the reason why" in shown

        mended = site.repos["blog"].push(greeting("mended"))
        assert until(lambda: daemon.is_live(mended))
        assert daemon.site()["problem"] == ""


def test_a_platform_that_is_down_for_a_while_is_tried_again(
    site: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    del monkeypatch
    with running(site) as daemon:
        assert until(lambda: daemon.site()["live"] is not None)
        site.sandbox.faults.add(Fault(effect=Effect(kind="status", status=400, json={"detail": "no"})))
        commit = site.repos["blog"].push(greeting("patient"))
        assert until(lambda: bool(daemon.site()["problem"]))
        site.sandbox.faults.clear()

        ended = daemon.command("sync", "--via-daemon")

        assert ended.status == 0, ended.err
        assert until(lambda: daemon.is_live(commit))


def test_the_socket_follows_a_deployment_to_its_end_and_says_how_it_ended(site: Place) -> None:
    with running(site) as daemon:
        assert until(lambda: daemon.site()["live"] is not None)
        site.repos["blog"].push({"wsgi.py": "raise RuntimeError('the reason why')\n"})
        followed = daemon.command("sync", "--via-daemon", "--force")

        assert followed.status == 4, followed.out + followed.err
        assert "the reason why" in followed.out
        again = daemon.command("logs", "--deployment", followed.out.split()[1].rstrip(","))
        assert "the reason why" in again.out


def test_a_bad_configuration_changes_nothing_and_a_good_one_adds_a_site(site: Place) -> None:
    with running(site) as daemon:
        assert until(lambda: daemon.site()["live"] is not None)
        good = site.config.read_text()
        (site.folder / "deployer.toml").write_text(good.replace("account =", "acount ="))
        daemon.signal(signal.SIGHUP)
        assert until(lambda: bool(daemon.events("configuration_refused")))
        assert "acount" in daemon.events("configuration_refused")[0]["error"]
        assert daemon.site()["live"] is not None

        other = site.add_site("shop")
        domain = 'domain = "shop.example.org"'
        config = CONFIG.replace("~/mysite", "~/shop").replace("[app]\n", f"[app]\n{domain}\n")
        commit = other.push({"pythonanywhere.toml": config, "wsgi.py": WSGI})
        assert site.config.exists()
        daemon.signal(signal.SIGHUP)
        assert until(lambda: bool(daemon.events("configuration_reloaded")))
        assert until(lambda: daemon.is_live(commit, "shop"))


def test_a_bad_configuration_in_a_commit_is_told_and_the_old_version_stays(site: Place) -> None:
    with running(site) as daemon:
        assert until(lambda: daemon.site()["live"] is not None)
        bad = site.repos["blog"].push({"pythonanywhere.toml": CONFIG + "\n[nonsense]\n"})
        assert until(lambda: "nonsense" in daemon.site()["problem"])
        shown = daemon.get("/api/deployments")["deployments"][0]

        assert (shown["commit"], shown["status"]) == (bad, "refused")
        assert page(site) == "hello from the site"


def test_the_token_is_in_nothing_that_the_daemon_says_or_keeps(site: Place) -> None:
    token = site.sandbox.token
    with running(site) as daemon:
        assert until(lambda: daemon.site()["live"] is not None)
        said = [
            requests.get(f"{daemon.url}{path}", timeout=10).text for path in ("/", "/metrics", "/api/sites")
        ]
        said.append(Path(f"/proc/{daemon.process.pid}/cmdline").read_text())
        said.append(Path(f"/proc/{daemon.process.pid}/environ").read_text())
        said.append(json.dumps(daemon.get("/api/deployments")))
        daemon.signal(signal.SIGTERM)
        daemon.process.wait(20)

    kept = [file for file in (site.folder / "state").rglob("*") if file.is_file()]
    assert kept
    assert not [text for text in said if token in text]
    assert not [file for file in (*kept, daemon.log) if token.encode() in file.read_bytes()]


def test_an_idle_daemon_is_small_and_quiet(site: Place) -> None:
    def ticks(daemon: Running) -> int:
        return sum(map(int, Path(f"/proc/{daemon.process.pid}/stat").read_text().split()[13:15]))

    with running(site) as daemon:
        assert until(lambda: daemon.site()["live"] is not None)
        status = Path(f"/proc/{daemon.process.pid}/status").read_text()
        resident_kb = int(next(line for line in status.splitlines() if "VmRSS" in line).split()[1])
        before = ticks(daemon)
        assert daemon.process.poll() is None
        with pytest.raises(TimeoutError):
            wait_quietly(daemon, 5)
        used = ticks(daemon) - before

    assert resident_kb < 90_000
    assert used <= 5, "hundredths of a second in five seconds: one per cent of a core"


def wait_quietly(daemon: Running, seconds: float) -> None:
    """Nothing asks it anything meanwhile. Raises TimeoutError, unless it ended."""
    import subprocess

    try:
        daemon.process.wait(seconds)
    except subprocess.TimeoutExpired as error:
        raise TimeoutError from error


def test_a_second_daemon_of_the_same_state_does_not_start(site: Place) -> None:
    with running(site) as daemon:
        second = daemon.command("run")

        assert second.status == 2
        assert f"process {daemon.process.pid}" in second.err
        assert until(lambda: daemon.site()["live"] is not None)


def test_a_state_folder_far_down_has_a_control_socket_all_the_same(site: Place) -> None:
    deep = site.folder / "/".join(["a-folder-with-a-rather-long-name"] * 4)
    deep.mkdir(parents=True)
    site.daemon_keys = f'socket = "{deep}/deployer.sock"'
    with running(site) as daemon:
        assert "blog" in daemon.command("status", "--via-daemon").out
