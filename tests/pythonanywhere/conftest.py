"""A whole account for the tests of the client, and clients of any other server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployer.pythonanywhere import Budget, PythonAnywhere
from deployer.sandbox import Sandbox, SandboxOptions, Switches
from deployer.secret import Secret
from tests.pythonanywhere.names import DOMAIN, TOKEN, Connect, Free


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    switches = Switches(rate_limit="off")
    with Sandbox(SandboxOptions(data=tmp_path / "data", plan="paid", switches=switches)) as sandbox:
        yield sandbox


@pytest.fixture
def budget(sandbox: Sandbox, tmp_path: Path) -> Iterator[Budget]:
    budget = Budget(host=sandbox.url, username="alice", requests_per_minute=0, directory=tmp_path)
    yield budget
    budget.close()


@pytest.fixture
def account(sandbox: Sandbox, budget: Budget) -> Iterator[PythonAnywhere]:
    token = Secret(sandbox.token)
    with PythonAnywhere(host=sandbox.url, username="alice", token=token, budget=budget) as account:
        yield account


@pytest.fixture
def domain(account: PythonAnywhere) -> str:
    account.webapps.create(DOMAIN, "3.12")
    return DOMAIN


@pytest.fixture
def free(tmp_path: Path) -> Iterator[Free]:
    """A free account, with its sandbox."""
    options = SandboxOptions(data=tmp_path / "free", plan="free", switches=Switches(rate_limit="off"))
    with Sandbox(options) as sandbox:
        budget = Budget(host=sandbox.url, username="alice", requests_per_minute=0, directory=tmp_path)
        token = Secret(sandbox.token)
        with PythonAnywhere(host=sandbox.url, username="alice", token=token, budget=budget) as account:
            yield Free(sandbox, account)
        budget.close()


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Connect]:
    """Clients of the given server, closed at the end; by default they try everything once only."""
    made: list[PythonAnywhere] = []

    def to(host: str, **options: Any) -> PythonAnywhere:
        budget = Budget(host=host, username="alice", requests_per_minute=0, directory=tmp_path)
        settings: dict[str, Any] = {
            "username": "alice",
            "token": Secret(TOKEN),
            "budget": budget,
            "patience_s": 0.0,
        }
        made.append(PythonAnywhere(host=host, **(settings | options)))
        return made[-1]

    yield to
    for client in made:
        client.close()
        client.budget.close()
