"""What the server's listings prove, and what they leave in doubt.

The platform's `files/tree` is cut at 1,000 names without saying so, leaves out dot-files and links
(docstring of the `pa` command), and may stop at two levels (`pa path tree --help`) although the API's
help page calls it recursive. So a name in it is there, but a name missing from it proves nothing
until the directory that would hold it has been listed by itself.
"""

from collections.abc import Mapping
from enum import Enum
from functools import cached_property
from posixpath import dirname

TREE_LIMIT = 1000
"""Help page "API": the tree is limited to 1000 results."""


class Presence(Enum):
    """What is at a path of the server, as far as it is proven."""

    FILE = "file"
    DIRECTORY = "directory"
    ABSENT = "absent"
    UNKNOWN = "unknown"


class Listing:
    """A tree answer for one root, completed by listings of single directories.

    All paths are absolute on the server, without a final slash.
    """

    def __init__(self, root: str, tree: tuple[str, ...] | None) -> None:
        """`tree` is the platform's answer (directories end in "/"); None: the root does not exist."""
        self.root = root
        self._exists = tree is not None
        names = tree or ()
        self._names = {name.rstrip("/"): name.endswith("/") for name in names}
        self._cut = len(names) >= TREE_LIMIT
        self._directories: dict[str, Mapping[str, str] | None] = {}

    @cached_property
    def _reach(self) -> int:
        """How many levels the tree answer shows. Only asked where it is not cut."""
        return max((name.count("/") for name in self._names), default=0) - self.root.count("/")

    def learn(self, directory: str, entries: Mapping[str, str] | None) -> None:
        """Add one directory's own listing: name -> type; None when there is no such directory."""
        self._directories[directory] = entries

    def presence(self, path: str) -> Presence:
        """What is proven to be at `path`."""
        if not self._exists:
            return Presence.ABSENT
        if path == self.root:
            return Presence.DIRECTORY
        if path in self._names:
            return Presence.DIRECTORY if self._names[path] else Presence.FILE
        parent = dirname(path)
        if parent in self._directories:
            return _in_directory(self._directories[parent] or {}, path.removeprefix(f"{parent}/"))
        above = self.presence(parent) if len(parent) >= len(self.root) else Presence.UNKNOWN
        return Presence.ABSENT if above in (Presence.ABSENT, Presence.FILE) else Presence.UNKNOWN

    def next_to_list(self, path: str) -> str | None:
        """The directory to list next in order to learn what is at `path`; None when that is known."""
        if self.presence(path) is not Presence.UNKNOWN:
            return None
        parent = dirname(path)
        while self.presence(parent) is Presence.UNKNOWN:
            parent = dirname(parent)
        return parent

    def vanished(self, path: str) -> bool:
        """Whether a file that should be there is missing from where the tree would show it.

        False in every doubt: a hidden name, a cut answer, a level that the tree did not reach.
        """
        relative = path.removeprefix(f"{self.root}/")
        if not self._exists:
            return True
        if path in self._names:
            return self._names[path]
        parts = relative.split("/")
        if self._cut or any(part.startswith(".") for part in parts):
            return False
        # The outermost levels are shown in any case: a folder that is missing there holds nothing.
        reached = parts[: max(self._reach, 2)]
        shown = (f"{self.root}/{'/'.join(parts[: depth + 1])}" for depth in range(len(reached)))
        return not all(name in self._names for name in shown)

    @property
    def is_cut(self) -> bool:
        """The tree answer is as long as it can be: there may be more."""
        return self._exists and self._cut

    def shown_files(self) -> frozenset[str]:
        """Files that the tree itself names. It leaves links out, so none of these is reached through one."""
        return frozenset(name for name, is_directory in self._names.items() if not is_directory)

    def is_shown(self, path: str) -> bool:
        """Whether the tree itself names it."""
        return path in self._names

    def files(self) -> frozenset[str]:
        """Every file that a listing names."""
        listed = {name for name, is_directory in self._names.items() if not is_directory}
        for directory, entries in self._directories.items():
            listed.update(
                f"{directory}/{name}" for name, kind in (entries or {}).items() if kind != "directory"
            )
        return frozenset(listed)

    def directories(self) -> frozenset[str]:
        """Every directory that a listing names, and the root when it exists."""
        listed = {name for name, is_directory in self._names.items() if is_directory}
        for directory, entries in self._directories.items():
            listed.update(
                f"{directory}/{name}" for name, kind in (entries or {}).items() if kind == "directory"
            )
        return frozenset(listed | {self.root}) if self._exists else frozenset()

    def contents(self, directory: str) -> Mapping[str, str] | None:
        """A directory's own listing, when it was asked for."""
        return self._directories.get(directory)

    def was_listed(self, directory: str) -> bool:
        return directory in self._directories


def _in_directory(entries: Mapping[str, str], name: str) -> Presence:
    kind = entries.get(name)
    if kind is None:
        return Presence.ABSENT
    return Presence.DIRECTORY if kind == "directory" else Presence.FILE
