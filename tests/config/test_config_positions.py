"""The lines of keys: found for whatever tomllib reads, and never an exception."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.config.notation import as_toml
from deployer.config.positions import KeyPath, key_lines, line_of, spell

TEXT = '''
title = """
[not.a.table]
x = 1 \\""" still text""""
b."dotted.key".c = [1, { d = 2, e = [ "]" ] }, # }
  3]

[[site]]
name = 'a#b'
[site.sub]
x = { y = { z = 1 }, 'w' = 1979-05-27 07:32:00 }
[[site]]
[[site.part]]
[site.part.deep]
"\\u00e9" = \'\'\'
k = 2\'\'\'
'''


def paths(value: Any, path: KeyPath = ()) -> set[KeyPath]:
    entries: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        entries = list(value.items())
    elif isinstance(value, list):
        entries = list(enumerate(value))
    found: set[KeyPath] = {(*path, key) for key, _ in entries}
    return found.union(*(paths(entry, (*path, key)) for key, entry in entries))


def test_every_way_to_write_a_key_has_its_line() -> None:
    lines = key_lines(TEXT)
    assert set(lines) == paths(tomllib.loads(TEXT))
    assert lines["title",] == 2
    assert lines["b", "dotted.key", "c"] == 5
    assert lines["b", "dotted.key", "c", 2] == 6
    assert lines["site", 0, "sub", "x", "w"] == 11
    assert lines["site", 1, "part", 0, "deep", "é"] == 15


def test_a_key_that_is_not_written_has_the_line_of_its_table() -> None:
    lines = key_lines("\n[app]\n")
    assert line_of(lines, ("app", "python")) == 2
    assert line_of(lines, ("files", "keep")) is None


@pytest.mark.parametrize(
    ("path", "spelled"),
    [(("task", 0, "at"), "task[0].at"), (("site", "my blog", "repo"), 'site."my blog".repo')],
)
def test_a_path_is_spelled_as_in_the_file(path: KeyPath, spelled: str) -> None:
    assert spell(path) == spelled


NOISE = st.text(alphabet="[]{}\"'\\=.,#\n\t ab1_-é", max_size=60)


@given(NOISE)
def test_no_text_is_too_strange(text: str) -> None:
    """Whatever tomllib accepts has the same keys here; whatever it refuses raises nothing."""
    lines = key_lines(text)
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(lines) == paths(value)


NAMES = st.text(max_size=6)
SCALARS = st.one_of(st.integers(), st.booleans(), st.text(max_size=12))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


def inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{as_toml(key)} = {inline(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[\n" + ",\n# ]\n".join(map(inline, value)) + "\n]"
    if isinstance(value, str) and "\\" not in as_toml(value):
        return f'"""\n{value}"""'
    return as_toml(value)


@given(st.dictionaries(NAMES, st.dictionaries(NAMES, VALUES, max_size=3), max_size=3), st.booleans())
def test_any_document_has_the_keys_that_tomllib_finds(
    tables: dict[str, dict[str, Any]], arrays: bool
) -> None:
    opening, closing = ("[[", "]]") if arrays else ("[", "]")
    text = "".join(
        f"{opening}{as_toml(name)}{closing}\n"
        + "".join(f"{as_toml(key)} = {inline(value)}\n" for key, value in table.items())
        for name, table in tables.items()
    )
    assert set(key_lines(text)) == paths(tomllib.loads(text))
