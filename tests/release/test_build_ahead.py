"""A release is built before it is served, and whatever starts the site meanwhile serves what was live."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.release.server import Server, names_in, version
from tests.release.test_switch import PYTHONS


@pytest.fixture
def live(tmp_path: Path) -> Server:
    """With release `one` live."""
    server = Server(tmp_path)
    server.send(version("one", a="1"))
    assert server.page() == "one one"
    server.confirm()
    return server


def build(server: Server, *arguments: str) -> tuple[int, dict[str, Any]]:
    command = [server.python, str(server.wsgi), "build", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    said: dict[str, Any] = json.loads(run.stdout) if run.stdout else {}
    return run.returncode, said


def unhold(server: Server) -> None:
    server.record["pending"]["release"]["held"] = False
    server.write_record()


@pytest.mark.parametrize("minor", list(PYTHONS))
def test_it_is_there_whole_and_the_site_stays_as_it_was_until_the_order_is_in_force(
    live: Server, minor: str
) -> None:
    live.python = PYTHONS[minor]
    before = live.live
    two = live.send(version("two", a="1"), base=before, held=True)

    assert build(live, two) == (0, {"release": two})
    assert names_in(live.target / "releases" / two) == {"wsgi.py", "version.py", "page.txt", "a"}
    assert live.page() == "one one"
    assert live.live == before

    assert build(live, two) == (0, {"release": two})
    unhold(live)
    assert live.page() == "two two"


def test_what_is_built_and_not_served_yet_is_not_tidied_away(live: Server) -> None:
    live.record["release"]["kept"] = []
    two = live.send(version("two", a="1"), base=live.live, held=True)
    build(live, two)

    assert live.page() == "one one"
    assert (live.target / "releases" / two / "version.py").exists()


def test_an_order_that_is_held_leaves_a_site_without_releases_as_it_was(tmp_path: Path) -> None:
    server = Server(tmp_path)
    (server.folder / "former.py").write_text("def application(environ, start_response): return [b'flat']")
    one = server.send(version("one"), former="former.py", held=True)

    assert server.page() == "flat"
    assert build(server, one)[0] == 0
    assert server.page() == "flat"
    assert server.live is None


def test_what_cannot_be_built_is_told_with_its_kind(live: Server) -> None:
    live.wsgi.write_text(live.wsgi.read_text().replace("PATIENCE_S = 8.0", "PATIENCE_S = 0.2"))
    two = live.send(version("two", a="1"), base=live.live, held=True)
    live.archive(two).unlink()

    status, said = build(live, two)
    assert (status, said["error"]["kind"]) == (1, "no-archive")
    status, said = build(live, "another-0123456789ab")
    assert (status, said["error"]["kind"]) == (1, "order")
    assert build(live)[0] == 1
