"""Downloads what we shipped and compares it: the only proof of content that the platform allows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from deployer.deployment.site_work import SiteWork
from deployer.errors import NotFound
from deployer.model.digest import blob_digest
from deployer.model.files import FileEntry
from deployer.model.manifest import Manifest
from deployer.planning.patterns import PathPatterns


class Fault(StrEnum):
    """How a file on the server differs from what was shipped."""

    MISSING = "missing"
    DIFFERENT = "different content"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One file that is not as it was shipped."""

    path: str
    """Relative to the target; for the WSGI file its absolute path."""
    fault: Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Every file that was compared, and every difference."""

    compared: int
    differences: tuple[Difference, ...]
    kept: int
    """Files below `keep`: the site may write them, so they are not compared."""


def verify(work: SiteWork, manifest: Manifest) -> Verification:
    """Compare every recorded file, one request each; costs a minute per forty files on the platform."""
    keep = PathPatterns(work.site.files.keep)
    files = {path: entry for path, entry in manifest.files.items() if path not in keep}
    differences = [*_files(work, files, manifest.target), *_wsgi(work, manifest)]
    work.reporter.finished()
    return Verification(
        compared=len(files) + (manifest.settings.wsgi is not None),
        differences=tuple(differences),
        kept=len(manifest.files) - len(files),
    )


def _files(work: SiteWork, files: Mapping[str, FileEntry], target: str) -> Iterator[Difference]:
    for number, (path, entry) in enumerate(sorted(files.items()), start=1):
        work.reporter.observing(f"{path} ({number} of {len(files)})")
        fault = _compare(work, f"{target}/{path}", entry.digest)
        if fault is not None:
            yield Difference(path=path, fault=fault)


def _wsgi(work: SiteWork, manifest: Manifest) -> Iterator[Difference]:
    if manifest.settings.wsgi is not None:
        fault = _compare(work, work.site.wsgi_path, manifest.settings.wsgi)
        if fault is not None:
            yield Difference(path=work.site.wsgi_path, fault=fault)


def _compare(work: SiteWork, path: str, digest: str) -> Fault | None:
    try:
        content = work.api.files.read(path)
    except NotFound:
        return Fault.MISSING
    return None if blob_digest(content, like=digest) == digest else Fault.DIFFERENT
