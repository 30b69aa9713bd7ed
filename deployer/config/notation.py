"""Values written as TOML, the way a person would type them."""

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path

_STEPS = (
    ("d", timedelta(days=1)),
    ("h", timedelta(hours=1)),
    ("m", timedelta(minutes=1)),
    ("s", timedelta(seconds=1)),
)


def as_toml(value: object) -> str:
    """A TOML value; raises TypeError for what TOML has no notation for, so that nothing is shown by guess."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case str() | Path():
            # What JSON escapes TOML escapes alike, but for DEL, which only TOML forbids.
            return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
        case timedelta():
            return as_toml(duration_text(value))
        case Mapping():
            pairs = ", ".join(f"{key} = {as_toml(entry)}" for key, entry in value.items())
            return f"{{ {pairs} }}" if pairs else "{}"
        case Iterable():
            return f"[{', '.join(map(as_toml, value))}]"
    raise TypeError(f"TOML cannot hold {type(value).__name__}")


def duration_text(value: timedelta) -> str:
    """In the largest unit that divides it: "5m", "90s", "1500ms"."""
    for unit, step in _STEPS:
        if value % step == timedelta(0):
            return f"{value // step}{unit}"
    return f"{value // timedelta(milliseconds=1)}ms"
