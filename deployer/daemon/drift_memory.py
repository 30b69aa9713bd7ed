"""What looks at one site's server have found so far, kept on disk between them."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Self

from deployer.daemon.view import DriftView
from deployer.deployment.compare import Difference, Fault
from deployer.deployment.verify import Verification

_LISTED: Final = 100
"""Differences that a page shows one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """The findings, and how far the round through all files has come."""

    of: str = ""
    """Which deployment's files they are."""
    commit: str = ""
    after: str = ""
    """The last file that the round has come to, in sorted order; empty: it begins."""
    complete: bool = False
    """Whether a round has ended since that deployment."""
    files: int = 0
    """That a round compares."""
    passed: int = 0
    """Of those, the ones that this round has come to."""
    kept: int = 0
    names: tuple[Difference, ...] = ()
    """Files that the last look at the names did not find."""
    settings: tuple[Difference, ...] = ()
    content: tuple[Difference, ...] = ()
    """Files that differed when they were last compared; the one that this was longest ago first."""
    checked: datetime | None = None
    """When names and settings were last compared; None: never yet."""

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Each once."""
        named = {difference.subject for difference in self.names}
        content = (difference for difference in self.content if difference.subject not in named)
        return (*self.settings, *self.names, *sorted(content, key=lambda item: item.subject))

    def next_files(self, order: Sequence[str], most: int) -> tuple[Sequence[str], Sequence[str]]:
        """What to compare now: some of what differed, to see whether it still does, and the next ones of
        the round. `order` is sorted. Together at most so many.
        """
        again = [difference.subject for difference in self.content][: most // 2]
        start = bisect_right(order, self.after) if self.after else 0
        return again, order[start : start + most - len(again)]

    def compared(self, path: str, fault: Fault | None) -> Self:
        """With what a comparison of a file has shown."""
        others = tuple(difference for difference in self.content if difference.subject != path)
        found = () if fault is None else (Difference(subject=path, fault=fault),)
        return replace(self, content=(*others, *found))

    def come_to(self, path: str, order: Sequence[str]) -> Self:
        """The round has come to a file; after the last one it begins again."""
        if path == order[-1]:
            return replace(self, after="", passed=0, complete=True)
        return replace(self, after=path, passed=bisect_right(order, path))

    def view(self) -> DriftView | None:
        """None before the first whole look at names and settings."""
        if self.checked is None:
            return None
        found = [str(difference) for difference in self.differences]
        more = [f"and {len(found) - _LISTED} more"] if len(found) > _LISTED else []
        return DriftView(checked=self.checked, findings=tuple(found[:_LISTED] + more), complete=self.complete)

    def verification(self) -> Verification:
        """As `verify` would have told it, for `heal`."""
        return Verification(
            commit=self.commit,
            compared=self.files if self.complete else self.passed,
            of=self.files,
            kept=self.kept,
            differences=self.differences,
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "of": self.of,
            "commit": self.commit,
            "after": self.after,
            "complete": self.complete,
            "files": self.files,
            "passed": self.passed,
            "kept": self.kept,
            "names": [_plain(item) for item in self.names],
            "settings": [_plain(item) for item in self.settings],
            "content": [_plain(item) for item in self.content],
            "checked": self.checked.isoformat() if self.checked else None,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self | None:
        """None where that is not what `as_json` wrote."""
        try:
            return cls(
                **{
                    **data,
                    "names": _differences(data["names"]),
                    "settings": _differences(data["settings"]),
                    "content": _differences(data["content"]),
                    "checked": datetime.fromisoformat(data["checked"]) if data["checked"] else None,
                }
            )
        except (KeyError, TypeError, ValueError):
            return None


def _plain(item: Difference) -> list[Any]:
    return [item.subject, str(item.fault), item.is_file]


def _differences(items: Sequence[Sequence[Any]]) -> tuple[Difference, ...]:
    return tuple(
        Difference(subject=subject, fault=Fault(fault), is_file=is_file) for subject, fault, is_file in items
    )
