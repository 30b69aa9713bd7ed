"""Faults are data: which request, and what happens to it instead of the usual."""

import re
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, get_origin, get_type_hints

EffectKind = Literal["status", "cut", "slow", "stall", "html", "half", "redirect", "empty"]
EFFECTS: Mapping[EffectKind, str] = {
    "status": "the given status, with `json` or `html` as body and `retry_after` as header where given",
    "cut": "the connection is dropped without an answer",
    "slow": "nothing for `seconds`, then the usual",
    "stall": "no answer, and the connection stays open",
    "html": "200 with an HTML page (`html`), as from a login wall",
    "half": "the usual answer with its full length promised, cut after half of the body",
    "redirect": "302 to `location`",
    "empty": "200 without a body",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What happens to a request, as EFFECTS tells.

    `when` says, for all but slow and half, whether the request takes effect on the account before that.
    Raises ValueError for an effect that could not be carried out.
    """

    kind: EffectKind
    when: Literal["before", "after"] = "before"
    status: int = 503
    json: Any = None
    html: str | None = None
    retry_after: int | None = None
    seconds: float = 0.0
    location: str = "/login/"

    def __post_init__(self) -> None:
        if self.kind not in EFFECTS:
            raise ValueError(f"effect {self.kind!r}: there are {', '.join(EFFECTS)}")
        if self.when not in {"before", "after"}:
            raise ValueError(f"when {self.when!r}: it is 'before' or 'after' the request takes effect")
        if not 200 <= self.status <= 599:
            raise ValueError(f"status {self.status!r}: a final answer has 200 to 599")
        if not 0 <= self.seconds <= sys.maxsize:  # neither infinite nor NaN
            raise ValueError(f"seconds {self.seconds!r}: a finite number of at least 0")
        try:
            f"{self.html}{self.location}".encode()
        except UnicodeEncodeError as error:
            raise ValueError("html and location: half a character cannot be sent") from error

    @property
    def name(self) -> str:
        """How it reads in the journal."""
        detail = f" {self.status}" if self.kind == "status" else ""
        return f"{self.kind}{detail}" if self.kind in {"slow", "half"} else f"{self.kind}{detail} {self.when}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Which requests meet the effect: those that match everything given.

    `path` is a regular expression searched for in the decoded path, `endpoint` a URL pattern as the journal
    names it, `number` the request's number since the last reset. Of the requests that match, `after` are let
    through first and then `times` are hit (None: all). Raises ValueError for what could never match.
    """

    effect: Effect
    method: str | None = None
    path: str | None = None
    endpoint: str | None = None
    number: int | None = None
    after: int = 0
    times: int | None = None

    def __post_init__(self) -> None:
        for name in ("number", "after", "times"):
            count = getattr(self, name)
            if count is not None and count < 0:
                raise ValueError(f"{name} {count!r}: a whole number of at least 0")
        try:
            re.compile(self.path or "")
        except re.error as error:
            raise ValueError(f"path {self.path!r} is not a regular expression: {error}") from error

    @classmethod
    def from_json(cls, document: Any) -> Self:
        """As it is sent to `/_sandbox/faults`. Raises ValueError."""
        known = _known(document, cls)
        if "effect" not in known:
            raise ValueError("a fault needs an effect")
        return cls(**{**known, "effect": Effect(**_known(known["effect"], Effect, needs="kind"))})

    def matches(self, *, number: int, method: str, path: str, endpoint: str | None) -> bool:
        return (
            self.method in {None, method}
            and self.endpoint in {None, endpoint}
            and self.number in {None, number}
            and (self.path is None or re.search(self.path, path) is not None)
        )


class Faults:
    """The faults in force, with how often each has met a request. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: list[_Count] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._counts.append(_Count(fault))

    def list(self) -> list[tuple[Fault, int]]:
        """Each fault, in the order in which they were added, with how often it has fired."""
        with self._lock:
            return [(count.fault, count.fired) for count in self._counts]

    def clear(self) -> None:
        with self._lock:
            self._counts.clear()

    def meet(self, *, number: int, method: str, path: str, endpoint: str | None) -> Effect | None:
        """What happens to this request. Every matching fault counts it, the first that is due fires."""
        with self._lock:
            matching = [
                count
                for count in self._counts
                if count.fault.matches(number=number, method=method, path=path, endpoint=endpoint)
            ]
            due = next((count for count in matching if count.is_due), None)
            for count in matching:
                count.matched += 1
            if due is None:
                return None
            due.fired += 1
            return due.fault.effect


@dataclass(slots=True)
class _Count:
    fault: Fault
    matched: int = 0
    fired: int = 0

    @property
    def is_due(self) -> bool:
        return self.matched >= self.fault.after and (
            self.fault.times is None or self.fired < self.fault.times
        )


def _known(document: Any, kind: type[Any], *, needs: str | None = None) -> Mapping[str, Any]:
    """The document, if it is an object with only the fields of `kind` and values of their types."""
    what = kind.__name__.lower()
    hints = get_type_hints(kind)
    if not isinstance(document, dict) or (needs and needs not in document):
        raise ValueError(f"{what}: an object with {', '.join(hints)}")
    unknown = sorted(set(document) - set(hints))
    if unknown:
        raise ValueError(f"{what}: no field {', '.join(unknown)}; there are {', '.join(hints)}")
    for name, value in document.items():
        if not _fits(value, hints[name]):
            raise ValueError(f"{what}: {name} {value!r}: a value of another kind is wanted")
    return document


def _fits(value: Any, hint: Any) -> bool:
    """Whether the value has the field's type; choices and effects are looked at where they are made."""
    if hint is Any or hint is Effect or get_origin(hint) is Literal:
        return True
    return isinstance(value, int | float if hint is float else hint)
