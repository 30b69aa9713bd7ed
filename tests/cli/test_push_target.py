"""Pushing to a push target, with real git; the daemon is played by a socket that keeps to the protocol."""

import grp
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO, StringIO
from pathlib import Path
from threading import Event, Thread
from typing import Any, BinaryIO, cast

import pytest
from rich.console import Console

import deployer
from deployer.cli.following import Bar, Lines, follow
from deployer.control_client import Declined, NotReached, ask
from deployer.git import Repository
from deployer.git.held_push import unbundle_into
from deployer.git.push_target import TargetSettings
from tests.builders.git import ENVIRONMENT, GitRepo
from tests.builders.waiting import until

SITE = {
    "pythonanywhere.toml": '[app]\npython = "3.11"\ntarget = "~/mysite"\nwsgi = "wsgi.py"\n',
    "wsgi.py": "application = 1\n",
}
ID = "20261125-010203-5ebd81a-c6e0"
STARTED = {
    "event": "deployment_started",
    "deployment": ID,
    "commit": "5ebd81afbc01",
    "subject": "Say \x1b[31mred",
}
LIVE: list[dict[str, Any]] = [
    {"kind": "waiting", "why": "its turn comes"},
    {"kind": "waiting", "why": "its turn comes"},
    {"kind": "event", "event": STARTED},
    {"kind": "event", "event": {"event": "planned", "actions": {"create": 1, "reload": 1}, "bytes": 1234}},
    {
        "kind": "event",
        "event": {
            "event": "action_confirmed",
            "action": "create",
            "subject": "/a",
            "reason": "new",
            "bytes": 9,
        },
    },
    {"kind": "event", "event": {"event": "reloaded", "outcome": "ok"}},
    {"kind": "event", "event": {"event": "health_checked", "well": True, "status": 200, "seconds": 0.013}},
    {"kind": "event", "event": {"event": "live", "url": "https://alice.pythonanywhere.com"}},
    {
        "kind": "ended",
        "deployment": ID,
        "status": "live",
        "exit_status": 0,
        "detail": "answered 200 in 13 ms",
        "url": "https://alice.pythonanywhere.com",
    },
]
EVIDENCE = (
    "alice.pythonanywhere.com does not answer as it should: status 500\n  error.log:\n    KeyError: 'x'"
)
ROLLED_BACK: list[dict[str, Any]] = [
    LIVE[2],
    {"kind": "event", "event": {"event": "health_checked", "well": False, "problem": "status 500"}},
    {"kind": "event", "event": {"event": "deployment_ended", "status": "failed", "error": EVIDENCE}},
    {"kind": "event", "event": {"event": "rolling_back", "to": "aaaaaaaaaabb"}},
    {
        "kind": "ended",
        "deployment": ID,
        "status": "failed",
        "exit_status": 4,
        "detail": f"{EVIDENCE}\naaaaaaaaaa, which was live before, is back.",
        "url": None,
    },
]
Behaviour = Callable[[dict[str, Any], BinaryIO], Iterator[dict[str, Any]]]


@dataclass(slots=True)
class FakeDaemon:
    """Answers each request with what `behave` yields."""

    path: Path
    behave: Behaviour
    requests: list[dict[str, Any]] = field(default_factory=list)
    left: Event = field(default_factory=Event)
    """Set once a client went away in the middle."""

    def serve(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                if not self._answer(connection):
                    return  # the test is over

    def _answer(self, connection: socket.socket) -> bool:
        stream = cast("BinaryIO", connection.makefile("rwb"))
        line = stream.readline()
        if not line:
            stream.close()
            return False
        request = json.loads(line)
        self.requests.append(request)
        try:
            for answer in self.behave(request, stream):
                stream.write(json.dumps(answer).encode() + b"\n")
                stream.flush()
        except OSError:
            self.left.set()
        with suppress(OSError):  # the rest of a line that nobody took
            stream.close()
        return True


@contextmanager
def daemon(path: Path, behave: Behaviour) -> Iterator[FakeDaemon]:
    fake = FakeDaemon(path, behave)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        path.chmod(0o666)
        listening.listen()
        thread = Thread(target=fake.serve, args=(listening,))
        thread.start()
        try:
            yield fake
        finally:
            with socket.socket(socket.AF_UNIX) as last:
                last.connect(str(path))
            thread.join()


def telling(lines: list[dict[str, Any]]) -> Behaviour:
    def behave(_: dict[str, Any], __: BinaryIO) -> Iterator[dict[str, Any]]:
        yield {"ok": True, "deployment": ID, "status_url": "http://127.0.0.1:8042/d"}
        yield from lines

    return behave


@dataclass(frozen=True, slots=True)
class Pushed:
    status: int
    remote: str
    """What came from the other side, without git's prefix."""
    git: str


@dataclass(slots=True)
class Place:
    """A machine with deployer.toml, and somebody's repository to push from."""

    folder: Path
    work: GitRepo
    python: str = sys.executable

    @property
    def target(self) -> Path:
        return self.folder / "blog.git"

    @property
    def socket(self) -> Path:
        return self.folder / "d.sock"

    @property
    def environment(self) -> dict[str, str]:
        kept = {key: os.environ[key] for key in ("PATH", "LANG", "PYTHONPATH") if key in os.environ}
        config = str(self.folder / "deployer.toml")
        ours = {"HOME": str(self.folder), "DEPLOYER_CONFIG": config}
        if self.python != sys.executable:
            ours["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        return {**kept, **ENVIRONMENT, **ours}

    def configure(self, more: str = "", *, repo: str = "blog.git") -> None:
        (self.folder / "deployer.toml").write_text(
            f'[daemon]\nsocket = "d.sock"\n[account.alice]\nusername = "alice"\n'
            f'[site.blog]\naccount = "alice"\nrepo = "{repo}"\n{more}'
        )

    def commit_as_other(self, files: Mapping[str, bytes | str | None]) -> None:
        """The work tree belongs to user 54321 then."""
        _give(self.work.path, 0)
        self.work.commit(files)
        _give(self.work.path, 54321)

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.python, "-m", "deployer", "push-target", str(self.target), *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def push(self, *arguments: str, user: int | None = None, groups: tuple[int, ...] = ()) -> Pushed:
        ended = subprocess.run(
            ["git", "push", str(self.target), *(arguments or ("main",))],
            cwd=self.work.path,
            env=self.environment if user is None else {**self.environment, **_trusting(self.target)},
            user=user,
            group=user,
            extra_groups=groups if user is not None else None,
            umask=0o022,
            capture_output=True,
            text=True,
            check=False,
        )
        lines = ended.stderr.splitlines()
        remote = [line.removeprefix("remote: ").rstrip() for line in lines if line.startswith("remote: ")]
        rest = [line for line in lines if not line.startswith("remote: ")]
        return Pushed(ended.returncode, "\n".join(remote), "\n".join(rest))

    def head(self, ref: str = "main") -> str:
        return GitRepo.git(self.work, "ls-remote", str(self.target), f"refs/heads/{ref}").partition("\t")[0]


def _trusting(target: Path) -> dict[str, str]:
    """As `git config --system --add safe.directory` would make it, which a test must not do."""
    file = target.with_name("gitconfig")
    file.write_text(f"[safe]\n\tdirectory = {target}\n")
    return {"GIT_CONFIG_GLOBAL": str(file)}


def _give(path: Path, user: int) -> None:
    for each in (path, *path.rglob("*")):
        os.chown(each, user, user, follow_symlinks=False)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path, GitRepo(tmp_path / "work"))
    made.configure()
    made.work.commit(SITE)
    return made


def _is_open(path: Path) -> bool:
    """Whether others may come there."""
    return all(parent.stat().st_mode & 0o001 for parent in path.resolve().parents)


def _open_interpreter() -> str:
    """Ours, or the system's where ours is in somebody's home and of the same version."""
    if _is_open(Path(sys.executable)) and _is_open(Path(sys.executable).parent / "here"):
        return sys.executable
    system = "/usr/bin/python3"
    wanted = f"import sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    if not Path(system).exists() or subprocess.run([system, "-c", wanted], check=False).returncode:
        pytest.skip("the interpreter is closed to other users")
    return system


@pytest.fixture
def open_place() -> Iterator[Place]:
    """One that user 54321 can reach and push from; pytest's own temporary folders are closed to others."""
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        if not all(_is_open(path) for path in (folder, Path(deployer.__file__))):
            pytest.skip("the temporary folder or the package is closed to other users")
        made = Place(folder, GitRepo(folder / "work"), _open_interpreter())
        made.configure()
        made.commit_as_other(SITE)
        yield made


@pytest.fixture
def target(place: Place) -> Place:
    ended = place.make()
    assert ended.returncode == 0, ended.stderr
    return place


def test_the_command_says_what_it_did_and_what_to_type(place: Place) -> None:
    place.configure(repo="elsewhere.git")

    first = place.make("--gate", "deploy", "--group", str(os.getgid()))
    again = place.make("--gate", "deploy", "--group", str(os.getgid()))

    assert f"made the bare repository {place.target}" in first.stdout
    assert f'repo = "{place.target}"' in first.stdout
    assert "git remote add live" in first.stdout
    assert "safe.directory" in first.stdout
    assert "socket_group" in first.stdout
    assert "nothing changed" in again.stdout
    assert TargetSettings.read(place.target).gate == "deploy"


def test_the_command_needs_a_site_of_deployer_toml(place: Place) -> None:
    (place.folder / "deployer.toml").write_text("")

    ended = place.make()

    assert ended.returncode == 2
    assert "no deployer.toml with a site" in ended.stderr or "PYTHONANYWHERE_USERNAME" in ended.stderr
    assert not place.target.exists()


def test_a_push_shows_its_deployment(target: Place) -> None:
    with daemon(target.socket, telling(LIVE)) as fake:
        pushed = target.push()

    assert pushed.status == 0, pushed.git
    assert pushed.remote.splitlines() == [
        f"deploying blog: {ID}, also at http://127.0.0.1:8042/d",
        "waiting: its turn comes",
        '5ebd81afbc "Say ?[31mred"',
        "to do: 1 create, reload, 1.2 kB",
        "  create  /a  (new, 9 B)",
        "reloaded",
        "the site answered 200 in 13 ms",
        f"live: https://alice.pythonanywhere.com (deployment {ID})",
    ]
    (request,) = fake.requests
    assert (request["do"], request["site"]) == ("deploy", "blog")
    assert request["source"] == "push"
    assert request["commit"] == target.head()
    assert request["follow"] is True


def test_a_push_that_breaks_the_site_ends_with_the_evidence(target: Place) -> None:
    with daemon(target.socket, telling(ROLLED_BACK)):
        pushed = target.push()

    assert pushed.status == 0
    assert pushed.remote.count("KeyError: 'x'") == 1
    assert "putting aaaaaaaaaa back" in pushed.remote
    assert pushed.remote.splitlines()[-1].startswith("failed: rolled back, the version before is live again")


def test_other_branches_and_tags_pass_without_a_word(target: Place) -> None:
    target.work.commit({"pythonanywhere.toml": "nonsense = ["})
    target.work.git("tag", "v1")

    pushed = target.push("main:draft", "v1")
    gone = target.push(":draft")

    assert (pushed.status, pushed.remote) == (0, "")
    assert (gone.status, gone.remote) == (0, "")


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"pythonanywhere.toml": '[app]\npythn = "3.12"\n'}, "did you mean app.python"),
        ({"pythonanywhere.toml": "[app\n"}, "pythonanywhere.toml of "),
        ({"pythonanywhere.toml": None}, "there is no pythonanywhere.toml"),
        ({"pythonanywhere.toml": '[app]\ntarget = "~"\n'}, "whole home of alice"),
        ({"pythonanywhere.toml": '[files]\nexclude = ["*"]\n'}, "ships no file"),
        ({"pythonanywhere.toml": '[app]\nwsgi = "gone.py"\n'}, "there is no file gone.py"),
        ({"wsgi.py": "def application(:\n"}, "wsgi.py line 1"),
        ({".env": "PASSWORD=1"}, ".env is tracked"),
        ({"key": "-----BEGIN PRIVATE KEY-----\n"}, "holds a private key"),
        ({"a.bin": "version https://git-lfs.github.com/spec/v1\n"}, "is a Git LFS pointer"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_push_that_could_not_be_deployed_is_rejected(
    target: Place, files: dict[str, bytes | str | None], reason: str
) -> None:
    target.work.commit(files)

    pushed = target.push()

    assert pushed.status == 1
    assert reason in pushed.remote
    assert "not accepted" in pushed.remote
    assert "pre-receive hook declined" in pushed.git
    assert target.head() == ""


def test_a_link_out_of_the_tree_is_rejected_together_with_everything_else(target: Place) -> None:
    target.work.commit({"wsgi.py": "def application(:\n"})
    target.work.commit({}, links={"passwd": "/etc/passwd"})

    pushed = target.push()

    assert pushed.status == 1
    assert "/etc/passwd" in pushed.remote
    assert "wsgi.py line 1" in pushed.remote


def test_a_file_that_was_accepted_before_does_not_stop_the_next_push(target: Place) -> None:
    hook = target.target / "hooks" / "pre-receive"
    target.work.commit({".env": "PASSWORD=1"})
    kept = hook.rename(hook.with_name("aside"))
    target.push()
    kept.rename(hook)
    target.work.commit({"a.txt": "a"})

    pushed = target.push()

    assert pushed.status == 0, pushed.remote


def test_overrides_of_deployer_toml_count_in_the_check(place: Place) -> None:
    place.configure('app = { target = "~/other", wsgi = "wsgi.py" }\n')
    place.make()
    place.work.commit({"pythonanywhere.toml": '[app]\ntarget = "~"\nwsgi = "gone.py"\n'})

    assert place.push().status == 0


def test_the_deployed_branch_cannot_be_deleted(target: Place) -> None:
    target.push()

    pushed = target.push(":main")

    assert pushed.status == 1
    assert "cannot be deleted" in pushed.remote
    assert target.head() != ""


def test_without_a_daemon_the_push_stays_accepted(target: Place) -> None:
    pushed = target.push()

    assert pushed.status == 0
    assert "no daemon listens there" in pushed.remote
    assert "watch or poll" in pushed.remote
    assert f"deployer status --config {target.folder / 'deployer.toml'} --site blog" in pushed.remote
    assert target.head() != ""


def test_a_daemon_that_declines_is_quoted(target: Place) -> None:
    answer = {"error": "no site blog here", "left": "", "hint": "SIGHUP reloads", "exit_status": 2}
    with daemon(target.socket, lambda *_: iter([answer])):
        pushed = target.push()

    assert pushed.status == 0
    assert "no site blog here\nSIGHUP reloads" in pushed.remote


def test_a_daemon_that_goes_away_is_told(target: Place) -> None:
    with daemon(target.socket, telling(LIVE[:4])):
        pushed = target.push()

    assert pushed.status == 0
    assert "The daemon went away" in pushed.remote
    assert f"deployer logs --deployment {ID}" in pushed.remote


def test_a_pusher_who_goes_away_stops_nothing(target: Place) -> None:
    goes_on = Event()

    def behave(_: dict[str, Any], __: BinaryIO) -> Iterator[dict[str, Any]]:
        yield {"ok": True, "deployment": ID}
        goes_on.wait(30)
        while True:
            yield LIVE[0]

    with daemon(target.socket, behave) as fake:
        pushing = subprocess.Popen(
            ["git", "push", "--quiet", str(target.target), "main"],
            cwd=target.work.path,
            env=target.environment,
            start_new_session=True,
            stderr=subprocess.DEVNULL,
        )
        assert until(lambda: bool(fake.requests))
        os.killpg(pushing.pid, signal.SIGHUP)
        pushing.wait()
        goes_on.set()

        assert fake.left.wait(30)

    assert fake.requests[0]["commit"] == target.head()


def held(folder: Path, end: list[dict[str, Any]]) -> Behaviour:
    """What the daemon does with a commit that is held back."""

    def behave(request: dict[str, Any], stream: BinaryIO) -> Iterator[dict[str, Any]]:
        gate = request["gate"]
        unbundle_into(
            folder / "held.git", stream, gate["bytes"], request["commit"], target=Path(gate["target"])
        )
        yield {"ok": True, "deployment": ID}
        yield from end

    return behave


@pytest.mark.parametrize(("end", "accepted"), [(LIVE, True), (ROLLED_BACK, False), (LIVE[:4], False)])
def test_a_gate_accepts_a_push_only_once_it_is_live(
    place: Place, end: list[dict[str, Any]], accepted: bool
) -> None:
    place.make("--gate", "deploy")
    commit = place.work.git("rev-parse", "main")

    with daemon(place.socket, held(place.folder, end)) as fake:
        pushed = place.push()

    assert (pushed.status == 0) is accepted
    assert place.head() == (commit if accepted else "")
    assert len(fake.requests) == 1
    with Repository(place.folder / "held.git") as repository:
        assert repository.read(repository.resolve(commit), "wsgi.py") == b"application = 1\n"
    assert ("not accepted" in pushed.remote) is not accepted


def test_a_gate_without_a_daemon_stays_shut(place: Place) -> None:
    place.make("--gate", "deploy")

    pushed = place.push()

    assert pushed.status == 1
    assert "no daemon listens there" in pushed.remote
    assert "has to be live first" in pushed.remote
    assert place.head() == ""


@pytest.mark.parametrize("gate", [(), ("--gate", "deploy")])
def test_a_member_of_the_group_pushes_and_sees_it(open_place: Place, gate: tuple[str, ...]) -> None:
    place = open_place
    made = place.make("--group", "54322", *gate)
    assert made.returncode == 0, made.stderr

    with daemon(place.socket, held(place.folder, LIVE) if gate else telling(LIVE)):
        pushed = place.push(user=54321, groups=(54322,))

    assert pushed.status == 0, pushed.git + pushed.remote
    assert pushed.remote.splitlines()[-1].startswith("live: https://alice.pythonanywhere.com")
    for path in place.target.rglob("*"):
        assert path.stat().st_gid == 54322, path


def test_a_pusher_who_may_not_reach_the_daemon_is_told_which_group_may(open_place: Place) -> None:
    place, named = open_place, grp.getgrall()[-1]
    place.make("--group", "54322")

    with daemon(place.socket, telling(LIVE)) as fake:
        os.chown(place.socket, 0, named.gr_gid)
        place.socket.chmod(0o660)
        pushed = place.push(user=54321, groups=(54322,))
        place.socket.chmod(0o600)
        place.commit_as_other({"a.txt": "a"})
        again = place.push(user=54321, groups=(54322,))

    assert pushed.status == again.status == 0
    assert fake.requests == []
    assert f"open to the group {named.gr_name}" in pushed.remote
    assert f"usermod --append --groups {named.gr_name} 54321" in pushed.remote
    assert "open to its owner only" in again.remote
    assert "socket_group" in again.remote


def test_progress_is_told_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]

    def lines() -> Iterator[dict[str, Any]]:
        yield {"kind": "event", "event": {"event": "planned", "actions": {"create": 600}, "bytes": 9}}
        for second in range(600):
            now[0] += 1
            shown = {"phase": "sending", "done": second, "steps": 600, "seconds_left": 600 - second}
            yield {"kind": "progress", "bytes_done": 5, "bytes_total": 9, "waiting_s": 0, **shown}
            yield {"kind": "event", "event": {"event": "action_confirmed", "action": "create"}}
        yield LIVE[-1]

    assert follow(lines(), Lines(clock=lambda: now[0])) == 0

    told = capsys.readouterr().out.splitlines()
    assert "  sending: 3 of 600, 5 B of 9 B, 9 min 57 s left" in told
    assert 40 < len(told) < 80


@pytest.mark.parametrize(
    ("status", "exit_status", "told"),
    [
        ("live", 0, "live: "),
        ("unchanged", 0, "in sync"),
        ("refused", 3, "refused"),
        ("failed", 4, "rolled back"),
        ("failed", 5, "needs a person"),
        ("failed", 99, "needs a person"),
        ("interrupted", 8, "safe to try again"),
    ],
)
def test_how_it_ended_is_the_last_line(
    capsys: pytest.CaptureFixture[str], status: str, exit_status: int, told: str
) -> None:
    end = {"kind": "ended", "deployment": ID, "status": status, "exit_status": exit_status}

    assert follow([LIVE[2], end]) == (5 if exit_status == 99 else exit_status)
    assert told in capsys.readouterr().out.splitlines()[-1]


def test_a_deployment_without_an_end_is_not_a_success() -> None:
    assert follow([LIVE[2]]) == 8


def test_a_terminal_shows_what_happens_and_how_far_it_is() -> None:
    out = StringIO()
    console = Console(file=out, force_terminal=True, width=100, color_system=None)
    progress = {"kind": "progress", "phase": "sending", "done": 1, "steps": 3, "seconds_left": 20}

    assert follow([*LIVE[2:4], progress, *LIVE[4:]], Bar(console)) == 0

    assert "sending: 1 of 3, 20 s left" in out.getvalue()
    assert out.getvalue().rstrip().endswith(f"live: https://alice.pythonanywhere.com (deployment {ID})")
    assert "[31m" in out.getvalue()
    assert "\x1b[31m" not in out.getvalue()


def test_the_client_tells_nobody_there_from_no(tmp_path: Path) -> None:
    with pytest.raises(NotReached, match="no daemon listens"):
        ask(tmp_path / "d.sock", {"do": "status"})
    with daemon(tmp_path / "d.sock", lambda *_: iter([{"error": "no", "exit_status": 6}])):
        with pytest.raises(Declined) as declined:
            ask(tmp_path / "d.sock", {"do": "status"})
        assert declined.value.exit_status == 6


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n", b"[1]\n", b'{"ok": tr'])
def test_what_is_no_daemon_of_ours_is_not_believed(tmp_path: Path, answer: bytes) -> None:
    def behave(_: dict[str, Any], stream: BinaryIO) -> Iterator[dict[str, Any]]:
        stream.write(answer)
        yield from ()

    with (
        daemon(tmp_path / "d.sock", behave),
        pytest.raises(NotReached, match="does not answer like a daemon"),
    ):
        ask(tmp_path / "d.sock", {"do": "status"})


def test_a_large_bundle_is_sent_whole(tmp_path: Path) -> None:
    from deployer.control_client import conversation

    content = os.urandom(5_000_000)

    def behave(request: dict[str, Any], stream: BinaryIO) -> Iterator[dict[str, Any]]:
        yield {"ok": stream.read(request["gate"]["bytes"]) == content}

    with (
        daemon(tmp_path / "d.sock", behave),
        conversation(
            tmp_path / "d.sock",
            {"do": "deploy", "gate": {"bytes": len(content)}},
            content=(BytesIO(content), len(content)),
        ) as answered,
    ):
        assert answered.answer["ok"]
