"""The tables of the documents that are made from the code, so that they cannot lie."""

import inspect
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from typing import Any

from typer.main import get_command

from deployer.cli.main import app
from deployer.config.schema import SCHEMAS, schema_text
from deployer.sandbox import Switches
from deployer.sandbox.faults import EFFECTS


def table(head: tuple[str, ...], body: Iterable[tuple[str, ...]]) -> str:
    """Markdown, one line for each row."""
    lines = (head, tuple("---" for _ in head), *body)
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def commands() -> Mapping[str, Any]:
    """Name -> command, in the order of `deployer --help`; what git calls and nobody types is hidden there."""
    group: Any = get_command(app)
    return {name: command for name, command in group.commands.items() if not command.hidden}


def command_table() -> str:
    """Each command with what its help says first."""
    return table(
        ("command", "does"),
        (
            (f"[`deployer {name}`](docs/commands.md#deployer-{name})", _sentence(command.help))
            for name, command in commands().items()
        ),
    )


def option_tables() -> str:
    """A heading and a table for each command, and for each command of a group."""
    return "\n".join(
        f"## deployer {name}\n\n{_sentence(command.help)}\n{_parameters(command)}"
        for name, command in _with_groups(commands())
    )


def configuration_tables(schema: str) -> str:
    """A heading and a table of keys for each table of one of the two files."""
    root = json.loads(schema_text(SCHEMAS[schema]))
    sections = _sections(root)
    return "\n".join(f"### `{heading}`\n\n{_keys(root, keys)}" for heading, keys in sections)


def switch_table() -> str:
    """Each open question of the platform with the answers that the sandbox can play."""
    return table(
        ("switch", "open question", "answers, the default first"),
        (
            (f"`{name}`", described["question"], _answers(described))
            for name, described in Switches.describe().items()
        ),
    )


def effect_table() -> str:
    """What a fault can do to a request."""
    return table(("kind", "what happens"), ((f"`{kind}`", text) for kind, text in EFFECTS.items()))


TABLES: Mapping[str, Callable[[], str]] = {
    "commands": command_table,
    "options": option_tables,
    "pythonanywhere.toml": lambda: configuration_tables("pythonanywhere.schema.json"),
    "deployer.toml": lambda: configuration_tables("deployer.schema.json"),
    "switches": switch_table,
    "effects": effect_table,
}


def rendered(name: str) -> str:
    """The table as it stands in a document, with an empty line around it."""
    return f"\n{TABLES[name]()}\n"


def _sentence(text: str | None) -> str:
    return " ".join(inspect.cleandoc(text or "").split())


def _with_groups(given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each command by its whole name, the commands of a group after it."""
    for name, command in given.items():
        yield name, command
        inner = getattr(command, "commands", {})
        yield from _with_groups({f"{name} {each}": found for each, found in inner.items()})


def _parameters(command: Any) -> str:
    if hasattr(command, "commands"):
        return ""
    rows = [
        (f"`{_spelling(parameter)}`", _sentence(parameter.help), _default(parameter))
        for parameter in command.params
        if parameter.name != "help"
    ]
    listed = table(("argument or option", "meaning", "default"), rows) if rows else "It has no options.\n"
    return f"\n{listed}"


def _spelling(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar)
    names = ", ".join(parameter.opts)
    if parameter.is_flag:
        return names
    if isinstance(parameter.default, Enum):
        return f"{names} {'|'.join(choice.value for choice in type(parameter.default))}"
    return f"{names} {parameter.metavar or parameter.name.upper()}"


def _default(parameter: Any) -> str:
    if parameter.default is None or parameter.default is False:
        return "required" if parameter.required else ""
    return f"`{getattr(parameter.default, 'value', parameter.default)}`"


def _sections(root: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Heading -> object schema of each table that can be written in the file."""
    for name, described in root["properties"].items():
        if "patternProperties" in described:
            yield f"[{name}.<name>]", _resolved(root, next(iter(described["patternProperties"].values())))
        elif "additionalProperties" in described:
            yield f"[{name}.<name>]", _resolved(root, described["additionalProperties"])
        elif described.get("type") == "array":
            yield f"[[{name}]]", _resolved(root, described["items"])
        else:
            yield f"[{name}]", _resolved(root, described)


def _keys(root: dict[str, Any], keys: dict[str, Any]) -> str:
    return table(
        ("key", "default", "meaning"),
        (
            (f"`{key}`", _key_default(described, required=required), _meaning(described))
            for key, described, required in _flat(root, keys)
        ),
    )


def _flat(
    root: dict[str, Any], keys: dict[str, Any], prefix: str = ""
) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Key, schema, and whether it is required; each followed by those of the inline table that it holds."""
    for key, described in keys["properties"].items():
        yield prefix + key, described, key in keys.get("required", ())
        inner = _resolved(root, described)
        for choice in (inner, *(_resolved(root, each) for each in inner.get("anyOf", ()))):
            if "properties" in choice and choice["title"] != "AppTable":
                yield from _flat(root, choice, f"{prefix}{key}.")


def _key_default(described: dict[str, Any], *, required: bool) -> str:
    if "default" in described:
        return f"`{json.dumps(described['default'], ensure_ascii=False)}`"
    return "required" if required else ""


def _meaning(described: dict[str, Any]) -> str:
    text = _sentence(described.get("description", "")).replace("<", "&lt;")
    example = described.get("examples", [None])[0]
    if example is None or isinstance(example, dict):
        return text
    return f"{text} Example: `{json.dumps(example, ensure_ascii=False)}`"


def _resolved(root: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = root["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
    return found


def _answers(described: dict[str, Any]) -> str:
    default, answers = described["default"], described["answers"]
    shown = f"`{json.dumps(default) if not isinstance(default, str) else default}`"
    if isinstance(answers, str):
        return f"{shown}; {answers}"
    return ", ".join((shown, *(f"`{answer}`" for answer in answers if answer != default)))
