"""What is wrong with a file, said in plain words: the key, its line, and what to write instead."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from deployer.config.notation import as_toml
from deployer.config.positions import KeyPath, line_of, spell
from deployer.config.values import Table


@dataclass(frozen=True, slots=True)
class Problem:
    """`message` continues the sentence that the key path begins."""

    path: KeyPath
    message: str

    def sentence(self, lines: Mapping[KeyPath, int]) -> str:
        line = line_of(lines, self.path)
        where = "" if line is None else f" (line {line})"
        return f"{spell(self.path)}{where}: {self.message}"


def sentences(problems: Sequence[Problem], lines: Mapping[KeyPath, int]) -> list[str]:
    """In the order of the file, so that one pass through it mends everything."""
    ordered = sorted(problems, key=lambda problem: line_of(lines, problem.path) or 0)
    return [problem.sentence(lines) for problem in ordered]


def tables(raw: Mapping[str, Any], name: str) -> list[tuple[KeyPath, Mapping[str, Any]]]:
    """The tables of an array of tables with their places; whatever else stands there is left out."""
    entries = raw.get(name)
    if not isinstance(entries, list):
        return []
    return [((name, index), entry) for index, entry in enumerate(entries) if isinstance(entry, dict)]


def named_tables(raw: Mapping[str, Any], name: str) -> list[tuple[KeyPath, Mapping[str, Any]]]:
    """As `tables`, of a table whose keys are names: [site.blog], [site.shop]."""
    entries = raw.get(name)
    if not isinstance(entries, dict):
        return []
    return [((name, key), entry) for key, entry in entries.items() if isinstance(entry, dict)]


def explained(error: ValidationError, model: type[Table]) -> Iterator[Problem]:
    """Each of pydantic's findings in the words of the file, without its jargon."""
    schema = model.model_json_schema()
    for details in error.errors(include_url=False):
        path = tuple(part for part in details["loc"] if part != "[key]")
        finding = _Finding(path, details["input"], details.get("ctx", {}), schema, model.misplaced)
        say = _WORDS.get(details["type"])
        yield Problem(path, say(finding) if say else details["msg"][:1].lower() + details["msg"][1:])


@dataclass(frozen=True, slots=True)
class _Finding:
    path: KeyPath
    value: object
    context: Mapping[str, Any]
    """What pydantic compared the value with."""
    schema: Mapping[str, Any]
    """The JSON schema of the whole file."""
    misplaced: Mapping[str, str]

    @property
    def kind(self) -> str:
        return _KINDS.get(type(self.value), "a date or time")

    @property
    def example(self) -> str:
        examples = _at(self.schema, self.path).get("examples") or ()
        return f", as in {self.path[-1]} = {as_toml(examples[0])}" if examples else ""


_KINDS: Mapping[type, str] = {
    bool: "true or false",
    str: "text",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "a table",
}


def _wants_list(finding: _Finding) -> str:
    items = _resolved(_at(finding.schema, finding.path).get("items", {}), finding.schema)
    if "properties" in items:
        name = finding.path[-1]
        return f"must be a list of tables, not {finding.kind}: write [[{name}]], with two brackets"
    return f"must be a list, not {finding.kind}{finding.example}"


def _wants_choice(finding: _Finding) -> str:
    choices = str(finding.context["expected"]).replace("'", '"')
    given = as_toml(finding.value) if isinstance(finding.value, str) else finding.kind
    return f"must be {choices}, not {given}"


def _unknown_key(finding: _Finding) -> str:
    *parents, last = finding.path
    table, name = tuple(parents), str(last)
    if not table and name in finding.misplaced:
        return finding.misplaced[name]
    here = sorted(_at(finding.schema, table).get("properties", {}))
    if near := get_close_matches(name, here, n=1):
        return f"unknown key; did you mean {spell((*table, near[0]))}?"
    if homes := [home for home in _tables_with(finding.schema, name) if home != table]:
        return f"unknown key here; did you mean {spell((*homes[0], name))}?"
    return f"unknown key; known here are {', '.join(here)}"


_WORDS: Mapping[str, Callable[[_Finding], str]] = {
    "value_error": lambda finding: str(finding.context["error"]),
    "extra_forbidden": _unknown_key,
    "missing": lambda finding: f"is missing{finding.example}",
    "string_type": lambda finding: f"must be text in quotes, not {finding.kind}{finding.example}",
    "string_too_short": lambda _: "must not be empty",
    "bool_type": lambda finding: f"must be true or false, without quotes, not {finding.kind}",
    "int_type": lambda finding: f"must be a whole number, without quotes, not {finding.kind}",
    "greater_than_equal": lambda finding: f"must be at least {finding.context['ge']}, not {finding.value}",
    "less_than_equal": lambda finding: f"must be at most {finding.context['le']}, not {finding.value}",
    "literal_error": _wants_choice,
    "tuple_type": _wants_list,
    "model_type": lambda finding: f"must be a table, not {finding.kind}",
    "mapping_type": lambda finding: f"must be a table, not {finding.kind}",
}
"""By the type of pydantic's error."""


def _tables_with(schema: Mapping[str, Any], name: str) -> Iterator[KeyPath]:
    """The top-level tables of the file that know the key."""
    for table in schema.get("properties", {}):
        entry = _at(schema, (table,))
        if name in entry.get("properties", {}):
            yield (table,)
        if name in _resolved(entry.get("items", {}), schema).get("properties", {}):
            yield (f"{table}", 0)


def _at(schema: Mapping[str, Any], path: KeyPath) -> Mapping[str, Any]:
    """The part of the JSON schema that describes a key; empty where it describes none."""
    node = _resolved(schema, schema)
    for part in path:
        if isinstance(part, int):
            node = node.get("items", {})
        else:
            by_name = [*node.get("patternProperties", {}).values(), {}]
            node = node.get("properties", {}).get(part) or by_name[0]
        node = _resolved(node, schema)
    return node


def _resolved(node: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema behind a reference or an optional value."""
    for choice in node.get("anyOf", ()):
        if choice.get("type") != "null":
            node = {**_resolved(choice, schema), **node}
    if "$ref" in node:
        node = {**schema["$defs"][node["$ref"].rsplit("/", 1)[-1]], **node}
    return node
