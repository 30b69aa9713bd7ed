"""The daemon as a service of a real systemd: how it is started, restarted, reached, watched and confined."""

import hmac
import json
import os
import re
import signal
import socket
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from threading import Event, Thread

import pytest

from deployer.sandbox import Sandbox, SandboxOptions, Switches
from tests.builders.git import GitRepo
from tests.builders.waiting import until
from tests.cli.project import CONFIG, WSGI
from tests.system import boxed_deployer
from tests.system.systemd_box import Box, systemd_box, why_not

CONFIG_FILE = "/etc/deployer/deployer.toml"
SERVICE = "deployer.service"
HOOK_SECRET = "a-long-secret-between-us"
READY_S = 20.0
deliveries = count()

pytestmark = [
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "a box can be booted"),
    pytest.mark.timeout(180),
]


@dataclass(frozen=True, slots=True)
class Machine:
    """A box with the service installed in it, a sandbox that it deploys to, and the repository."""

    box: Box
    sandbox: Sandbox
    repo: GitRepo
    port: int
    command: str

    def deployer(self, *arguments: str, check: bool = True) -> str:
        ended = self.box.run(self.command, *arguments, check=check)
        return ended.stdout + ended.stderr

    def pid(self) -> int:
        return self.box.main_pid(SERVICE)

    def is_active(self) -> bool:
        return self.box.show(SERVICE, "ActiveState") == "active"

    def wait_for_another(self, pid: int) -> bool:
        """Whether the service came back as another process, and said that it is ready."""
        return until(lambda: self.pid() not in (0, pid) and self.is_active(), timeout_s=READY_S)

    def log(self) -> str:
        """What the service and systemd said of it, for a person."""
        return self.box.run("journalctl", "--no-pager", "--output=cat", f"--unit={SERVICE}").stdout

    def push(self) -> int:
        """Announce a push, each time as another delivery; the status of the answer."""
        stamp = f"{time.time():.0f}"
        body = json.dumps({"ref": "refs/heads/main", "delivery": next(deliveries)}).encode()
        signature = hmac.digest(HOOK_SECRET.encode(), stamp.encode() + b"." + body, "sha256").hex()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/hooks/blog",
            data=body,
            headers={
                "Content-Type": "application/json",
                "X-Deployer-Timestamp": stamp,
                "X-Deployer-Signature": f"sha256={signature}",
            },
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("machine")
    repo = GitRepo(folder / "repo")
    repo.commit({"pythonanywhere.toml": CONFIG, "wsgi.py": WSGI}, "Open the site")
    options = SandboxOptions(
        data=folder / "platform", user="alice", port=0, switches=Switches(rate_limit="off")
    )
    binds = {**boxed_deployer.binds(), repo.path: "/srv/blog"}
    with Sandbox(options) as sandbox, systemd_box(binds) as box:
        port = free_port()
        box.write(CONFIG_FILE, configuration(sandbox, port, "/run/deployer/deployer.sock"))
        for name, secret in (("alice-token", sandbox.token), ("blog-webhook", HOOK_SECRET)):
            box.write(f"/etc/deployer/credentials/{name}", secret, mode=0o600)
        box.run("sh", "-c", "echo 'g deploy -' | systemd-sysusers -")
        # As an administrator would: quicker than the usual minute.
        box.write(
            f"/etc/systemd/system/{SERVICE}.d/quick.conf",
            "[Service]\nWatchdogSec=3\nRestartSec=100ms\nTimeoutStopSec=30\n",
        )
        made = Machine(box, sandbox, repo, port, boxed_deployer.install(box))
        told = made.deployer("service", "install", "--config", CONFIG_FILE, check=False)
        assert made.is_active(), f"{told}\n{made.log()}"
        yield made


@pytest.fixture
def service(machine: Machine) -> Machine:
    """The machine with its service running, however the test before left it."""
    machine.box.run("systemctl", "reset-failed", SERVICE)
    machine.box.run("systemctl", "start", SERVICE)
    return machine


def configuration(sandbox: Sandbox, port: int, control: str) -> str:
    return f"""
[daemon]
listen = "127.0.0.1:{port}"
socket = "{control}"
socket_group = "deploy"

[account.alice]
username = "alice"
host = "{sandbox.url}"
token = {{ credential = "alice-token" }}
requests_per_minute = 0

[site.blog]
account = "alice"
repo = "/srv/blog"
webhook = {{ provider = "hmac", secret = {{ credential = "blog-webhook" }} }}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_is_started_when_the_daemon_says_that_it_is_ready(service: Machine) -> None:
    box = service.box

    assert service.is_active()
    assert box.show(SERVICE, "UnitFileState") == "enabled"
    assert "1 site" in box.show(SERVICE, "StatusText") or "deploying" in box.show(SERVICE, "StatusText")
    told = service.deployer("service", "status")
    assert re.search(r"deployer\.service +active \(running\), enabled", told)
    assert re.search(r"deployer\.socket +active \(running\), enabled", told)
    assert "site      blog: " in told


def test_deploys_with_a_token_that_only_root_can_read(service: Machine) -> None:
    commit = service.repo.commit({"hello.txt": f"{time.monotonic()}"}, "Say hello")

    assert until(lambda: f"blog: {commit[:10]} since" in service.deployer("service", "status"))
    environment = service.box.run("cat", f"/proc/{service.pid()}/environ").stdout
    assert service.sandbox.token not in environment
    inside = ("nsenter", f"--target={service.pid()}", "--mount", "cat")
    assert (
        "Permission"
        in service.box.run(
            "setpriv",
            "--reuid=nobody",
            "--clear-groups",
            "cat",
            "/etc/deployer/credentials/alice-token",
            check=False,
        ).stderr
    )
    assert service.sandbox.token in service.box.run(*inside, f"/run/credentials/{SERVICE}/alice-token").stdout


def test_no_webhook_is_lost_while_it_restarts(service: Machine) -> None:
    before, answers, enough = service.pid(), [], Event()

    def announce() -> None:
        while not enough.is_set():
            answers.append(service.push())

    announcing = Thread(target=announce)
    announcing.start()
    assert until(lambda: len(answers) > 2)
    service.box.run("systemctl", "restart", SERVICE)
    after_restart = len(answers)
    assert until(lambda: len(answers) > after_restart + 2)
    enough.set()
    announcing.join()

    assert service.pid() != before
    assert set(answers) == {202}


def test_its_sockets_outlive_a_restart(service: Machine) -> None:
    sockets = ("deployer.socket", "deployer-control.socket")
    before = [service.box.show(unit, "ActiveEnterTimestampMonotonic") for unit in sockets]
    service.box.run("systemctl", "restart", SERVICE)

    assert [service.box.show(unit, "ActiveEnterTimestampMonotonic") for unit in sockets] == before
    assert "site      blog: " in service.deployer("service", "status")


def test_a_webhook_starts_a_service_that_is_stopped(service: Machine) -> None:
    service.box.run("systemctl", "stop", SERVICE)

    assert service.push() == 202
    assert service.pid() != 0


def test_a_daemon_that_hangs_is_restarted_by_the_watchdog(service: Machine) -> None:
    before = service.pid()
    service.box.kill(before, signal.SIGSTOP)

    assert service.wait_for_another(before)
    said = [str(entry["MESSAGE"]) for entry in service.box.journal(f"UNIT={SERVICE}")]
    assert any("Watchdog timeout" in message for message in said)


def test_one_worker_that_hangs_is_enough_for_the_watchdog(service: Machine) -> None:
    """Its git waits for a ref that never comes, while everything else of the daemon is well."""
    program = service.box.run("cat", service.command).stdout
    impatient = "from deployer.daemon import worker\n\nworker.SILENCE_S = 1.0\n"
    service.box.write(service.command, program.replace("\nfrom", f"\n{impatient}from", 1), mode=0o755)
    service.box.run("systemctl", "restart", SERVICE)
    ref = service.repo.path / ".git/refs/heads/main"
    commit = ref.read_text()
    before = service.pid()
    ref.unlink()
    os.mkfifo(ref)
    try:
        service.box.kill(before, signal.SIGUSR1)
        assert service.wait_for_another(before)
        said = [str(entry["MESSAGE"]) for entry in service.box.journal(f"_SYSTEMD_UNIT={SERVICE}")]
    finally:
        ref.unlink()
        ref.write_text(commit)
        service.box.write(service.command, program, mode=0o755)
        service.box.run("systemctl", "restart", SERVICE)

    assert any('"worker_hangs"' in message and '"blog"' in message for message in said)
    assert service.push() == 202


def test_a_daemon_that_is_killed_is_restarted(service: Machine) -> None:
    before = service.pid()
    service.box.kill(before, signal.SIGKILL)

    assert service.wait_for_another(before)
    assert service.push() == 202


def test_stops_cleanly_and_in_time(service: Machine) -> None:
    began = time.monotonic()
    service.box.run("systemctl", "stop", SERVICE)

    assert time.monotonic() - began < 20
    assert service.box.show(SERVICE, "Result") == "success"
    assert service.box.show(SERVICE, "ExecMainStatus") == "0"
    assert service.box.show("deployer.socket", "ActiveState") == "active"


def test_reloads_on_request(service: Machine) -> None:
    before = service.pid()
    service.box.run("systemctl", "reload", SERVICE)

    assert until(service.is_active)
    assert service.pid() == before


def test_can_write_its_state_and_nothing_else(service: Machine) -> None:
    own = ("nsenter", f"--target={service.pid()}", "--mount")
    for folder in ("/etc", "/usr", "/srv", "/opt/deployer"):
        refused = service.box.run(*own, "touch", f"{folder}/written", check=False)
        assert "Read-only file system" in refused.stderr, folder
    service.box.run(*own, "touch", "/var/lib/deployer/written")
    assert service.box.run(*own, "ls", "/root").stdout == ""
    status = service.box.run("cat", f"/proc/{service.pid()}/status").stdout
    for line in (r"NoNewPrivs:\s1", r"Seccomp:\s2", r"CapBnd:\s0+", r"CapEff:\s0+", r"Uid:\s[1-9]\d+"):
        assert re.search(rf"^{line}\b", status, re.MULTILINE), line


def test_a_shell_in_the_same_sandbox_is_refused_what_the_service_is(service: Machine) -> None:
    """With the very lines of the unit, but another command: what a program that was taken over could do."""
    text = service.box.path(f"/etc/systemd/system/{SERVICE}").read_text()
    attempts = (
        "touch /etc/written",
        "touch /srv/blog/written",
        "cat /etc/deployer/credentials/alice-token",
        "unshare --user true",
        "mount -t tmpfs tmpfs /mnt",
        "python3 -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)'",
        "chown 0 $STATE_DIRECTORY/own",
    )
    script = "touch $STATE_DIRECTORY/own || exit 99\n" + "".join(
        f"{attempt} && echo could: {attempt.split()[0]} >>$STATE_DIRECTORY/could\n" for attempt in attempts
    )
    service.box.write("/opt/attempts.sh", script + "exit 0\n")
    for pattern, replacement in (
        (r"^Type=.*$", "Type=oneshot"),
        (r"^ExecStart=.*$", "ExecStart=/bin/sh /opt/attempts.sh"),
        (r"^StateDirectory=.*$", "StateDirectory=attempts"),
        (r"^(Requires|After|Sockets|ExecReload|NotifyAccess|WatchdogSec|Restart)=.*\n", ""),
    ):
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    service.box.write("/etc/systemd/system/attempts.service", text)
    service.box.run("systemctl", "daemon-reload")
    service.box.run("systemctl", "start", "attempts.service")

    assert service.box.path("/var/lib/private/attempts/own").exists()
    assert not service.box.path("/var/lib/private/attempts/could").exists()


def test_members_of_the_group_reach_it_and_nobody_else(service: Machine) -> None:
    def ask(*identity: str) -> str:
        ended = service.box.run("setpriv", *identity, "/opt/deployer/bin/python3", "-c", ASK, check=False)
        return ended.stdout + ended.stderr

    assert '"ok": true' in ask("--reuid=nobody", "--regid=deploy", "--clear-groups")
    assert "PermissionError" in ask("--reuid=nobody", "--regid=nogroup", "--clear-groups")


ASK = """
import socket
s = socket.socket(socket.AF_UNIX)
s.connect("/run/deployer/deployer.sock")
s.sendall(b'{"do": "status"}\\n')
print(s.makefile().readline())
"""


def test_the_journal_knows_each_deployment(service: Machine) -> None:
    commit = service.repo.commit({"hello.txt": f"{time.monotonic()}"}, "Say hello again")
    assert until(lambda: f"blog: {commit[:10]} since" in service.deployer("service", "status"))

    entries = service.box.journal(f"_SYSTEMD_UNIT={SERVICE}")
    events = [json.loads(entry["MESSAGE"]) for entry in entries if str(entry["MESSAGE"]).startswith("{")]
    ids = {event["deployment"] for event in events if event.get("deployment")}
    assert ids
    newest = max(ids)
    assert service.box.journal(f"DEPLOYMENT={newest}")


def test_a_second_one_is_installed_beside_it_and_removed_again(service: Machine) -> None:
    box, port = service.box, free_port()
    box.write("/etc/deployer/second.toml", configuration(service.sandbox, port, "/run/deployer/second.sock"))
    service.deployer("service", "install", "--name", "second")
    assert box.show("deployer-second.service", "ActiveState") == "active"
    assert box.main_pid("deployer-second.service") != service.pid()

    box.write("/etc/systemd/system/deployer-second-control.socket", "[Socket]\nListenStream=/run/mine\n")
    told = service.deployer("service", "uninstall", "--name", "second")

    assert "kept /etc/systemd/system/deployer-second-control.socket: not written by deployer" in told
    assert "kept /var/lib/deployer-second: its state" in told
    assert box.path("/var/lib/private/deployer-second").is_dir()
    assert not box.path("/etc/systemd/system/deployer-second.service").exists()
    assert box.show("deployer-second.service", "ActiveState") == "inactive"
    assert service.is_active()


def test_a_port_that_another_one_has_is_refused(service: Machine) -> None:
    text = configuration(service.sandbox, service.port, "/run/deployer/third.sock")
    service.box.write("/etc/deployer/third.toml", text)

    told = service.deployer("service", "install", "--name", "third", check=False)

    assert "deployer.socket listens on" in told
    assert not service.box.path("/etc/systemd/system/deployer-third.service").exists()


def test_a_bad_configuration_is_not_tried_again_and_again(service: Machine) -> None:
    box = service.box
    good = box.path(CONFIG_FILE).read_text()
    box.write(CONFIG_FILE, "nonsense = 1\n")
    try:
        box.run("systemctl", "restart", SERVICE, check=False)
        assert until(lambda: box.show(SERVICE, "ActiveState") == "failed")
        assert box.show(SERVICE, "ExecMainStatus") == "2"
        assert box.show(SERVICE, "NRestarts") in ("0", "")
    finally:
        box.write(CONFIG_FILE, good)
        box.run("systemctl", "reset-failed", SERVICE)


def test_a_user_has_a_service_of_their_own(service: Machine) -> None:
    box, home = service.box, "/home/ada"
    if box.run("useradd", "--create-home", "--uid=4242", "ada", check=False).returncode != 0:
        pytest.skip("no useradd on this machine")
    own = configuration(service.sandbox, free_port(), "/tmp/ada.sock").replace(
        'socket_group = "deploy"\n', ""
    )
    box.write(f"{home}/.config/deployer/deployer.toml", own)
    for name, secret in (("alice-token", service.sandbox.token), ("blog-webhook", HOOK_SECRET)):
        box.write(f"{home}/.config/deployer/credentials/{name}", secret, mode=0o600)
    box.run("chown", "--recursive", "ada:", home)
    if box.run("systemctl", "start", "user@4242.service", check=False).returncode != 0:
        pytest.skip("no managers for users on this machine: libpam-systemd is missing")
    runtime = "/run/user/4242"
    ada = (
        *("setpriv", "--reuid=ada", "--regid=ada", "--init-groups", "env", f"HOME={home}"),
        *(f"XDG_RUNTIME_DIR={runtime}", f"DBUS_SESSION_BUS_ADDRESS=unix:path={runtime}/bus"),
    )
    if box.run(*ada, "systemctl", "--user", "is-system-running", check=False).returncode != 0:
        pytest.skip("no bus for users on this machine: dbus-user-session is missing")

    told = box.run(*ada, service.command, "service", "install", "--user").stdout

    assert "ran systemctl --user enable --now deployer.socket" in told
    assert "site      blog: " in box.run(*ada, service.command, "service", "status", "--user").stdout
    told = box.run(*ada, service.command, "service", "uninstall", "--user").stdout
    assert f"kept {home}/.local/state/deployer: its state" in told


def test_nothing_of_the_box_is_left_outside(service: Machine) -> None:
    assert service.box.path("/etc/systemd/system/deployer.service").exists()
    assert not Path("/etc/systemd/system/deployer.service").exists()
