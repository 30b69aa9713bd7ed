"""The archives of a release: its list, and the content that the release before does not have.

Members are named by their digest and carry no path, so that nothing in an archive can say where it is
written. The same list and base give the same bytes.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO, BinaryIO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from deployer.model.files import FileEntry
from deployer.model.release import ReleaseList

LIST = "release.json"
MOST_BYTES = 95 * 1024 * 1024
"""The platform takes uploads of 100 MiB (help page "Uploading and downloading files")."""
OVERHEAD_BYTES = 512
"""At most what a member's two headers and an uncompressible content add, beside one part in a thousand."""
PIECE_BYTES = 1 << 20

OpenContent = Callable[[str], AbstractContextManager[BinaryIO]]
"""Opens a file of the commit by its path relative to the release."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """One archive, open in a temporary file that goes when it is closed."""

    name: str
    size: int
    sha256: str
    file: IO[bytes]


def write_archives(
    wanted: ReleaseList,
    base: Mapping[str, FileEntry],
    open_content: OpenContent,
    *,
    most_bytes: int = MOST_BYTES,
) -> Iterator[Archive]:
    """One archive, or as many as it takes for none to be larger than the platform takes.

    `base` are the files of the release that the rest is taken from, none for a release that stands alone.
    Each archive must be used up before the next is asked for.
    """
    members = sorted(wanted.new_content(base).items())
    sizes = {entry.digest: entry.size for entry in wanted.files.values()}
    number, first = 0, 0
    while first < len(members) or number == 0:
        with tempfile.TemporaryFile(prefix="deployer-release-") as file:
            with ZipFile(file, "w", ZIP_DEFLATED, compresslevel=6) as archive:
                if number == 0:
                    archive.writestr(_member(LIST), wanted.dump(base))
                begun = first
                while first < len(members):
                    digest, path = members[first]
                    room = most_bytes - file.tell() - OVERHEAD_BYTES * (first - begun + 1)
                    if first > begun and sizes[digest] * 1.001 + OVERHEAD_BYTES > room:
                        break
                    _add(archive, digest, sizes[digest], open_content(path))
                    first += 1
            size, sha256 = file.tell(), _sha256(file)
            yield Archive(name=f"{wanted.id}-{number}-{sha256[:8]}.zip", size=size, sha256=sha256, file=file)
        number += 1


def _add(archive: ZipFile, digest: str, size: int, content: AbstractContextManager[BinaryIO]) -> None:
    member = _member(digest)
    member.file_size = size
    with content as source, archive.open(member, "w") as place:
        while piece := source.read(PIECE_BYTES):
            place.write(piece)


def _member(name: str) -> ZipInfo:
    """Without the time, and with a fixed system: the same content is the same bytes everywhere."""
    member = ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    member.compress_type = ZIP_DEFLATED
    member.create_system = 3  # Unix
    return member


def _sha256(file: IO[bytes]) -> str:
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # typeshed wants readinto
    file.seek(0)
    return digest
