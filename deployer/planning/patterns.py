"""Which paths a list of gitignore patterns names."""

from collections.abc import Sequence
from functools import lru_cache

from pathspec import GitIgnoreSpec


class PathPatterns:
    """A compiled list of gitignore patterns; `path in patterns` asks it."""

    __slots__ = ("_spec",)

    def __init__(self, patterns: Sequence[str]) -> None:
        """Raises ValueError for a pattern that git would not understand."""
        self._spec = _compiled(tuple(patterns))

    def __contains__(self, path: object) -> bool:
        return bool(self._spec.patterns) and isinstance(path, str) and self._spec.match_file(path)


@lru_cache(maxsize=64)
def _compiled(patterns: tuple[str, ...]) -> GitIgnoreSpec:
    return GitIgnoreSpec.from_lines(patterns)
