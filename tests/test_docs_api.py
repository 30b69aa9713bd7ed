"""The table of docs/api.md cannot lie: all of it but confidence and note is compared with the code."""

import re
from pathlib import Path

import pytest

from tests.docs_api import (
    FAMILIES,
    TESTS,
    Route,
    Row,
    calls_in,
    client_routes,
    documented,
    sandbox_routes,
    uses_a_sandbox,
)
from tests.docs_blocks import read


def route(row: Row) -> Route:
    return Route(row.endpoint, row.method)


def test_it_names_every_call_that_the_sandbox_answers_and_no_other() -> None:
    routes = [route(row) for row in documented()]
    assert sorted(routes) == sorted(sandbox_routes())


def test_it_says_where_the_sandbox_has_each_call() -> None:
    answered = sandbox_routes()
    for row in documented():
        assert row.sandbox == answered[route(row)], row
        assert (FAMILIES / row.sandbox).is_file(), row


def test_it_names_every_method_of_the_client_at_the_call_that_it_makes(tmp_path: Path) -> None:
    made = client_routes(tmp_path)
    told = {name: route(row) for row in documented() for name in row.client.split(", ")}
    assert told == made


@pytest.mark.parametrize("row", documented(), ids=lambda row: f"{row.method} {row.endpoint}")
def test_the_test_that_it_names_makes_the_call_to_a_sandbox(row: Row) -> None:
    assert (TESTS / row.test).is_file()
    assert uses_a_sandbox(row.test)
    assert set(row.client.split(", ")) <= calls_in(row.test)


def test_its_words_for_confidence_are_explained() -> None:
    explained = re.findall(r"^- \*\*(\w+)\*\*:", read("docs/api.md"), re.MULTILINE)
    assert {row.confidence for row in documented()} == set(explained)


def test_what_is_said_to_be_missing_is_missing() -> None:
    missing = re.search(
        r"^Not there, neither in the client nor in the sandbox: (.*)\.$", read("docs/api.md"), re.MULTILINE
    )
    assert missing
    patterns = re.findall(r"`([^`]+/)`", missing[1])
    assert patterns
    assert not set(patterns) & {row.endpoint.partition(" ")[0] for row in documented()}
    assert not set(patterns) & {endpoint.partition(" ")[0] for endpoint, _ in sandbox_routes()}
