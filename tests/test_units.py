"""The units: what systemd says of them, and that the files in `systemd/` are what `install` would write.

`python -m tests.test_units` writes those files anew.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.config import load_machine
from deployer.config.machine_file import MachineFile
from deployer.errors import UsageError
from deployer.service import Installation, about, is_ours, listens_on, secrets_of, stream_address, units
from deployer.service.units import NOTIFY_RELOAD

TOP = Path(__file__).parents[1]
FOLDER = TOP / "systemd"
CREDENTIALS = "/etc/deployer/credentials"
THRESHOLD = 12
"""Ten times the exposure that `systemd-analyze security` may find at the most."""

needs_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine"
)


def usual() -> Installation:
    """What the annotated deployer.toml of `config/` is installed as."""
    machine = load_machine(TOP / "config" / "deployer.toml")
    names = [source.credential for _, source in secrets_of(machine.file) if source.credential]
    return Installation(
        group=machine.daemon.socket_group, credentials={name: f"{CREDENTIALS}/{name}" for name in names}
    )


def kinds(folder: Path) -> Mapping[str, Installation]:
    """An installation of each kind, with a program that is there."""
    here = (sys.executable, "-m", "deployer")
    odd = str(folder / "odd name 100% $HOME.toml")
    return {
        "system": Installation(command=here, credentials={"token": f"{CREDENTIALS}/token"}),
        "named": Installation(
            name="deployer-blog", command=here, config=odd, credentials={}, state="/var/lib/deployer-blog"
        ),
        "of a user": Installation(
            command=here,
            user="daemon",
            group="daemon",
            credentials={},
            home_is_needed=True,
            state="/srv/state",
        ),
        "own manager": Installation(
            command=here, credentials={"token": odd}, own_manager=True, state="/home/you/a state"
        ),
    }


KINDS = ("system", "named", "of a user", "own manager")


def analyze(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@needs_analyze
@pytest.mark.parametrize("kind", KINDS)
def test_systemd_finds_nothing_wrong_with_them(kind: str, tmp_path: Path) -> None:
    made = kinds(tmp_path)[kind]
    for unit, text in units(made).items():
        (tmp_path / unit).write_text(text)
    manager = ["--user"] if made.own_manager else []

    checked = analyze(
        "verify",
        "--man=no",
        "--recursive-errors=no",
        *manager,
        *(str(tmp_path / u) for u in made.units),
        folder=tmp_path,
    )

    ours = [line for line in checked.stderr.splitlines() if "deployer" in line]
    assert not ours, checked.stderr
    assert checked.returncode == 0, checked.stderr


@needs_analyze
@pytest.mark.parametrize("kind", ["system", "named", "of a user"])
def test_a_service_is_exposed_to_little(kind: str, tmp_path: Path) -> None:
    made = kinds(tmp_path)[kind]
    (tmp_path / made.service).write_text(units(made)[made.service])

    checked = analyze(
        "security",
        "--offline=true",
        f"--threshold={THRESHOLD}",
        str(tmp_path / made.service),
        folder=tmp_path,
    )

    assert checked.returncode == 0, checked.stdout[-3000:] + checked.stderr


def test_the_files_in_the_repository_are_what_install_writes() -> None:
    for unit, text in units(usual()).items():
        assert (FOLDER / unit).read_text() == text, f"{unit}: python -m tests.test_units writes it anew"


def test_a_newer_systemd_is_told_of_reloads_by_the_daemon_itself() -> None:
    older, newer = (
        units(Installation(credentials={}, systemd=version))["deployer.service"]
        for version in (NOTIFY_RELOAD - 1, NOTIFY_RELOAD)
    )

    assert "\nType=notify\nExecReload=/bin/kill -HUP $MAINPID\n" in older
    assert "\nType=notify-reload\n" in newer
    assert "ExecReload" not in newer


def test_what_a_unit_was_made_from_can_be_read_again() -> None:
    made = Installation(
        credentials={}, config="/etc/a b.toml", state="/srv/s", control="/run/c.sock", user="x"
    )
    texts = units(made)

    assert all(is_ours(text) for text in texts.values())
    assert about(texts["deployer.service"]) == {
        "Config": "/etc/a b.toml",
        "State": "/srv/s",
        "Control": "/run/c.sock",
    }
    assert listens_on(texts["deployer.socket"]) == "127.0.0.1:8042"


def test_only_members_of_a_group_that_is_named_may_use_the_control_socket() -> None:
    alone = units(Installation(credentials={}))["deployer-control.socket"]
    shared = units(Installation(credentials={}, group="deploy"))["deployer-control.socket"]

    assert "SocketMode=0600\n" in alone
    assert "SocketGroup" not in alone
    assert "SocketMode=0660\nSocketGroup=deploy\n" in shared


def test_every_secret_of_the_file_is_found() -> None:
    table = {"credential": "one"}
    file = MachineFile.model_validate(
        {
            "daemon": {"token": table, "announce": [{"env": "TWO"}]},
            "account": {"alice": {"username": "alice", "token": {"file": "three"}}},
            "site": {
                "blog": {
                    "account": "alice",
                    "repo": "/srv/blog",
                    "webhook": {"provider": "hmac", "secret": {"credential": "four"}},
                    "commit_status": {
                        "provider": "github",
                        "repository": "a/b",
                        "token": {"credential": "five"},
                    },
                }
            },
        }
    )

    assert {key for key, _ in secrets_of(file)} == {
        "daemon.token",
        "daemon.announce",
        "account.alice.token",
        "site.blog.webhook.secret",
        "site.blog.commit_status.token",
    }


@pytest.mark.parametrize(
    ("listen", "stream"),
    [
        ("127.0.0.1:8042", "127.0.0.1:8042"),
        ("localhost:80", "127.0.0.1:80"),
        ("[::1]:8042", "[::1]:8042"),
        ("::1:8042", "[::1]:8042"),
        ("0.0.0.0:1", "0.0.0.0:1"),
    ],
)
def test_an_address_is_spelled_as_systemd_spells_it(listen: str, stream: str) -> None:
    assert stream_address(listen) == stream


@pytest.mark.parametrize("listen", ["example.org:80", "127.0.0.1:0", "*:80"])
def test_what_systemd_could_not_listen_on_is_refused(listen: str) -> None:
    with pytest.raises(UsageError, match="address and a port"):
        stream_address(listen)


PATHS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), min_size=1)


@given(path=PATHS)
def test_no_path_can_add_a_line_or_be_expanded(path: str) -> None:
    made = Installation(config=f"/etc/{path}", credentials={"token": f"/etc/{path}"}, state=f"/srv/{path}")
    plain = Installation(config="/etc/x", credentials={"token": "/etc/x"}, state="/srv/x")
    text, usual_text = units(made)["deployer.service"], units(plain)["deployer.service"]

    assert len(text.split("\n")) == len(usual_text.split("\n"))
    started = re.search(r"^ExecStart=(.*)$", text, re.MULTILINE)
    assert started
    assert "%" not in started[1].replace("%%", "")
    assert "$" not in started[1].replace("$$", "")


def write() -> None:
    """The files of `systemd/` that belong to the service."""
    for unit, text in units(usual()).items():
        (FOLDER / unit).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
