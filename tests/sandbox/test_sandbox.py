"""The sandbox as a whole: what survives it, how it starts and ends, and what it keeps away from."""

import ast
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

import deployer.sandbox
from deployer.sandbox import Sandbox, SandboxOptions, Switches
from deployer.sandbox.server import DataFolderInUseError
from tests.sandbox.client import DOMAIN, Client
from tests.sandbox.conftest import Start

SERVE = """
from pathlib import Path
from deployer.sandbox import SandboxOptions, serve
serve(SandboxOptions(data=Path({data!r}), token={token!r}))
"""


def fill(api: Client) -> None:
    api.create_webapp()
    api.post(f"webapps/{DOMAIN}/static_files/", json={"url": "/s/", "path": "/home/alice"})
    api.post("schedule/", json={"command": "true", "interval": "daily", "hour": 1, "minute": 1})
    api.upload("/home/alice/d/file", b"kept")


def state(api: Client) -> list[object]:
    places = ["webapps/", f"webapps/{DOMAIN}/static_files/", "schedule/"]
    return [*(api.get(place).json() for place in places), api.get("files/path/home/alice/d/file").content]


def test_everything_survives_a_restart_and_numbers_are_not_used_again(start: Start) -> None:
    first = start()
    fill(first)
    before = state(first)
    task = first.get("schedule/").json()[0]
    first.sandbox.close()
    second = start()
    assert state(second) == before
    assert second.sandbox.disk.used_bytes == first.sandbox.disk.used_bytes
    site = second.session.get(f"{second.sandbox.url}/", headers={"Host": DOMAIN})
    assert "Hello" in site.text
    second.delete(f"schedule/{task['id']}/")
    again = second.post("schedule/", json={**task, "expiry": None}).json()
    assert again["id"] > task["id"]


def test_everything_survives_sigkill_and_the_lock_does_not(start: Start, tmp_path: Path) -> None:
    with serving(tmp_path / "data") as process:
        url = address(process)
        headers = {"Authorization": "Token secret"}
        for number in range(20):
            requests.post(
                f"{url}/api/v0/user/alice/files/path/home/alice/{number}",
                files={"content": ("x", b"x" * number)},
                headers=headers,
                timeout=10,
            )
        data = {"domain_name": DOMAIN, "python_version": "python311"}
        requests.post(f"{url}/api/v0/user/alice/webapps/", data=data, headers=headers, timeout=10)
        process.kill()
        process.wait(10)
    api = start(token="secret")
    assert api.get("webapps/").json()[0]["domain_name"] == DOMAIN
    assert api.get("files/path/home/alice/19").content == b"x" * 19


def serving(data: Path) -> subprocess.Popen[str]:
    code = SERVE.format(data=str(data), token="secret")
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def address(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    for line in process.stdout:
        if "address" in line:
            return line.split()[1]
    raise AssertionError("the sandbox ended before it said its address")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_says_what_it_is_logs_requests_and_ends_cleanly(tmp_path: Path, number: int) -> None:
    with serving(tmp_path) as process:
        url = address(process)
        requests.get(f"{url}/api/v0/user/alice/cpu/", headers={"Authorization": "Token x"}, timeout=10)
        process.send_signal(number)
        assert process.stdout
        output = process.stdout.read()  # what `address` has not: communicate() would lose the buffered part
        assert process.wait(10) == 0
    assert "user     alice" in output
    assert "secret" not in output
    assert f"http://{DOMAIN}.localhost:{url.rpartition(':')[2]}/ in a browser" in output
    assert "/api/v0/user/alice/cpu/" in output
    assert "401" in output


def test_two_sandboxes_cannot_share_a_data_folder(start: Start, tmp_path: Path) -> None:
    first = start()
    with pytest.raises(DataFolderInUseError, match="in use by another sandbox"):
        start()
    first.sandbox.close()
    assert start().get("cpu/").status_code == 200


@pytest.mark.parametrize(
    "content",
    [b"garbage" * 1000, b"SQLite format 3\0" + b"\xff" * 8000],
    ids=["another file", "a damaged one"],
)
def test_an_account_that_cannot_be_read_is_named_and_left_alone(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "account.sqlite3"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=f"{file} is not the account of a sandbox"):
        Sandbox(SandboxOptions(data=tmp_path))
    assert file.read_bytes() == content
    file.unlink()
    Sandbox(SandboxOptions(data=tmp_path)).close()


def test_a_database_damaged_inside_is_found_at_start(start: Start) -> None:
    first = start()
    fill(first)
    first.sandbox.close()
    file = first.sandbox.disk.data / "account.sqlite3"
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with pytest.raises(ValueError, match="or is damaged"):
        start()


def test_a_taken_port_is_an_error_that_leaves_the_data_folder_free(api: Client, tmp_path: Path) -> None:
    port = int(api.sandbox.url.rpartition(":")[2])
    options = SandboxOptions(data=tmp_path / "other", port=port)
    with pytest.raises(OSError, match="in use"):
        Sandbox(options)
    with Sandbox(SandboxOptions(data=tmp_path / "other")) as sandbox:
        assert sandbox.url


def test_starting_and_closing_take_a_moment_even_with_open_connections(start: Start) -> None:
    begun = time.monotonic()
    api = start()
    started = time.monotonic()
    api.get("cpu/")
    api.control("POST", "faults", json={"endpoint": "cpu/", "effect": {"kind": "stall"}})
    with api.raw("GET /api/v0/user/alice/cpu/ HTTP/1.1") as stalled, api.raw("GET / HTTP/1.1") as idle:
        assert idle.recv(10)
        closing = time.monotonic()
        api.sandbox.close()
        assert time.monotonic() - closing < 0.5
        assert stalled.recv(1) == b""
    assert started - begun < 0.5


def test_options_that_could_not_be_an_account_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="user"):
        SandboxOptions(data=tmp_path, user="../x")
    with pytest.raises(ValueError, match="token"):
        SandboxOptions(data=tmp_path, token="two words")
    with pytest.raises(ValueError, match="rate_limit"):
        Switches().changed({"rate_limit": "sometimes"})


def test_a_generated_token_is_readable_for_its_owner_only(api: Client) -> None:
    assert (api.sandbox.disk.data / "token").stat().st_mode & 0o077 == 0


def test_the_sandbox_imports_nothing_from_the_rest_of_the_package() -> None:
    """A misreading of the API could hide in both halves otherwise."""
    root = Path(deployer.sandbox.__file__).parent
    modules = list(root.rglob("*.py"))
    assert len(modules) > 20
    for module in modules:
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            for name in names:
                is_ours = name == "deployer" or name.startswith("deployer.")
                assert not is_ours or name.startswith("deployer.sandbox"), f"{module} imports {name}"


def test_reading_options_does_not_load_the_server() -> None:
    code = "import sys, deployer.sandbox.options; sys.exit(bool({'uvicorn', 'starlette'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
