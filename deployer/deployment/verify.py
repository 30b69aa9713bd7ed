"""Compares what we put there with what is there: content by downloading it, the only proof that the
platform allows, and settings by reading them.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deployer.deployment.attempt import Outcome
from deployer.deployment.compare import Ask, Difference, comparable, compare_file, compare_settings
from deployer.deployment.deploy import deploy
from deployer.deployment.record import Record
from deployer.deployment.site_work import SiteWork
from deployer.errors import UsageError
from deployer.model.endpoints import Endpoint
from deployer.model.files import FileEntry
from deployer.model.manifest import Manifest
from deployer.model.overrides import Overrides


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was compared, and every difference."""

    commit: str
    """The commit whose files they are, as recorded."""
    compared: int
    """Files."""
    of: int
    """Files that could have been compared; more than `compared` with a sample."""
    kept: int
    """Files below `keep`: the site may write them, so they are not compared."""
    differences: tuple[Difference, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "commit": self.commit,
            "compared": self.compared,
            "of": self.of,
            "kept": self.kept,
            "differences": [{"subject": d.subject, "fault": str(d.fault)} for d in self.differences],
        }


def verify(work: SiteWork, *, sample: int | None = None) -> Verification:
    """Compare the settings and every recorded file, or so many of them chosen by chance.

    One request each: a minute per forty files on the platform. Raises UsageError when nothing is
    recorded.
    """
    manifest = Record(work.site, work.api).read()
    if manifest.commit is None:
        raise UsageError(
            f"nothing is recorded as shipped to {work.site.domain}", hint="`deployer sync` ships something."
        )
    files = comparable(work, manifest)
    chosen = files
    if sample is not None and sample < len(files):
        chosen = {path: files[path] for path in random.sample(sorted(files), sample)}

    def ask(_: Endpoint) -> None:
        work.check_stop()

    differences = (
        *_files(work, chosen, manifest.target, ask),
        *_wsgi(work, manifest, ask),
        *compare_settings(work, manifest, ask),
    )
    work.reporter.finished()
    wsgi = int(bool(manifest.settings.wsgi))
    return Verification(
        commit=manifest.commit,
        compared=len(chosen) + wsgi,
        of=len(files) + wsgi,
        kept=len(manifest.files) - len(files),
        differences=differences,
    )


def heal(work: SiteWork, found: Verification) -> Outcome:
    """Put right what differs, by an ordinary deployment of the commit that is recorded."""
    commit = work.repository.resolve(found.commit)
    spoilt = frozenset(difference.subject for difference in found.differences if difference.is_file)
    settings = any(not difference.is_file for difference in found.differences)
    return deploy(work.at(commit), commit, Overrides(force=settings), spoilt=spoilt)


def _files(work: SiteWork, files: Mapping[str, FileEntry], target: str, ask: Ask) -> Iterator[Difference]:
    for number, (path, entry) in enumerate(sorted(files.items()), start=1):
        work.reporter.observing(f"{path} ({number} of {len(files)})")
        fault = compare_file(work, f"{target}/{path}", entry.digest, ask)
        if fault is not None:
            yield Difference(subject=path, fault=fault)


def _wsgi(work: SiteWork, manifest: Manifest, ask: Ask) -> Iterator[Difference]:
    if manifest.settings.wsgi:
        fault = compare_file(work, work.site.wsgi_path, manifest.settings.wsgi, ask)
        if fault is not None:
            yield Difference(subject=work.site.wsgi_path, fault=fault)
