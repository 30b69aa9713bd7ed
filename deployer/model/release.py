"""Releases: what one consists of, what the server is told of it, and which ones are there.

With `strategy = "release"` a commit goes to a folder of its own, which is never changed afterwards; the WSGI
file that the deployer keeps on the server (`deployer/release/switch.py`) builds it and switches to it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from deployer.model.files import FileEntry

FORMAT = 1
SWITCH_BEGINS = b'"""Serves the newest whole release of this site. Written by `deployer`'
"""The first words of `switch.py`, in every version of it."""
PERMISSIONS = {"100644": 0o644, "100755": 0o755}
"""What git's two modes of a file are on the server, whatever its umask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseList:
    """Every path is relative to the release. The same commit under the same rules gives the same name."""

    commit: str
    files: Mapping[str, FileEntry]
    links: Mapping[str, str] = field(default_factory=dict)
    """Path -> where it leads, as the commit has it."""
    shared: tuple[str, ...] = ()
    """What the site itself writes; with a final slash where it is a folder."""
    wsgi: str
    """The application's own WSGI file; empty where the platform serves all of the site by itself."""
    edition: int = 0
    """Goes up when the same has to be built anew, since what was there was changed on the server."""

    @property
    def id(self) -> str:
        """The commit's first digits for the reader, and a digest of all that is in it."""
        return f"{self.commit[:12]}-{self.fingerprint}"

    @property
    def fingerprint(self) -> str:
        """The same for every commit that ships the same."""
        return hashlib.sha256(self.dump()).hexdigest()[:12]

    def is_in(self, release: str) -> bool:
        """Whether a release of that id holds just this, of whatever commit."""
        return release.endswith(f"-{self.fingerprint}")

    def new_content(self, base: Mapping[str, FileEntry]) -> Mapping[str, str]:
        """Digest -> one of its paths, of each content that no file of the release before has."""
        there = {entry.digest for entry in base.values()}
        return {
            entry.digest: path
            for path, entry in sorted(self.files.items(), reverse=True)
            if entry.digest not in there
        }

    def dump(self, base: Mapping[str, FileEntry] | None = None) -> bytes:
        """As the WSGI file reads it: [path, digest, permissions, path in the base] for each file."""
        by_digest = {entry.digest: path for path, entry in sorted((base or {}).items(), reverse=True)}
        files = [
            [path, entry.digest, PERMISSIONS[entry.mode], _source(path, entry, base or {}, by_digest)]
            for path, entry in sorted(self.files.items())
        ]
        document = {
            "format": FORMAT,
            "wsgi": self.wsgi,
            "edition": self.edition,
            "shared": list(self.shared),
            "links": sorted(self.links.items()),
            "files": files,
        }
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _source(
    path: str, entry: FileEntry, base: Mapping[str, FileEntry], by_digest: Mapping[str, str]
) -> str | None:
    """Where the base has this content, when that is elsewhere: a renamed file is not sent again."""
    before = base.get(path)
    if before is not None and before.digest == entry.digest:
        return None
    return by_digest.get(entry.digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveRef:
    """An archive as it was sent: the server waits until it has all of it."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseOrder:
    """What the server shall serve, in the keys that `switch.py` reads."""

    id: str
    commit: str
    deployment: str
    wsgi: str
    archives: tuple[ArchiveRef, ...] = ()
    """Empty where the release is there already."""
    base: str | None = None
    """The release that unchanged files are taken from."""
    kept: tuple[str, ...] = ()
    """Releases that are not to be removed, beside the one that is served."""
    probe: str = ""
    """Path, known to nobody else, at which the site tells which release answers."""
    edition: int = 0
    former: str | None = None
    """Name, beside the manifest, of the WSGI file of the site as it was before it had releases."""
    held: bool = False
    """Commands of the site's are to be run first: it may be built, and whatever starts the site meanwhile
    serves what was live."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRelease:
    """A release that is on the server, or that failed there."""

    id: str
    commit: str
    deployment: str
    since: datetime
    """When it was first live, or first failed."""
    failed: str | None = None
    """Why it is not to be served; None: it was live."""
    edition: int = 0
