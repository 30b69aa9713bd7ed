"""What `deployer status` tells: what is live, what differs, what runs out."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

from deployer.deployment.live import find_webapp
from deployer.deployment.record import Record
from deployer.deployment.site_work import SiteWork
from deployer.errors import ApiError, NotFound
from deployer.model.endpoints import Endpoint
from deployer.model.manifest import Live, Manifest
from deployer.planning.changes import restore_vanished
from deployer.planning.listing import Listing


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Sentences and values for a person or a program."""

    live: Live | None
    files: int
    on_server: str
    """What is there in place of what is live; empty when that is the same."""
    pending: str
    """Who is deploying now, or whose deployment was cut off; empty: nobody's."""
    drift: str
    webapp: str
    tasks: tuple[str, ...]
    cpu: str
    window_s: float
    """Seconds that the next file request would have to wait for the platform's limit."""


def overview(work: SiteWork) -> Overview:
    """Reads, and writes nothing: manifest, tree, web apps, tasks where there are any, CPU."""
    manifest = Record(work.site, work.api).read()
    seen = Overview(
        live=manifest.live,
        files=len(manifest.files),
        on_server=_on_server(manifest),
        pending=_pending(manifest, work.state.owner),
        drift=_drift(work, manifest),
        webapp=_webapp(work),
        tasks=tuple(_tasks(work, manifest)),
        cpu=_cpu(work),
        window_s=work.api.budget.estimate({Endpoint.FILES_PATH: 1}),
    )
    work.reporter.finished()
    return seen


def _on_server(manifest: Manifest) -> str:
    failed = manifest.failed
    words = f"; {failed.commit[:10]} {failed.reason}" if failed else ""
    if manifest.commit is not None and (manifest.live is None or manifest.commit != manifest.live.commit):
        return f"{manifest.commit[:10]}, which was never seen to answer well{words}: `deployer rollback`"
    return words.removeprefix("; ")


def _pending(manifest: Manifest, owner: str) -> str:
    pending = manifest.pending
    if pending is None:
        return ""
    what = f"{pending.commit[:10]} by {pending.who} since {pending.started:%Y-%m-%d %H:%M:%S} UTC"
    if pending.owner == owner:
        return f"{what}: begun here; if it is not running any more, `deployer sync` goes on with it"
    over = pending.expires <= datetime.now(UTC)
    return f"{what}: cut off, the next `deployer sync` takes over" if over else what


def _drift(work: SiteWork, manifest: Manifest) -> str:
    if not manifest.files:
        return "nothing was shipped so far"
    try:
        listing = Listing(manifest.target, work.api.files.tree(manifest.target))
    except NotFound:
        return f"{manifest.target} is gone: `deployer sync` sends it again"
    if listing.is_cut:
        return "not known: the site has more names than the platform lists; `deployer verify` compares"
    missing = restore_vanished((), manifest, listing)
    if missing:
        names = ", ".join(change.path for change in missing[:3])
        return (
            f"{len(missing)} of {len(manifest.files)} files are missing ({names}): `deployer sync` sends them"
        )
    return f"all names of {len(manifest.files)} files are there; `deployer verify` compares their content"


def _webapp(work: SiteWork) -> str:
    app = find_webapp(work.api, work.site)
    if app is None:
        return f"{work.site.domain} is not there: `deployer sync --force` creates it"
    return f"Python {app.python_version}{_expiry(app.expiry, 'the web app')}"


def _tasks(work: SiteWork, manifest: Manifest) -> Iterator[str]:
    if not manifest.settings.tasks:
        return
    live = {task.id: task for task in work.api.schedule.list()}
    for item in manifest.settings.tasks:
        task = live.get(item.id)
        if task is None:
            yield f"{item.task.name}: gone from the server, `deployer sync --force` creates it"
        else:
            off = "" if task.enabled is not False else ", switched off"
            yield f"{item.task.name}: {item.task.command}{off}{_expiry(task.expiry, 'it')}"


def _expiry(text: str | None, what: str) -> str:
    if not text:
        return ""
    try:
        left = (date.fromisoformat(text[:10]) - datetime.now(UTC).date()).days
    except ValueError:
        return f", expires {text}"
    return f", expires {text} (in {left} days: log in and extend {what} before)"


def _cpu(work: SiteWork) -> str:
    try:
        usage = work.api.cpu()
    except ApiError as error:
        return f"not known: {error.message}"
    used = "?" if usage.used_s is None else f"{usage.used_s:.1f}"
    limit = "?" if usage.limit_s is None else str(usage.limit_s)
    return f"{used} of {limit} seconds used today"
