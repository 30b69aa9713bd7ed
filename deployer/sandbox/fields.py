"""Checking the fields of a body, with the words of Django REST framework."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from deployer.sandbox.bodies import Data
from deployer.sandbox.replies import SURROGATE, refusal
from deployer.sandbox.shapes import BYTES, FLAG, TEXT, Shape

REQUIRED = "This field is required."
TRUE = frozenset({"t", "y", "yes", "true", "on", "1"})
FALSE = frozenset({"f", "n", "no", "false", "off", "0"})
INTEGER = re.compile(r"\s*([+-]?[0-9]{1,1000})(?:\.0*)?\s*")  # 5.0 is 5; more digits are no number here


class InvalidError(Exception):
    """One field's value is not acceptable; the text says why."""


class Kind(Protocol):
    def read(self, value: Any, *, is_form: bool) -> Any:
        """The value as the account keeps it. Raises InvalidError."""

    @property
    def shape(self) -> Shape:
        """What it looks like in JSON, at its plainest: more is taken, such as numbers for texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    blank: bool = True

    @property
    def shape(self) -> Shape:
        return TEXT if self.blank else {**TEXT, "pattern": r"\S"}

    def read(self, value: Any, *, is_form: bool) -> str:  # noqa: ARG002 - text is text everywhere
        if value is None:
            raise InvalidError("This field may not be null.")
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise InvalidError("Not a valid string.")
        text = str(value).strip()
        if not text and not self.blank:
            raise InvalidError("This field may not be blank.")
        if "\0" in text:
            raise InvalidError("Null characters are not allowed.")
        if surrogate := SURROGATE.search(text):
            raise InvalidError(f"Surrogate characters are not allowed: U+{ord(surrogate[0]):X}.")
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    most: int
    null: bool = False

    @property
    def shape(self) -> Shape:
        kinds = ["integer", "null"] if self.null else "integer"
        return {"type": kinds, "minimum": 0, "maximum": self.most}

    def read(self, value: Any, *, is_form: bool) -> int | None:
        if value is None or (is_form and value == ""):
            if self.null:
                return None
            raise InvalidError("A valid integer is required." if is_form else "This field may not be null.")
        match = INTEGER.fullmatch(str(value))
        if match is None:
            raise InvalidError("A valid integer is required.")
        number = int(match[1])
        if number > self.most:
            raise InvalidError(f"Ensure this value is less than or equal to {self.most}.")
        if number < 0:
            raise InvalidError("Ensure this value is greater than or equal to 0.")
        return number


@dataclass(frozen=True, slots=True, kw_only=True)
class Boolean:
    @property
    def shape(self) -> Shape:
        return FLAG

    def read(self, value: Any, *, is_form: bool) -> bool:  # noqa: ARG002 - the same words everywhere
        word = str(value).lower()
        if word not in TRUE | FALSE:
            raise InvalidError("Must be a valid boolean.")
        return word in TRUE


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    choices: tuple[str, ...]

    @property
    def shape(self) -> Shape:
        return {"enum": list(self.choices)}

    def read(self, value: Any, *, is_form: bool) -> str:  # noqa: ARG002 - the same words everywhere
        if str(value) not in self.choices:
            raise InvalidError(f'"{value}" is not a valid choice.')
        return str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The fields that a request's body may have, and those that it must have.

    `within` are objects in it, which it must have too; in a form their fields have names like
    `webapp.command`. `files` are parts with a file name, which only multipart can carry.
    """

    fields: Mapping[str, Kind]
    required: tuple[str, ...] = ()
    within: Mapping[str, "Body"] = field(default_factory=dict)
    files: tuple[str, ...] = ()

    @property
    def shape(self) -> Shape:
        shapes = {name: kind.shape for name, kind in self.fields.items()}
        shapes |= {name: body.shape for name, body in self.within.items()}
        return {"type": "object", "properties": shapes, "required": [*self.required, *self.within]}

    @property
    def form_shape(self) -> Shape:
        shapes = {name: kind.shape for name, kind in self.fields.items()}
        required = list(self.required)
        for outer, body in self.within.items():
            shapes |= {f"{outer}.{name}": kind.shape for name, kind in body.fields.items()}
            required += [f"{outer}.{name}" for name in body.required]
        shapes |= dict.fromkeys(self.files, BYTES)
        required += self.files
        return {"type": "object", "properties": shapes, "required": required}


def check(data: Data, kinds: Mapping[str, Kind], *, required: tuple[str, ...] = ()) -> dict[str, Any]:
    """The fields that were given and are known. Raises RefusalError, 400, with a list of texts per field."""
    values: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    for name, kind in kinds.items():
        if name not in data.fields:
            if name in required:
                errors[name] = [REQUIRED]
            continue
        try:
            values[name] = kind.read(data.fields[name], is_form=data.is_form)
        except InvalidError as error:
            errors[name] = [str(error)]
    if errors:
        raise refusal(400, errors)
    return values
