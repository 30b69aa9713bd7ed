"""What `deployer status` tells: what is live, what differs, what runs out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from deployer.deployment.expiry import Ending
from deployer.deployment.look import (
    AlwaysOnSeen,
    CertificateSeen,
    DiskSeen,
    Look,
    TaskSeen,
    WebAppSeen,
    disk_of,
)
from deployer.deployment.site_work import SiteWork
from deployer.model.endpoints import Endpoint
from deployer.model.manifest import Live, Manifest
from deployer.pythonanywhere import CpuUsage


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """For a program, and for the words of the command. What `unknown` names is None, empty or too little."""

    live: Live | None
    release: str | None
    """Which release that is, where the site has any."""
    on_server: str
    """What is there in place of what is live; empty when that is the same."""
    pending: str
    """Who is deploying now, or whose deployment was cut off; empty: nobody's."""
    drift: str
    disk: DiskSeen | None
    webapp: WebAppSeen | None
    certificate: CertificateSeen | None
    """None also where there is no web app."""
    tasks: tuple[TaskSeen, ...]
    always_on: tuple[AlwaysOnSeen, ...]
    expiry: tuple[Ending, ...]
    cpu: CpuUsage | None
    window_s: float
    """Seconds that the next file request would have to wait for the platform's limit."""
    unknown: Mapping[str, str]
    """What could not be read, by the name of its field here, and why. `live` stands for the whole record."""


def overview(work: SiteWork) -> Overview:
    """Reads, and writes nothing: the record, the tree, web apps and CPU; scheduled tasks, always-on tasks and
    the certificate only where the site has some of its own. One request each.

    What cannot be read keeps nothing else from being told. Raises CredentialsRefused, and Unreachable where
    not even the record was answered.
    """
    now = datetime.now(UTC)
    look = Look(work, now)
    manifest = look.record()
    webapp = look.webapp()
    seen = Overview(
        live=manifest.live if manifest else None,
        release=manifest.release.id if manifest and manifest.release else None,
        on_server=_on_server(manifest) if manifest else "",
        pending=_pending(manifest, work.state.owner, now) if manifest else "",
        drift=look.drift(manifest) if manifest else "",
        disk=disk_of(manifest) if manifest else None,
        webapp=webapp,
        certificate=look.certificate() if webapp is None or webapp.is_there else None,
        tasks=look.tasks(manifest) if manifest else (),
        always_on=look.always_on(manifest) if manifest else (),
        cpu=look.cpu(),
        expiry=tuple(look.endings),
        window_s=work.api.budget.estimate({Endpoint.FILES_PATH: 1}),
        unknown=look.unknown,
    )
    work.reporter.finished()
    return seen


def _on_server(manifest: Manifest) -> str:
    failed = manifest.failed
    words = f"; {failed.commit[:10]} {failed.reason}" if failed else ""
    if manifest.commit is not None and (manifest.live is None or manifest.commit != manifest.live.commit):
        return f"{manifest.commit[:10]}, which was never seen to answer well{words}: `deployer rollback`"
    return words.removeprefix("; ")


def _pending(manifest: Manifest, owner: str, now: datetime) -> str:
    pending = manifest.pending
    if pending is None:
        return ""
    what = f"{pending.commit[:10]} by {pending.who} since {pending.started:%Y-%m-%d %H:%M:%S} UTC"
    if pending.owner == owner:
        return f"{what}: begun here; if it is not running any more, `deployer sync` goes on with it"
    over = pending.expires <= now
    return f"{what}: cut off, the next `deployer sync` takes over" if over else what
