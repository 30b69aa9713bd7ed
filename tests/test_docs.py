"""The documents are tried: every command, example, table and link of them. How: see `docs_blocks`."""

import ast
import difflib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

import deployer
from deployer.cli.main import app
from deployer.config import load_machine, load_site
from deployer.errors import ExitStatus
from deployer.pythonanywhere import PythonAnywhere
from deployer.sandbox.families import ENDPOINTS
from deployer.secret import Secret
from tests.docs_blocks import DOCUMENTS, FILES, KINDS, TOP, Part, anchors, blocks, links, read, rows, tables, typed
from tests.docs_tables import TABLES, commands, rendered
from tests.docs_terminal import normal, terminal

PACKAGE = Path(deployer.__file__).parent
ALL_BLOCKS = [part for document in DOCUMENTS for part in blocks(document)]
LEVELS = ("debug", "info", "warning", "error")


def at(part: Part) -> str:
    return f"{part.document}:{part.line}"


def of_kind(*kinds: str) -> list[Part]:
    return [part for part in ALL_BLOCKS if part.name in kinds]


def documents_with(*kinds: str) -> list[str]:
    return sorted({part.document for part in of_kind(*kinds)})


@pytest.mark.parametrize("document", documents_with("console"))
def test_commands_answer_as_shown(document: str, tmp_path: Path) -> None:
    sessions = [part for part in of_kind("console", "console background") if part.document == document]
    with terminal(tmp_path) as session:
        for part in sessions:
            tried = list(session.answers(part))
            for (each, answer), (after, _) in pairwise([*tried, (None, None)]):
                told = after is not None and after.command.startswith("echo $?")
                wanted, found = normal(each.answer).splitlines(), normal(answer.text).splitlines()
                difference = "\n".join(difflib.unified_diff(wanted, found, "document", "now", lineterm=""))
                assert not difference, f"{at(part)}: $ {each.command}\n{difference}"
                assert answer.status == 0 or told, f"{at(part)}: {each.command} ended with {answer.status}"


@pytest.mark.parametrize("document", documents_with("pycon"))
def test_python_answers_as_shown(document: str, tmp_path: Path) -> None:
    examples = "\n".join(part.text for part in of_kind("pycon") if part.document == document)
    (tmp_path / "examples.txt").write_text(examples)
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-m", "doctest", "examples.txt"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "DEPLOYER_RUNTIME_DIR": str(tmp_path / "run")},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert ended.returncode == 0, f"{document}\n{ended.stdout}{ended.stderr}"


@pytest.mark.parametrize("part", of_kind("console make"), ids=at)
def test_make_knows_what_is_to_be_typed(part: Part) -> None:
    for each in typed(part.text):
        make, *targets = shlex.split(each.command)
        planned = subprocess.run(
            [make, "--dry-run", *targets], cwd=TOP, capture_output=True, text=True, check=False
        )
        assert planned.returncode == 0, planned.stderr


@pytest.mark.parametrize("part", of_kind("toml pythonanywhere.toml"), ids=at)
def test_a_site_file_that_is_shown_can_be_used(part: Part) -> None:
    load_site(part.text.encode(), at(part), username="alice", host="https://www.pythonanywhere.com")


@pytest.mark.parametrize("part", of_kind("toml deployer.toml"), ids=at)
def test_a_machine_file_that_is_shown_can_be_used(part: Part, tmp_path: Path) -> None:
    file = tmp_path / "deployer.toml"
    file.write_text(part.text)
    assert load_machine(file).sites


@pytest.mark.parametrize("part", [p for p in ALL_BLOCKS if p.name.split()[0] in {"ini", "sh"}], ids=at)
def test_an_excerpt_stands_in_its_file(part: Part) -> None:
    there = iter((TOP / part.name.split()[1]).read_text(encoding="utf-8").splitlines())
    for line in part.text.splitlines():
        assert any(line == other.removeprefix("#   ") for other in there), f"{at(part)}: {line}"


def test_every_block_is_of_a_kind_that_is_tried() -> None:
    for part in ALL_BLOCKS:
        assert part.name in KINDS or part.name.split()[0] in FILES, f"{at(part)}: ```{part.name}"
    for part in of_kind("text"):
        assert not list(typed(part.text)), f"{at(part)}: a drawing with a command in it"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_tables_made_from_the_code_are_up_to_date(document: str) -> None:
    """Else: python -m tests.docs_refresh"""
    for part in tables(document):
        assert part.text == rendered(part.name), at(part)


def test_every_table_stands_somewhere() -> None:
    assert sorted(part.name for document in DOCUMENTS for part in tables(document)) == sorted(TABLES)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    for target in links(document):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        file = (TOP / document).parent / path if path else TOP / document
        assert file.exists(), f"{document}: {target}"
        if anchor:
            assert anchor in anchors(str(file.resolve().relative_to(TOP))), f"{document}: {target}"


def test_every_document_is_linked_from_the_readme() -> None:
    linked = {target.partition("#")[0] for target in links("README.md")}
    assert {document for document in DOCUMENTS if document != "README.md"} <= linked


def test_help_and_readme_name_the_same_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        app(["--help"])
    listed = re.findall(r"^  (\w[\w-]*)  ", capsys.readouterr().out.partition("Commands:")[2], re.MULTILINE)
    table = [re.search(r"deployer ([\w-]+)", row[0]) for row in rows("README.md", "## Commands")]
    assert [found[1] for found in table if found] == listed


def test_what_is_said_to_be_missing_is_missing() -> None:
    missing = re.search(r"^Not there yet: (.*)\.$", read("README.md"), re.MULTILINE)
    assert missing
    assert not set(re.findall(r"deployer ([\w-]+)", missing[1])) & set(commands())


def test_the_exit_statuses_are_those_of_the_code() -> None:
    assert [int(row[0]) for row in rows("README.md", "## Exit statuses")] == sorted(ExitStatus)


def test_the_environment_variables_are_those_of_the_code() -> None:
    documented = {name for row in rows("docs/configuration.md", "## Environment") for name in row[0].split(", ")}
    asked = re.compile(r"""environ(?:ment)?(?:\.get\(|\[)["'](\w+)["']""")
    code = [path for path in PACKAGE.rglob("*.py") if not {"sandbox", "example_site"} & set(path.parts)]
    used = {name for path in code for name in asked.findall(path.read_text(encoding="utf-8"))}
    assert documented == {name for name in used if not name.startswith("GIT_")}


Event = tuple[frozenset[str], frozenset[str]]
"""Levels and fields."""


@cache
def events_in_code() -> Mapping[str, Event]:
    """What each event that the code logs can carry, over all places that log it; the sandbox has its own."""
    found: dict[str, Event] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        if "sandbox" in path.relative_to(PACKAGE).parts:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        spoken = _names_for_log(tree)
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            levels = _levels(call.func) or spoken.get(getattr(call.func, "id", ""), frozenset())
            if levels:
                assert isinstance(call.args[0], ast.Constant), f"{path.name}:{call.lineno}"
                name = str(call.args[0].value)
                before = found.get(name, (frozenset(), frozenset()))
                fields = frozenset(keyword.arg or "**" for keyword in call.keywords)
                found[name] = (before[0] | levels, before[1] | fields)
    return found


def _names_for_log(tree: ast.Module) -> Mapping[str, frozenset[str]]:
    """Variables that stand for `log.info if … else log.warning`."""
    return {
        target.id: _levels(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.IfExp)
        for target in node.targets
        if isinstance(target, ast.Name) and _levels(node.value)
    }


def _levels(node: ast.expr) -> frozenset[str]:
    if isinstance(node, ast.IfExp):
        return _levels(node.body) | _levels(node.orelse)
    is_log = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "log"
    return frozenset({node.attr} & set(LEVELS)) if is_log and isinstance(node, ast.Attribute) else frozenset()


def test_the_events_are_those_of_the_code() -> None:
    documented = {
        row[0]: (frozenset(row[1].split(", ")), frozenset(filter(None, row[2].split(", "))))
        for row in rows("docs/events.md", "## Events")
    }
    assert documented == events_in_code()


def _documented_calls() -> Iterator[tuple[str, str, str]]:
    """Endpoint, method and the client's method for it, as docs/api.md has them."""
    for row in rows("docs/api.md", "## Endpoints"):
        yield row[0], row[1], row[2]


def test_the_api_table_names_every_call_that_the_sandbox_answers() -> None:
    answered = {(endpoint.name, method) for endpoint in ENDPOINTS for method in endpoint.handlers}
    assert {(endpoint, method) for endpoint, method, _ in _documented_calls()} == answered


def test_the_api_table_names_every_method_of_the_client_and_no_other(tmp_path: Path) -> None:
    names = {call for _, _, listed in _documented_calls() for call in listed.split(", ") if call != "-"}
    os.environ["DEPLOYER_RUNTIME_DIR"] = str(tmp_path)
    with PythonAnywhere(host="http://127.0.0.1:9", username="alice", token=Secret("none")) as account:
        families = {
            name: family for name, family in vars(account).items() if type(family).__base__.__name__ == "Family"
        }
        there = {
            f"{name}.{method}"
            for name, family in families.items()
            if not name.startswith("_")
            for method in vars(type(family))
            if not method.startswith("_")
        }
    assert names == there | {"cpu"}
