"""What one release consists of, and its name."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from deployer.model.files import FileEntry

FORMAT = 1
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
    """The application's own WSGI file."""

    @property
    def id(self) -> str:
        """The commit's first digits for the reader, and a digest of all that is in it."""
        return f"{self.commit[:12]}-{hashlib.sha256(self.dump()).hexdigest()[:8]}"

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
            "commit": self.commit,
            "wsgi": self.wsgi,
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
