"""The documents are tried: every command, example, table and link of them. How: see `docs_blocks`."""

import ast
import difflib
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

import deployer
from deployer.cli.main import app
from deployer.config import load_machine, load_site, passwords
from deployer.errors import ExitStatus
from deployer.model.actions import Reload, UpdateFile
from deployer.model.deployment import Status
from deployer.model.files import FileEntry
from deployer.model.manifest import Manifest
from deployer.model.plan import Plan
from deployer.pythonanywhere import REQUESTS_PER_MINUTE
from tests.docs_blocks import (
    DOCUMENTS,
    FILES,
    KINDS,
    TOP,
    Part,
    anchors,
    blocks,
    links,
    rows,
    tables,
    typed,
)
from tests.docs_tables import TABLES, rendered
from tests.docs_terminal import agrees, normal, terminal
from tests.planning.servers import plan_on
from tests.planning.sites import entry, manifest, site
from tests.test_layers import LAYERS

PACKAGE = Path(deployer.__file__).parent
ALL_BLOCKS = [part for document in DOCUMENTS for part in blocks(document)]
LEVELS = {level: level for level in ("debug", "info", "warning", "error")} | {"exception": "error"}
"""The logger's method -> the level that its events have."""


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
            following = [each.command for each, _ in tried[1:]]
            for (each, answer), after in zip(tried, [*following, ""], strict=True):
                wanted, found = normal(each.answer).splitlines(), normal(answer.text).splitlines()
                difference = "\n".join(difflib.unified_diff(wanted, found, "document", "now", lineterm=""))
                as_shown = agrees(each.answer, answer.text)
                assert as_shown, f"{at(part)}: $ {each.command}\n{difference}"
                told = after.startswith("echo $?")
                assert answer.status == 0 or told, f"{at(part)}: {each.command} ended with {answer.status}"


@pytest.mark.parametrize("document", documents_with("pycon"))
def test_python_answers_as_shown(document: str, tmp_path: Path) -> None:
    examples = "\n".join(part.text for part in of_kind("pycon") if part.document == document)
    (tmp_path / "examples.txt").write_text(examples)
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-m", "doctest", "examples.txt"],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "DEPLOYER_RUNTIME_DIR": str(tmp_path / "run"),
        },
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
    """Else: python -m tests.docs_refresh."""
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


def test_the_exit_statuses_are_those_of_the_code() -> None:
    assert [int(row[0]) for row in rows("README.md", "## Exit statuses")] == sorted(ExitStatus)


def test_the_environment_variables_are_those_of_the_code() -> None:
    documented = {
        name for row in rows("docs/configuration.md", "## Environment") for name in row[0].split(", ")
    }
    elsewhere = {"sandbox", "example_site", "switch.py", "on_server.py"}  # the last two run on the server
    code = [path for path in PACKAGE.rglob("*.py") if not elsewhere & set(path.parts)]
    sources = [path.read_text(encoding="utf-8") for path in code]
    calls = (node for text in sources for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
    given = {argument.value for call in calls for argument in call.args if isinstance(argument, ast.Constant)}
    given |= {passwords.SITE_PASSWORD}
    variables = {name for name in map(str, given) if re.fullmatch(r"[A-Z]+(_[A-Z]+)+", name)}
    assert documented == {name for name in variables if not name.startswith("GIT_")}


def test_the_layers_are_those_that_are_kept() -> None:
    drawn = {room: int(row[0]) for row in rows("docs/design.md", "## Layers") for room in row[1].split(", ")}
    assert drawn == LAYERS


def test_the_manifest_has_the_keys_that_are_described() -> None:
    described = [row[0] for row in rows("docs/design.md", "## The manifest")]
    assert described == list(json.loads(Manifest.nothing(site()).dump()))


@pytest.mark.parametrize("row", rows("docs/design.md", "## The decision for one file"), ids=" ".join)
def test_the_planner_decides_as_the_table_says(row: list[str]) -> None:
    beside = {"beside": entry("beside")}

    def holding(content: str) -> dict[str, FileEntry]:
        return beside if content in {"-", "folder"} else {**beside, "path": entry(content)}

    recorded, commit, server, does, _ = row
    plan = plan_on(
        holding(server) if server != "folder" else {**beside, "path/other": entry("other")},
        site(),
        manifest(holding(recorded)),
        holding(commit),
    ).plan
    told = ["refused"] if plan.refusals else [action.kind for action in plan.steps]
    assert (told or ["nothing"]) == [does]


@pytest.mark.parametrize("row", rows("docs/operations.md", "## Limits"), ids=lambda row: row[0])
def test_the_cost_of_a_deployment_is_as_told(row: list[str]) -> None:
    """Two requests look; the rest is the plan's own count."""
    number = {"nothing changed": 0, "one file changed": 1, "100 files": 100, "1,000 files": 1000}[row[0]]
    files = [
        UpdateFile(subject=f"/{each}", path=str(each), entry=entry("x"), reason="") for each in range(number)
    ]
    actions = (*files, Reload(subject="site", reason="")) if files else ()
    plan = Plan(domain="site", commit="c", base=None, actions=actions)
    time = plan.seconds_under_limit(REQUESTS_PER_MINUTE)
    assert row[1:] == [f"{2 + sum(plan.requests.values()):,}", f"{time / 60:.0f} minutes" if time else "none"]


Event = tuple[frozenset[str], frozenset[str]]
"""Levels and fields."""


@cache
def events_in_code() -> Mapping[str, Event]:
    """What each event that the code logs can carry, over all places that log it; the sandbox has its own."""
    found: dict[str, Event] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        if "sandbox" in path.relative_to(PACKAGE).parts:
            continue
        functions = [
            node
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        for name, levels, fields in (event for function in functions for event in _logged(function)):
            before = found.get(name, (frozenset(), frozenset()))
            found[name] = (before[0] | levels, before[1] | fields)
    return found


def _logged(
    function: ast.FunctionDef | ast.AsyncFunctionDef,
) -> Iterator[tuple[str, frozenset[str], frozenset[str]]]:
    """Name, levels and fields of each event; `say = log.info if ... else log.warning` counts, too."""
    spoken = {
        target.id: _levels(node.value)
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
        levels = _levels(call.func) or spoken.get(getattr(call.func, "id", ""), frozenset())
        if levels:
            assert isinstance(call.args[0], ast.Constant), ast.unparse(call)
            fields = frozenset(keyword.arg or "**" for keyword in call.keywords)
            yield str(call.args[0].value), levels, fields


def _levels(node: ast.expr) -> frozenset[str]:
    if isinstance(node, ast.IfExp):
        return _levels(node.body) | _levels(node.orelse)
    match node:
        case ast.Attribute(value=ast.Name(id="log"), attr=level) if level in LEVELS:
            return frozenset({LEVELS[level]})
    return frozenset()


def test_the_events_are_those_of_the_code() -> None:
    documented = {
        row[0]: (frozenset(row[1].split(", ")), frozenset(filter(None, row[2].split(", "))))
        for heading in ("## Events of a deployment", "## Events of the daemon")
        for row in rows("docs/events.md", heading)
    }
    assert documented == events_in_code()


def test_the_words_of_the_history_are_those_of_the_code() -> None:
    assert [row[0] for row in rows("docs/events.md", "## The words of the history")] == list(Status)
