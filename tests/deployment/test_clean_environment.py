"""The token is in the requests and nowhere else: no output, no event, no file, no process list shows it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.sandbox import Effect, Fault
from deployer.sandbox.faults import EffectKind
from tests.cli.project import CONFIG, WSGI, Project
from tests.system.account import account, running

TELLS_ITS_TOKEN = """
import os
def application(environ, start_response):
    raise RuntimeError("the token is " + os.environ["API_TOKEN"])
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Project]:
    with account(tmp_path) as opened:
        opened.commit({"pythonanywhere.toml": CONFIG, "wsgi.py": WSGI, "a": "x"})
        yield opened


def quoting(token: str) -> str:
    """A debugging page as frameworks make them, with the whole request in it."""
    return f"<html><h1>Trouble</h1><p>HTTP_AUTHORIZATION Token {token}</p></html>"


def command_lines() -> Iterator[bytes]:
    """Those of every process of this machine, as anybody may read them."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            yield (process / "cmdline").read_bytes()
        except OSError:  # it ended meanwhile
            continue


def sync(place: Project, *options: str) -> int:
    """Deploy, looking at the process list all the time, then ask for all that was kept about it."""
    token = place.sandbox.token.encode()
    seen = 0
    with running(place, "sync", *options) as command:
        while command.process.poll() is None:
            lines = [*command_lines()]
            assert not [line for line in lines if token in line]
            seen += sum(b"deployer\0sync" in line for line in lines)
        ended = command.ended()
    assert seen
    for asked in (("history", "--json"), ("status", "--json"), ("config",)):
        answer = place.run(*asked)
        assert place.sandbox.token not in answer.out + answer.err, asked
    return ended.status


def files_that_hold_the_token(place: Project) -> list[str]:
    """Below everything there is: outputs, state, runtime, home, repository, and the account's disk."""
    token = place.sandbox.token.encode()
    return [
        str(file.relative_to(place.folder))
        for file in sorted(place.folder.rglob("*"))
        if file.is_file() and token in file.read_bytes()
    ]


SANDBOX_ONLY = ["platform/token"]
"""Where the sandbox itself keeps it."""


@pytest.mark.parametrize("options", [(), ("--json", "--verbose")], ids=["plain", "as told as can be"])
def test_a_deployment_leaves_the_token_nowhere(place: Project, options: tuple[str, ...]) -> None:
    status = sync(place, *options)

    assert status == 0
    assert files_that_hold_the_token(place) == SANDBOX_ONLY


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [("status", 401, 7), ("status", 500, 8), ("html", 200, 8)],
    ids=["401", "500 with a debugging page", "a login page"],
)
def test_a_platform_that_quotes_the_request_makes_nobody_write_the_token_down(
    place: Project, kind: EffectKind, code: int, status: int
) -> None:
    effect = Effect(kind=kind, status=code, html=quoting(place.sandbox.token))
    place.sandbox.faults.add(Fault(effect=effect, method="POST", path="/webapps/$"))

    ended = sync(place, "--json", "--verbose")

    assert ended == status
    assert "Trouble" in (place.folder / "command.out").read_text()
    assert files_that_hold_the_token(place) == SANDBOX_ONLY


def test_a_token_that_the_platform_refuses_is_not_repeated(place: Project) -> None:
    detail = {"detail": f"Invalid token {place.sandbox.token}."}
    place.sandbox.faults.add(Fault(effect=Effect(kind="status", status=401, json=detail)))

    assert sync(place) == 7

    assert files_that_hold_the_token(place) == SANDBOX_ONLY


def test_a_site_that_writes_its_token_into_its_log_is_quoted_without_it(place: Project) -> None:
    """The platform gives sites the token in their environment, and a failing site's words are shown."""
    place.commit({"wsgi.py": TELLS_ITS_TOKEN})

    ended = sync(place, "--json")

    assert ended == 5
    assert "the token is ***" in (place.folder / "command.out").read_text()
    assert files_that_hold_the_token(place) == [
        *SANDBOX_ONLY,
        "platform/var/log/alice.pythonanywhere.com.error.log",
    ]
