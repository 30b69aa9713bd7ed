"""Downloads what we shipped and compares it: the only proof of content that the platform allows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from deployer.deployment.attempt import Outcome
from deployer.deployment.deploy import deploy
from deployer.deployment.record import Record
from deployer.deployment.site_work import SiteWork
from deployer.errors import NotFound, UsageError
from deployer.model.digest import blob_digest
from deployer.model.files import FileEntry
from deployer.model.manifest import Manifest
from deployer.model.overrides import Overrides
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
    """What was compared, and every difference."""

    commit: str
    """The commit whose files they are, as recorded."""
    compared: int
    differences: tuple[Difference, ...]
    kept: int
    """Files below `keep`: the site may write them, so they are not compared."""

    def as_json(self) -> dict[str, Any]:
        return {
            "commit": self.commit,
            "compared": self.compared,
            "kept": self.kept,
            "differences": [{"path": d.path, "fault": str(d.fault)} for d in self.differences],
        }


def verify(work: SiteWork) -> Verification:
    """Compare every recorded file, one request each; costs a minute per forty files on the platform.

    Raises UsageError when nothing is recorded.
    """
    manifest = Record(work.site, work.api).read()
    if manifest.commit is None:
        raise UsageError(
            f"nothing is recorded as shipped to {work.site.domain}", hint="`deployer sync` ships something."
        )
    keep = PathPatterns(work.site.files.keep)
    files = {path: entry for path, entry in manifest.files.items() if path not in keep}
    differences = [*_files(work, files, manifest.target), *_wsgi(work, manifest)]
    work.reporter.finished()
    return Verification(
        commit=manifest.commit,
        compared=len(files) + (manifest.settings.wsgi is not None),
        differences=tuple(differences),
        kept=len(manifest.files) - len(files),
    )


def heal(work: SiteWork, found: Verification) -> Outcome:
    """Send again what differs, by an ordinary deployment of the commit that is recorded."""
    commit = work.repository.resolve(found.commit)
    spoilt = frozenset(difference.path for difference in found.differences)
    return deploy(work.at(commit), commit, Overrides(), spoilt=spoilt)


def _files(work: SiteWork, files: Mapping[str, FileEntry], target: str) -> Iterator[Difference]:
    for number, (path, entry) in enumerate(sorted(files.items()), start=1):
        work.check_stop()
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
