"""The manifest on the server: read, written, and used as the lock between deployers.

The platform has no compare-and-swap and no lock; what a second deployer can see is this one file.
So the intent is written into it before anything else, and read back to be sure that it is ours.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from deployer.errors import NeedsPerson, NotFound, SiteBusy
from deployer.model.deployment import Deployment
from deployer.model.manifest import Manifest, ManifestUnreadable, Pending
from deployer.model.plan import SETTINGS_ACTIONS, DeleteFile, Plan, Upload, UploadWsgi
from deployer.model.site import Site
from deployer.pythonanywhere import PythonAnywhere

SHORTEST_LEASE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Record:
    """The manifest of one site."""

    site: Site
    api: PythonAnywhere

    def read(self) -> Manifest:
        """What is recorded; an empty manifest when nothing is. Raises NeedsPerson for a damaged one."""
        try:
            data = self.api.files.read(self.site.manifest_path)
        except NotFound:
            return Manifest.nothing(self.site)
        try:
            return Manifest.load(data)
        except ManifestUnreadable as error:
            raise NeedsPerson(
                f"{self.site.manifest_path} is not a record that can be understood: {error}",
                left="Nothing was written on the server.",
                hint="Delete that file on the server and run again: what is there already is then "
                "downloaded and compared, not overwritten.",
            ) from error

    def write(self, manifest: Manifest) -> None:
        self.api.files.write(self.site.manifest_path, manifest.dump())

    def claim(self, manifest: Manifest, pending: Pending) -> Manifest:
        """Write the intent and read it back. Raises SiteBusy when somebody else was quicker."""
        claimed = manifest.with_pending(pending)
        self.write(claimed)
        there = self.read().pending
        if there is None or there.deployment != pending.deployment:
            raise busy(self.site.domain, there)
        return claimed


def intent(plan: Plan, deployment: Deployment, *, owner: str, who: str, per_minute: int) -> Pending:
    """What is about to be done, for whoever comes next: us after a kill, or another deployer."""
    now = datetime.now(UTC)
    lease = max(SHORTEST_LEASE, timedelta(seconds=2 * plan.seconds_under_limit(per_minute)))
    return Pending(
        deployment=deployment.id,
        owner=owner,
        who=who,
        commit=plan.commit,
        started=now,
        expires=now + lease,
        paths=tuple(a.subject for a in plan.actions if isinstance(a, Upload | DeleteFile | UploadWsgi)),
        settings=any(isinstance(action, (*SETTINGS_ACTIONS, UploadWsgi)) for action in plan.actions),
    )


def is_busy(manifest: Manifest, *, owner: str) -> bool:
    """Whether somebody else's deployment is under way; our own cut-off one never locks us out."""
    pending = manifest.pending
    return pending is not None and pending.owner != owner and pending.expires > datetime.now(UTC)


def busy(domain: str, pending: Pending | None) -> SiteBusy:
    """The error that names the other deployer."""
    if pending is None:
        return SiteBusy(
            f"{domain} was taken by another deployer while we were about to begin",
            hint="Run it again in a moment.",
        )
    return SiteBusy(
        f"{domain} is being deployed by {pending.who}: commit {pending.commit[:10]}, "
        f"deployment {pending.deployment}, since {pending.started:%Y-%m-%d %H:%M:%S} UTC",
        hint=f"Wait until it has ended; its claim ends at {pending.expires:%Y-%m-%d %H:%M:%S} UTC by itself.",
    )
