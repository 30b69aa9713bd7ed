"""From the bytes of a file to its model, or to everything that is wrong with it at once."""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from deployer.config.positions import KeyPath, key_lines
from deployer.config.problems import Problem, explained
from deployer.config.values import Table
from deployer.errors import ConfigError

Model = TypeVar("Model", bound=Table)
Rules = Callable[[Mapping[str, Any]], Iterable[Problem]]


@dataclass(frozen=True, slots=True)
class Document(Generic[Model]):
    """A file that is TOML: what it holds, where it holds it, and what is wrong with it."""

    raw: Mapping[str, Any]
    lines: Mapping[KeyPath, int]
    model: Model | None
    """None when a single key is not what it should be."""
    problems: tuple[Problem, ...]


def read_document(data: bytes, source: str, model: type[Model], rules: Rules) -> Document[Model]:
    """Raises ConfigError where the file is not even TOML: then nothing else can be said of it."""
    text = _decoded(data, source)
    raw = _parsed(text, source)
    problems: list[Problem] = []
    value = None
    try:
        value = model.model_validate(raw)
    except ValidationError as error:
        problems += explained(error, model)
    problems += rules(raw)
    return Document(raw, key_lines(text), value, tuple(problems))


def _decoded(data: bytes, source: str) -> str:
    """Takes the byte order mark that Windows editors write."""
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = f"line {line}: is not UTF-8 text (byte 0x{data[error.start]:02x})"
        raise ConfigError(source, [problem], hint="Save the file as UTF-8.") from None


def _parsed(text: str, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ConfigError(source, ["is nested too deeply"]) from None
    except ValueError as error:
        raise ConfigError(source, [_syntax(str(error), text)]) from None


def _syntax(message: str, text: str) -> str:
    """The message of tomllib with the place first. The line itself is not shown: a token may stand in it."""
    found = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", message, re.DOTALL)
    if found is None:
        return f"is not TOML: {message}"
    last = text.rstrip("\n").count("\n") + 1
    place = f"line {found[2]}, column {found[3]}" if found[2] else f"line {last}, at the end"
    return f"{place}: is not TOML: {_plain(found[1])}"


def _plain(finding: str) -> str:
    for words, plain in _PLAIN.items():
        if finding.startswith(words):
            return plain
    return finding[:1].lower() + finding[1:]


_PLAIN = {
    "Invalid value": "a value is expected here (text is written in quotes; true and false without)",
    "Expected newline or end of document": (
        "the line should end here (text, times and versions are written in quotes)"
    ),
    "Expected '=' after a key": "= is expected after the key",
    "Illegal character '\\n'": "a closing quote is missing in this line",
    "Cannot overwrite a value": "this key is already given above",
    "Cannot declare": "this table is already opened above",
}
