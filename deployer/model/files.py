"""Files as a commit ships them and as the server is recorded to hold them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class FileEntry(NamedTuple):
    """One file: what its bytes are, not where they are.

    A tuple because a site may have a hundred thousand of them.
    """

    digest: str
    """Git's blob id of the bytes as they arrive on the server (40 or 64 hexadecimal digits)."""
    size: int
    """Bytes, as they arrive."""
    mode: str
    """"100644" or "100755", git's own words."""


class Change(NamedTuple):
    """One path whose recorded entry and wanted entry differ. Paths are relative to the target."""

    path: str
    before: str | None
    """Digest recorded as being on the server; None when the path is not recorded."""
    after: FileEntry | None
    """What the commit ships; None when it no longer ships the path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The files that a commit ships."""

    commit: str
    files: Mapping[str, FileEntry]
    """Path relative to the target -> entry; sorted by path."""
    links: Mapping[str, str] = field(default_factory=dict)
    """Path -> where it leads, of the links that are shipped as such; sorted by path."""
    plain: bool
    """Every file is a blob of the commit just as it is: no link was followed, no attribute changed
    any byte. Between two plain snapshots `git diff-tree` tells the whole difference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A resolved commit."""

    id: str
    author: str
    subject: str
    committed_at: str
    """ISO 8601 with zone."""

    @property
    def short(self) -> str:
        return self.id[:10]
