"""A started sandbox and a client of it; every test talks real HTTP."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deployer.sandbox import Sandbox, SandboxOptions
from tests.sandbox.client import Client

Start = Callable[..., Client]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a sandbox with options of one's own, on one data folder."""
    clients: list[Client] = []

    def starting(**options: Any) -> Client:
        client = Client(Sandbox(replace(SandboxOptions(data=tmp_path / "data"), **options)))
        clients.append(client)
        return client

    yield starting
    for client in clients:
        client.session.close()
        client.sandbox.close()


@pytest.fixture
def api(start: Start) -> Client:
    """A sandbox as it comes."""
    return start()
