"""Symbolic links of a commit, replaced by copies of what they point to.

The platform's API has no links, so a link inside the shipped tree becomes what a visitor of it would
find; one that leads out of the tree could only become something that the commit does not hold.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping
from posixpath import dirname, join, normpath


class Links:
    """All links of one tree, by path relative to its top."""

    def __init__(self, files: Collection[str], targets: Mapping[str, str]) -> None:
        """`files` are the regular files that are shipped, `targets` what each shipped link says."""
        self._files = files
        self._targets = targets
        self._sorted = sorted((*files, *targets))
        self.problems: list[str] = []

    def copies(self) -> dict[str, str]:
        """Path -> the regular file whose bytes it gets; what is wrong is in `problems`."""
        found: dict[str, str] = {}
        for link in sorted(self._targets):
            found.update(self._expand(link, link, ()))
        return found

    def _expand(self, place: str, link: str, through: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        """What `place` holds once `link` is followed; `through` are the links on the way, against cycles."""
        target = self._targets[link]
        if link in through:
            self._problem(through[0] if through else link, "leads back to itself")
            return
        destination, reason = self._destination(link)
        if reason:
            self._problem(link, reason)
        elif destination in self._files:
            yield place, destination
        elif any(
            f"{outer}/".startswith(f"{destination}/") or destination == "" for outer in (link, *through)
        ):
            self._problem(link, f"points to {target}, a folder that it is in itself")
        else:
            for inner in self._below(destination):
                there = f"{place}/{inner.removeprefix(f'{destination}/')}"
                if inner in self._files:
                    yield there, inner
                else:
                    yield from self._expand(there, inner, (*through, link))

    def _destination(self, link: str) -> tuple[str, str]:
        """The path that a link leads to, every link on the way followed; or why it leads nowhere."""
        target = self._targets[link]
        if target.startswith("/"):
            return "", f"points to {target}, an absolute path"
        parts = target.split("/")
        at, steps = dirname(link), 0
        while parts:
            part = parts.pop(0)
            if part in {"", "."}:
                continue
            if part == ".." and not at:
                return "", f"points to {target}, which is outside of what is shipped"
            at = dirname(at) if part == ".." else join(at, part)
            if at in self._targets:
                steps += 1
                inner = self._targets[at]
                if steps > 40 or at == link:
                    return "", "leads back to itself"
                if inner.startswith("/"):
                    return "", f"points to {target}, which leads to {inner}, an absolute path"
                parts = [*inner.split("/"), *parts]
                at = dirname(at)
        at = "" if at == "." else normpath(at) if at else ""
        if at and at not in self._files and not any(self._below(at)):
            return "", f"points to {target}, which is not shipped"
        return at, ""

    def _below(self, folder: str) -> Iterator[str]:
        prefix = f"{folder}/" if folder else ""
        for path in self._sorted[bisect_left(self._sorted, prefix) :]:
            if not path.startswith(prefix):
                return
            yield path

    def _problem(self, link: str, reason: str) -> None:
        text = f"{link} is a link that {reason}: make it a file, or exclude it in [files] exclude"
        if text not in self.problems:
            self.problems.append(text)
