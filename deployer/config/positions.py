"""On which line of a TOML text each key stands: tomllib tells the values, not the places.

The text is expected to be one that tomllib accepts; of any other text, what was understood before the
first surprise is kept, and nothing is raised.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import NoReturn

KeyPath = tuple[str | int, ...]
"""("task", 0, "at"): names of keys, and places in arrays counted from 0."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_NAME = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n]+")
_DEEPEST = 100


def key_lines(text: str) -> dict[KeyPath, int]:
    """The line, from 1, of every key, table and array element; a table opened twice keeps its first."""
    scanner = _Scanner(text)
    with suppress(_NotUnderstoodError):
        scanner.document()
    return scanner.lines


def line_of(lines: Mapping[KeyPath, int], path: KeyPath) -> int | None:
    """The line of the key, or of the innermost table around it that is written down."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None


def spell(path: KeyPath) -> str:
    """`task[0].at`, and `site."my site".repo` where a name needs quotes."""
    spelled = ""
    for part in path:
        if isinstance(part, int):
            spelled += f"[{part}]"
        else:
            name = part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else f'"{part}"'
            spelled += f".{name}" if spelled else name
    return spelled


class _NotUnderstoodError(Exception):
    pass


class _Scanner:
    def __init__(self, text: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._text = text
        self._at = 0
        self._line = 1
        self._arrays: dict[KeyPath, int] = {}
        """How many tables each `[[array]]` has so far: a later `[array.x]` belongs to its last."""

    def document(self) -> None:
        table: KeyPath = ()
        while self._after_blank():
            if self._take("[["):
                table = self._open_array_table()
            elif self._take("["):
                table = self._open_table()
            else:
                self._pair(table, depth=0)

    def _open_array_table(self) -> KeyPath:
        *parents, last = self._dotted_name()
        array = (*self._enter((), parents), last)
        self._expect("]]")
        count = self._arrays.get(array, 0)
        self._arrays[array] = count + 1
        self._note(array)
        return self._note((*array, count))

    def _open_table(self) -> KeyPath:
        table = self._enter((), self._dotted_name())
        self._expect("]")
        return table

    def _pair(self, table: KeyPath, *, depth: int) -> None:
        path = self._enter(table, self._dotted_name())
        self._expect("=")
        self._skip(_SPACE)
        self._value(path, depth=depth)

    def _value(self, path: KeyPath, *, depth: int) -> None:
        if depth > _DEEPEST:
            self._give_up()
        if self._take("["):
            for index in self._items("]"):
                self._value(self._note((*path, index)), depth=depth + 1)
        elif self._take("{"):
            for _ in self._items("}"):
                self._pair(path, depth=depth + 1)
        elif not self._skip(_STRING):
            self._skip(_SCALAR) or self._give_up()

    def _items(self, end: str) -> Iterator[int]:
        """Stops before each item of an array or inline table, and after the closing bracket."""
        index = 0
        while self._after_blank() and not self._take(end):
            yield index
            index += 1
            self._after_blank()
            if not self._take(","):
                self._expect(end)
                return

    def _dotted_name(self) -> list[str]:
        names = [self._name()]
        while self._take("."):
            names.append(self._name())
        return names

    def _name(self) -> str:
        self._skip(_SPACE)
        name = self._skip(_NAME) or self._give_up()
        self._skip(_SPACE)
        if name[0] == "'":
            return name[1:-1]
        if name[0] != '"':
            return name
        try:
            return str(tomllib.loads(f"name = {name}")["name"])
        except tomllib.TOMLDecodeError:
            self._give_up()

    def _enter(self, table: KeyPath, names: list[str]) -> KeyPath:
        for name in names:
            table = self._note((*table, name))
            if table in self._arrays:
                table = (*table, self._arrays[table] - 1)
        return table

    def _note(self, path: KeyPath) -> KeyPath:
        self.lines.setdefault(path, self._line)
        return path

    def _after_blank(self) -> bool:
        """Whether anything is left after white space, line ends and comments."""
        self._skip(_BLANK)
        return self._at < len(self._text)

    def _take(self, literal: str) -> bool:
        if not self._text.startswith(literal, self._at):
            return False
        self._at += len(literal)
        return True

    def _expect(self, literal: str) -> None:
        if not self._take(literal):
            self._give_up()

    def _skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            return ""
        self._line += found[0].count("\n")
        self._at = found.end()
        return found[0]

    def _give_up(self) -> NoReturn:
        raise _NotUnderstoodError
