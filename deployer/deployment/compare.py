"""What was put there against what is there, piece by piece: for whoever compares all of it at once, and
for whoever does so a little at a time.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from deployer.deployment.live import find_webapp, read_mappings, read_tasks, webapp_settings
from deployer.deployment.site_work import SiteWork
from deployer.errors import ApiError, CredentialsRefused, NotFound, Temporary
from deployer.model.digest import blob_digest
from deployer.model.endpoints import Endpoint
from deployer.model.files import FileEntry
from deployer.model.manifest import AppliedSettings, Manifest
from deployer.planning.patterns import PathPatterns
from deployer.planning.settings import same_mapping, same_task, setting_changes

Ask = Callable[[Endpoint], None]
"""Called before each request with what it will cost; what it raises ends the comparison."""


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

    def __str__(self) -> str:
        return f"{self.subject}: {self.fault}"


def comparable(work: SiteWork, manifest: Manifest) -> dict[str, FileEntry]:
    """The recorded files that the site may not write: path relative to the target -> entry."""
    keep = PathPatterns(work.site.files.keep)
    return {path: entry for path, entry in manifest.files.items() if path not in keep}


def compare_file(work: SiteWork, path: str, digest: str, ask: Ask) -> Fault | None:
    """One download. `path` is absolute on the server."""
    ask(Endpoint.FILES_PATH)
    try:
        content = work.api.files.read(path)
    except NotFound:
        return Fault.MISSING
    except (Temporary, CredentialsRefused):
        raise
    except ApiError:
        return Fault.NO_FILE
    return None if blob_digest(content, like=digest) == digest else Fault.DIFFERENT


def compare_settings(work: SiteWork, manifest: Manifest, ask: Ask) -> Iterator[Difference]:
    """One request per family that we have put something into."""
    applied = manifest.settings
    if applied.webapp is None and not applied.static and not applied.tasks:
        return
    work.reporter.observing("settings")
    ask(Endpoint.WEBAPPS)
    app = find_webapp(work.api, work.site)
    if app is None:
        yield Difference(subject=f"web app {work.site.domain}", fault=Fault.MISSING, is_file=False)
    else:
        if applied.webapp is not None:
            for name, _ in setting_changes(applied.webapp, webapp_settings(app)):
                yield Difference(subject=f"web app: {name}", fault=Fault.CHANGED, is_file=False)
        yield from _mappings(work, applied, ask)
    yield from _tasks(work, applied, ask)


def _mappings(work: SiteWork, applied: AppliedSettings, ask: Ask) -> Iterator[Difference]:
    if not applied.static:
        return
    ask(Endpoint.STATIC_FILES)
    there = {item.id: item.mapping for item in read_mappings(work.api, work.site)}
    for item in applied.static:
        mapping = there.get(item.id)
        if mapping is None or not same_mapping(mapping, item.mapping):
            fault = Fault.MISSING if mapping is None else Fault.CHANGED
            yield Difference(subject=f"static mapping {item.mapping.url}", fault=fault, is_file=False)


def _tasks(work: SiteWork, applied: AppliedSettings, ask: Ask) -> Iterator[Difference]:
    if not applied.tasks:
        return
    ask(Endpoint.SCHEDULE)
    there = {item.id: item.task for item in read_tasks(work.api, work.site)}
    for item in applied.tasks:
        task = there.get(item.id)
        if task is None or not same_task(task, item.task):
            fault = Fault.MISSING if task is None else Fault.CHANGED
            yield Difference(subject=f"task {item.task.name}", fault=fault, is_file=False)
