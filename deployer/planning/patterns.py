"""Which paths a list of gitignore patterns names."""

import re
from collections.abc import Sequence
from functools import lru_cache

from pathspec import GitIgnoreSpec


class PathPatterns:
    """A compiled list of gitignore patterns; `path in patterns` asks it."""

    __slots__ = ("_folders", "_negates", "_spec")

    def __init__(self, patterns: Sequence[str]) -> None:
        """Raises ValueError naming the pattern that git would not understand."""
        self._spec = _compiled(tuple(patterns))
        self._negates = any(pattern.include is False for pattern in self._spec.patterns)
        self._folders = {"": False}

    def __contains__(self, path: object) -> bool:
        if not self._spec.patterns or not isinstance(path, str):
            return False
        if self._negates and self._holds_folder(path.rpartition("/")[0]):
            return True
        return self._spec.match_file(path)

    def _holds_folder(self, folder: str) -> bool:
        """As git has it, no negation brings back a file whose folder is named; pathspec alone would."""
        if folder not in self._folders:
            ends = (slash.end() for slash in re.finditer("/", f"{folder}/"))
            self._folders[folder] = any(self._spec.match_file(f"{folder}/"[:end]) for end in ends)
        return self._folders[folder]


@lru_cache(maxsize=64)
def _compiled(patterns: tuple[str, ...]) -> GitIgnoreSpec:
    for pattern in patterns:
        try:
            GitIgnoreSpec.from_lines((pattern,))
        except (ValueError, re.error) as error:
            raise ValueError(f"{pattern!r} is not a gitignore pattern") from error
    return GitIgnoreSpec.from_lines(patterns)
