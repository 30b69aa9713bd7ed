"""The kinds of values both files are made of: what each accepts, and the words it refuses with.

Every refusal is the end of a sentence that starts with the key path: "must be …, not …".
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from posixpath import normpath
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
)

from deployer.config.notation import duration_text
from deployer.model.site import MaxDelete

_DURATION = re.compile(r"([0-9]{1,9}(?:[.][0-9]{1,3})?)(ms|s|m|h|d)")
_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_LONGEST = timedelta(days=366)


class Table(BaseModel):
    """One table of a file: only known keys, no conversions, never changed afterwards."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)

    misplaced: ClassVar[Mapping[str, str]] = {}
    """Keys that people look for in this file and that belong elsewhere, with what to say of each."""


def _shown(value: object) -> str:
    """The value as the file has it, for a message: cut where it is long."""
    text = f'"{value}"' if isinstance(value, str) else str(value).lower()
    return text if len(text) <= 60 else f"{text[:57]}…"


def _quoted(value: object, otherwise: str) -> str:
    if isinstance(value, str):
        return value
    raise ValueError(otherwise)


def _one_line(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise ValueError("must be one line, without control characters")
    return value


def _python(value: object) -> str:
    version = _quoted(value, 'must be in quotes, as in python = "3.12": without them 3.10 would be 3.1')
    if re.fullmatch(r"3\.[0-9]{1,2}", version) is None:
        raise ValueError(f'must be a version like "3.12", not "{version}"')
    return version


def _domain(value: str) -> str:
    name = value.lower()
    if "://" in name or "/" in name:
        raise ValueError(f'must be the bare name, without https:// and without /, not "{value}"')
    if not name.isascii():
        raise ValueError(f'must be in the ASCII form that DNS uses ("xn--…"), not "{value}"')
    labels = name.split(".")
    if len(name) > 253 or len(labels) < 2 or not all(map(_is_label, labels)):
        raise ValueError(f'must be a domain name like "alice.pythonanywhere.com", not "{value}"')
    return name


def _is_label(label: str) -> bool:
    return re.fullmatch(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?", label) is not None


def _repository_path(value: str) -> str:
    path = _one_line(value)
    if path.startswith(("/", "~")):
        raise ValueError(f'must be a path inside the repository, not "{value}"')
    path = normpath(path)
    if path == ".." or path.startswith("../"):
        raise ValueError(f'leads out of the repository: "{value}"')
    return "" if path == "." else path


def _repository_file(value: str) -> str:
    path = _repository_path(value)
    if not path or value.endswith("/"):
        raise ValueError(f'must name a file of the repository, not "{value}"')
    return path


def _server_path(value: str) -> str:
    if not _one_line(value).startswith(("/", "~")):
        raise ValueError(f'must start with ~/ (the account\'s home) or /, as in "~/{value}"')
    return value


def _shared_path(value: str) -> str:
    path = _one_line(value)
    if path.startswith(("/", "~")) or any(part in ("", ".", "..") for part in path.rstrip("/").split("/")):
        raise ValueError(f'must be a path inside the target, without . and .., not "{value}"')
    if "*" in path:
        raise ValueError(f'names one folder or file, patterns are not understood here: "{value}"')
    return path


def _allowed_file(value: str) -> str:
    path = _repository_file(value)
    if "*" in path:
        raise ValueError(f'names files one by one, patterns are not understood here: "{value}"')
    return path


def _gitignore_pattern(value: str) -> str:
    from pathspec import GitIgnoreSpec

    _one_line(value)
    try:
        GitIgnoreSpec.from_lines([value])
    except ValueError as error:
        raise ValueError(f'is not a gitignore pattern: "{value}"') from error
    return value


def _url_path(value: str) -> str:
    if not _one_line(value).startswith("/"):
        raise ValueError(f'must start with /, as in "/{value}"')
    return value


def _time_of_day(value: object) -> str:
    time = _quoted(value, 'must be a time in quotes, as in "04:10"')
    found = re.fullmatch(r"([0-9]{1,2}):([0-9]{2})", time)
    if found is None:
        raise ValueError(f'must be a time like "04:10", not "{time}"')
    hour, minute = int(found[1]), int(found[2])
    if hour > 23:
        raise ValueError(f'has an hour beyond 23: "{time}"')
    if minute > 59:
        raise ValueError(f'has a minute beyond 59: "{time}"')
    return f"{hour:02}:{minute:02}"


def _duration(value: object) -> timedelta:
    example = f"{value}s" if type(value) is int else "30s"
    duration = _quoted(value, f'must be a duration in quotes, with its unit, as in "{example}"')
    found = _DURATION.fullmatch(duration)
    if found is None:
        raise ValueError(f'must be a duration like "30s", "5m" or "6h", not "{value}"')
    seconds = float(found[1]) * _UNITS[found[2]]
    if seconds <= 0:
        raise ValueError(f'must be longer than nothing, not "{value}"')
    if seconds > _LONGEST.total_seconds():
        raise ValueError(f'must be at most 366 days, not "{value}"')
    return timedelta(seconds=seconds)


def _max_delete(value: object) -> MaxDelete:
    if type(value) is int and value >= 0:
        return MaxDelete(share=None, count=value)
    found = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,3})?)%", value) if isinstance(value, str) else None
    if found is None or float(found[1]) > 100:
        raise ValueError(f'must be a share from "0%" to "100%" or a number of files, not {_shown(value)}')
    return MaxDelete(share=float(found[1]) / 100)


def _socket_command(value: str) -> str:
    if "${DOMAIN_SOCKET}" in _one_line(value):
        return value
    bare = re.search(r"\$DOMAIN_SOCKET\b", value)
    wrong = ", with its braces" if bare else ""
    raise ValueError(
        f"must listen on ${{DOMAIN_SOCKET}}{wrong}: that is the Unix socket by which the platform reaches "
        'the site, as in "uvicorn --uds ${DOMAIN_SOCKET} main:app"'
    )


def _conditions(value: object) -> tuple[str, ...]:
    """The patterns of `when`, which is one condition or a list of them."""
    given = [value] if isinstance(value, str) else value
    example = 'as in when = "changed:requirements.txt", or a list of such'
    if not isinstance(given, list) or not given or not all(isinstance(each, str) for each in given):
        raise ValueError(f"must be a condition in quotes, {example}")
    patterns = []
    for each in given:
        kind, _, pattern = each.partition(":")
        if kind != "changed" or not pattern.strip():
            raise ValueError(f'must be "changed:" and a pattern of paths, {example}, not {_shown(each)}')
        patterns.append(_gitignore_pattern(pattern))
    return tuple(patterns)


def _header_name(value: str) -> str:
    """A token by RFC 9110, section 5.6.2."""
    if re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", value) is None:
        raise ValueError(f'must be the name of a header, like "Cache-Control", not {_shown(value)}')
    return value


def _header_value(value: str) -> str:
    if value != _one_line(value).strip() or not value.isascii():
        raise ValueError("must be printable ASCII, without spaces at its ends")
    return value


def _protection(value: object) -> str | Literal[False]:
    """A name and `false` in one key: nobody can switch protection on and forget the name."""
    if value is False:
        return False
    if value is True:
        raise ValueError('must be the name that visitors give, as in password_protection = "staff", or false')
    name = _quoted(value, 'must be a name in quotes, as in password_protection = "staff", or false')
    if re.fullmatch(r"[!-9;-~]+", name) is None:
        raise ValueError(
            f"must be one word of ASCII without a colon, which ends the name, not {_shown(name)}"
        )
    return name


def username(value: str) -> str:
    """The name in /home/<name> and in <name>.pythonanywhere.com; nobody knows the platform's exact rule."""
    if "@" in value:
        raise ValueError("must be the user name, as in <user name>.pythonanywhere.com, not an e-mail address")
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", value) is None:
        raise ValueError(f'must be a user name of letters and digits, not "{value}"')
    return value


def _name(value: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", value) is None:
        raise ValueError("must be a name of letters, digits, dots, dashes and underscores")
    return value


def local_path(value: str) -> Path:
    """Kept as it is written: whoever uses it knows where a relative one starts. Raises ValueError."""
    path = Path(_one_line(value))
    try:
        path.expanduser()
    except RuntimeError:
        raise ValueError(f'names a home that is not on this machine: "{value}"') from None
    return path


def _quoted_path(value: object) -> Path:
    return local_path(_quoted(value, "must be a path in quotes"))


def _number_or(schema: dict[str, Any]) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, schema]})


def _string(**schema: Any) -> WithJsonSchema:
    """What an editor may check of a string; the validator beside it says the rest."""
    return WithJsonSchema({"type": "string", **schema})


Name = Annotated[str, AfterValidator(_name), _string(pattern="^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Username = Annotated[str, AfterValidator(username), _string(pattern="^[A-Za-z0-9][A-Za-z0-9_-]*$")]
LocalPath = Annotated[Path, BeforeValidator(_quoted_path), PlainSerializer(str), _string(minLength=1)]
OneLine = Annotated[str, AfterValidator(_one_line), _string(minLength=1)]
PythonVersion = Annotated[str, BeforeValidator(_python), _string(pattern=r"^3\.[0-9]{1,2}$")]
SocketCommand = Annotated[str, AfterValidator(_socket_command), _string(pattern=r"\$\{DOMAIN_SOCKET\}")]
Conditions = Annotated[
    tuple[str, ...],
    PlainValidator(_conditions),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": "^changed:."},
                {"type": "array", "items": {"type": "string", "pattern": "^changed:."}},
            ]
        }
    ),
]
HeaderName = Annotated[str, AfterValidator(_header_name), _string(pattern="^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
HeaderValue = Annotated[str, AfterValidator(_header_value), _string(minLength=1)]
Protection = Annotated[
    str | Literal[False],
    PlainValidator(_protection),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": "^[!-9;-~]+$"}, {"const": False}]}),
]
Domain = Annotated[str, AfterValidator(_domain), _string(pattern=r"^[^/:]+\.[^/:]+$")]
RepositoryPath = Annotated[str, AfterValidator(_repository_path), _string(pattern="^[^/~]")]
RepositoryFile = Annotated[str, AfterValidator(_repository_file), _string(pattern="^[^/~]")]
SharedPath = Annotated[str, AfterValidator(_shared_path), _string(pattern="^[^/~*][^*]*$")]
AllowedFile = Annotated[str, AfterValidator(_allowed_file), _string(pattern="^[^/~*][^*]*$")]
Pattern = Annotated[str, AfterValidator(_gitignore_pattern), _string(minLength=1)]
ServerPath = Annotated[str, AfterValidator(_server_path), _string(pattern="^[~/]")]
UrlPath = Annotated[str, AfterValidator(_url_path), _string(pattern="^/")]
TimeOfDay = Annotated[str, BeforeValidator(_time_of_day), _string(pattern="^([01]?[0-9]|2[0-3]):[0-5][0-9]$")]
Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(duration_text),
    _string(pattern=f"^({_DURATION.pattern})$"),
]
Deletes = Annotated[
    MaxDelete,
    PlainValidator(_max_delete),
    PlainSerializer(str),
    _number_or({"type": "string", "pattern": r"^[0-9.]+%$"}),
]
