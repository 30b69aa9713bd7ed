"""Compares what we put there with what is there: content by downloading it, the only proof that the
platform allows, and settings by reading them.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from deployer.deployment.attempt import Outcome
from deployer.deployment.deploy import deploy
from deployer.deployment.live import find_webapp, read_mappings, read_tasks, webapp_settings
from deployer.deployment.record import Record
from deployer.deployment.site_work import SiteWork
from deployer.errors import ApiError, CredentialsRefused, NotFound, Temporary, UsageError
from deployer.model.digest import blob_digest
from deployer.model.files import FileEntry
from deployer.model.manifest import AppliedSettings, Manifest
from deployer.model.overrides import Overrides
from deployer.planning.patterns import PathPatterns
from deployer.planning.settings import same_mapping, same_task, setting_changes


class Fault(StrEnum):
    """How something on the server differs from what was put there."""

    MISSING = "missing"
    DIFFERENT = "different content"
    NO_FILE = "no file"
    """A folder stands in its place, or something that cannot be read."""
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is not as it was put there."""

    subject: str
    """A file's path relative to the target, the WSGI file's own, or a setting by name."""
    fault: Fault
    is_file: bool = True


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
    keep = PathPatterns(work.site.files.keep)
    files = {path: entry for path, entry in manifest.files.items() if path not in keep}
    chosen = files
    if sample is not None and sample < len(files):
        chosen = {path: files[path] for path in random.sample(sorted(files), sample)}
    differences = (*_files(work, chosen, manifest.target), *_wsgi(work, manifest), *_settings(work, manifest))
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


def _files(work: SiteWork, files: Mapping[str, FileEntry], target: str) -> Iterator[Difference]:
    for number, (path, entry) in enumerate(sorted(files.items()), start=1):
        work.check_stop()
        work.reporter.observing(f"{path} ({number} of {len(files)})")
        fault = _compare(work, f"{target}/{path}", entry.digest)
        if fault is not None:
            yield Difference(subject=path, fault=fault)


def _wsgi(work: SiteWork, manifest: Manifest) -> Iterator[Difference]:
    if manifest.settings.wsgi:
        fault = _compare(work, work.site.wsgi_path, manifest.settings.wsgi)
        if fault is not None:
            yield Difference(subject=work.site.wsgi_path, fault=fault)


def _compare(work: SiteWork, path: str, digest: str) -> Fault | None:
    try:
        content = work.api.files.read(path)
    except NotFound:
        return Fault.MISSING
    except (Temporary, CredentialsRefused):
        raise
    except ApiError:
        return Fault.NO_FILE
    return None if blob_digest(content, like=digest) == digest else Fault.DIFFERENT


def _settings(work: SiteWork, manifest: Manifest) -> Iterator[Difference]:
    """One request per family that we have put something into."""
    applied = manifest.settings
    if applied.webapp is None and not applied.static and not applied.tasks:
        return
    work.reporter.observing("settings")
    app = find_webapp(work.api, work.site)
    if app is None:
        yield Difference(subject=f"web app {work.site.domain}", fault=Fault.MISSING, is_file=False)
    else:
        if applied.webapp is not None:
            for name, _ in setting_changes(applied.webapp, webapp_settings(app)):
                yield Difference(subject=f"web app: {name}", fault=Fault.CHANGED, is_file=False)
        yield from _mappings(work, applied)
    yield from _tasks(work, applied)


def _mappings(work: SiteWork, applied: AppliedSettings) -> Iterator[Difference]:
    there = {item.id: item.mapping for item in read_mappings(work.api, work.site)} if applied.static else {}
    for item in applied.static:
        mapping = there.get(item.id)
        if mapping is None or not same_mapping(mapping, item.mapping):
            fault = Fault.MISSING if mapping is None else Fault.CHANGED
            yield Difference(subject=f"static mapping {item.mapping.url}", fault=fault, is_file=False)


def _tasks(work: SiteWork, applied: AppliedSettings) -> Iterator[Difference]:
    there = {item.id: item.task for item in read_tasks(work.api, work.site)} if applied.tasks else {}
    for item in applied.tasks:
        task = there.get(item.id)
        if task is None or not same_task(task, item.task):
            fault = Fault.MISSING if task is None else Fault.CHANGED
            yield Difference(subject=f"task {item.task.name}", fault=fault, is_file=False)
