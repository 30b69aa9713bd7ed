"""What really answers and really calls: the facts that the table of docs/api.md is compared with."""

import ast
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

from deployer.errors import ApiError
from deployer.pythonanywhere import Budget, PythonAnywhere, RequestDone
from deployer.pythonanywhere.endpoints import VERSION_1
from deployer.pythonanywhere.family import Family
from deployer.sandbox.families import ENDPOINTS
from deployer.secret import Secret
from tests.docs_blocks import TOP, rows
from tests.pythonanywhere.scripted_server import ScriptedServer, answer

TESTS = TOP / "tests"
FAMILIES = TOP / "deployer" / "sandbox" / "families"


class Row(NamedTuple):
    """One line of the table, its cells as they stand there."""

    endpoint: str
    method: str
    client: str
    sandbox: str
    test: str
    confidence: str
    note: str


class Route(NamedTuple):
    endpoint: str
    """As in the table: with its final slash, and with its version where that is not v0."""
    method: str


def documented() -> list[Row]:
    return [Row(*row) for row in rows("docs/api.md", "## Endpoints")]


def sandbox_routes() -> Mapping[Route, str]:
    """Each call that the sandbox answers, with the module of its families that does."""
    return {
        Route(_named(endpoint.name, endpoint.version), method): f"{handler.__module__.rpartition('.')[2]}.py"
        for endpoint in ENDPOINTS
        for method, handler in endpoint.handlers.items()
    }


def client_routes(directory: Path) -> Mapping[str, Route]:
    """Each method of the client with what it sends first: all are called, on a server that refuses."""
    sent: list[RequestDone] = []
    found: dict[str, Route] = {}
    with ScriptedServer(answer(404, b'{"detail":"Not found."}')) as server:
        budget = Budget(host=server.host, username="alice", requests_per_minute=0, directory=directory)
        with PythonAnywhere(
            host=server.host, username="alice", token=Secret("none"), budget=budget, on_request=sent.append
        ) as account:
            for name, method in _methods(account):
                sent.clear()
                try:
                    result = method(**_arguments(method))
                    if isinstance(result, Iterator):
                        next(result)
                except ApiError:
                    pass
                version = "v1" if sent[0].endpoint in VERSION_1 else "v0"
                found[name] = Route(_named(_pattern(sent[0].endpoint), version), sent[0].method)
        budget.close()
    return found


def calls_in(test: str) -> set[str]:
    """The client's methods that a test file names, such as "files.write", and "cpu"."""
    tree = ast.parse((TESTS / test).read_text(encoding="utf-8"))
    names = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return {".".join(name.split(".")[1:]) for name in names}


def uses_a_sandbox(test: str) -> bool:
    return "sandbox" in (TESTS / test).read_text(encoding="utf-8")


def _methods(account: PythonAnywhere) -> Iterator[tuple[str, Any]]:
    yield "cpu", account.cpu
    for name, family in vars(account).items():
        if isinstance(family, Family) and not name.startswith("_"):
            for method in vars(type(family)):
                if not method.startswith("_"):
                    yield f"{name}.{method}", getattr(family, method)


def _arguments(method: Any) -> dict[str, Any]:
    """Something of the right type for each argument that has to be given."""
    known: dict[Any, Any] = {int: 7, str: "/x", bool: True, Secret: Secret("key")}
    hints = get_type_hints(method)
    return {
        name: known.get(hints[name], b"x" if name == "content" else "/x")
        for name, parameter in inspect.signature(method).parameters.items()
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
    }


def _named(pattern: str, version: str) -> str:
    return pattern if version == "v0" else f"{pattern} ({version})"


def _pattern(endpoint: str) -> str:
    """As the sandbox spells it: only a file's address has no slash of its own."""
    return "files/path{path}" if endpoint == "files/path" else f"{endpoint}/"
