"""Symbolic links of a tree, followed within it as the file system would follow them. No git, no I/O."""

from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping

from deployer.git.tree import folders

MAX_HOPS = 40
"""As many links as Linux follows for one path."""
MAX_COPIES = 100_000
"""Links to folders that hold links to folders multiply: beyond this it is no site any more."""


class Unfollowable(ValueError):
    """A link that cannot be replaced by a copy; the text says where it leads."""


class Dangling(Unfollowable):
    """A link that leads to nothing that is shipped, but not out of what is."""


class Links:
    """`files` are the paths of regular files, `links` maps the path of each link to its text."""

    def __init__(self, files: Collection[str], links: Mapping[str, str]) -> None:
        self._links = links
        self._files = frozenset(files)
        self._paths = sorted((*files, *links))
        self._made = 0
        self._folders = {"", *(folder[:-1] for path in self._paths for folder in folders(path))}

    def resolve(self, path: str) -> str:
        """The file or folder that a path leads to; "" is the top. Raises Unfollowable."""
        return self._walk("", path)

    def copies(self, link: str) -> Iterator[tuple[str, str]]:
        """Each path that a link stands for, with the file that is to be copied there.

        Raises Unfollowable, also in the middle.
        """
        for copy in self._expand(link, link, ()):
            self._made += 1
            if self._made > MAX_COPIES:
                raise Unfollowable(f"is one of those that together stand for more than {MAX_COPIES} files")
            yield copy

    def _expand(self, place: str, link: str, within: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        if link in within or len(within) >= MAX_HOPS:
            raise Unfollowable("leads back into itself")
        found = self.resolve(link)
        if found in self._files:
            yield place, found
            return
        for path in self._below(found):
            copy = f"{place}/{path.removeprefix(found).lstrip('/')}"
            if path in self._links:
                yield from self._expand(copy, path, (*within, link))
            else:
                yield copy, path

    def _below(self, folder: str) -> list[str]:
        if not folder:
            return self._paths
        first = bisect_left(self._paths, f"{folder}/")
        return self._paths[first : bisect_left(self._paths, f"{folder}0")]  # "0" follows "/"

    def _walk(self, here: str, text: str) -> str:
        """One name after the other: `..` behind a link means the folder above the link's target."""
        names = text.split("/")[::-1]
        hops = 0
        while names:
            name = names.pop()
            if here in self._files:
                raise Unfollowable(f"leads through {here}, which is a file")
            if name in ("", "."):
                continue
            if name == "..":
                here = _parent(here)
                continue
            path = f"{here}/{name}" if here else name
            if path not in self._links:
                if path not in self._files and path not in self._folders:
                    raise Dangling(f"leads to {path}, which is not shipped")
                here = path
                continue
            hops += 1
            if hops > MAX_HOPS:
                raise Unfollowable("leads back into itself")
            target = self._links[path]
            if target.startswith("/"):
                raise Unfollowable(f"leads to {target}, on the machine and not in the commit")
            names += target.split("/")[::-1]
        return here


def _parent(folder: str) -> str:
    if not folder:
        raise Unfollowable("leads out of what is shipped")
    return folder.rpartition("/")[0]
