"""The published schemas and the annotated examples: up to date, and about every key."""

import json
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deployer.config.schema import SCHEMAS, write_schemas

FOLDER = Path(__file__).parents[2] / "config"
NAMES = sorted(SCHEMAS)


def tables(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "the file", schema
    yield from schema["$defs"].items()


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_is_up_to_date(name: str, tmp_path: Path) -> None:
    """Else: python -m deployer.config.schema config"""
    write_schemas(tmp_path)
    assert (FOLDER / name).read_text(encoding="utf-8") == (tmp_path / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_every_key_is_described_and_no_other_is_allowed(name: str) -> None:
    for table, schema in tables(json.loads((FOLDER / name).read_text(encoding="utf-8"))):
        assert schema["additionalProperties"] is False, table
        for key, described in schema["properties"].items():
            assert "description" in described or "$ref" in described or "items" in described, (table, key)
        assert "null" not in json.dumps(schema)


@pytest.mark.parametrize("name", NAMES)
def test_the_example_mentions_every_key(name: str) -> None:
    text = (FOLDER / name.replace(".schema.json", ".toml")).read_text(encoding="utf-8")
    for table, schema in tables(json.loads((FOLDER / name).read_text(encoding="utf-8"))):
        if table == "AppTable" and name.startswith("deployer"):
            continue  # the other file's, where the other example shows it
        for key in schema["properties"]:
            assert re.search(rf"(?m)(^|[\[{{, ]){key}( = |\]|\.)", text), (table, key)


KINDS = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
WORDS: dict[str, Callable[[Any, Any, dict[str, Any]], bool]] = {
    "$ref": lambda value, ref, root: fits(value, root["$defs"][ref.rsplit("/", 1)[-1]], root),
    "anyOf": lambda value, choices, root: any(fits(value, choice, root) for choice in choices),
    "oneOf": lambda value, choices, root: sum(fits(value, choice, root) for choice in choices) == 1,
    "enum": lambda value, choices, _: value in choices,
    "const": lambda value, only, _: value == only,
    "pattern": lambda value, pattern, _: re.search(pattern, value) is not None,
    "minLength": lambda value, least, _: len(value) >= least,
    "minimum": lambda value, least, _: value >= least,
    "maximum": lambda value, most, _: value <= most,
    "required": lambda value, keys, _: set(keys) <= set(value),
    "items": lambda value, item, root: all(fits(entry, item, root) for entry in value),
    "properties": lambda value, known, root: all(
        fits(value[key], part, root) for key, part in known.items() if key in value
    ),
    "patternProperties": lambda value, known, root: all(
        fits(entry, part, root)
        for key, entry in value.items()
        for pattern, part in known.items()
        if re.search(pattern, key)
    ),
}
TOLD = {"$schema", "$defs", "title", "description", "default", "examples", "additionalProperties", "type"}


def fits(value: Any, node: dict[str, Any], root: dict[str, Any]) -> bool:
    """The part of JSON Schema that ours use; any other word is an error, so that no check is lost unseen."""
    assert set(node) <= TOLD | set(WORDS), set(node) - TOLD - set(WORDS)
    if "type" in node and type(value) is not KINDS[node["type"]]:
        return False
    if node.get("additionalProperties") is False and not set(value) <= set(node["properties"]):
        return False
    return all(WORDS[word](value, said, root) for word, said in node.items() if word in WORDS)


@pytest.mark.parametrize("name", NAMES)
def test_the_example_fits_its_schema(name: str) -> None:
    schema = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    example = tomllib.loads((FOLDER / name.replace(".schema.json", ".toml")).read_text(encoding="utf-8"))
    assert fits(example, schema, schema)
    assert not fits({**example, "unknown": 1}, schema, schema)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pythonanywhere", '[app]\npython = "2.7"'),
        ("pythonanywhere", '[app]\nsource = "/srv"'),
        ("pythonanywhere", '[[task]]\nname = "a"\ncommand = "b"\nat = "25:00"'),
        ("pythonanywhere", "[health]\ntimeout = 30"),
        ("deployer", '[account.a]\nusername = "a"\ntoken = "clear"'),
        ("deployer", '[account.a]\nusername = "a"\ntoken = { env = "A", file = "b" }'),
        ("deployer", '[site.x]\naccount = "a"'),
        ("deployer", '[site.x]\naccount = "a"\nrepo = "r"\ntls = "yes"'),
    ],
)
def test_an_editor_would_mark_the_commonest_mistakes(name: str, text: str) -> None:
    schema = json.loads((FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))
    assert not fits(tomllib.loads(text), schema, schema)


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_within_the_schema_fit_it(name: str) -> None:
    root = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    for table, schema in tables(root):
        for key, described in schema["properties"].items():
            for example in described.get("examples", ()):
                assert fits(example, described, root), (table, key, example)
