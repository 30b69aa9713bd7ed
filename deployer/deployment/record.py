"""The manifest on the server: read, written, and used as the lock between deployers.

The platform has no compare-and-swap and no lock; what a second deployer can see is this one file,
where the last writer wins. So the intent is written into it soon after it was read, and read back
once nobody who had read it before could still be about to write (Fischer's mutual exclusion, which
needs nothing but a bound on how long anybody waits between reading and writing).
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from deployer.errors import NeedsPerson, NotFound, SiteBusy
from deployer.events import log
from deployer.model.actions import SETTINGS_ACTIONS, CreateThing, DeleteFile, Upload, UploadWsgi
from deployer.model.deployment import Deployment
from deployer.model.manifest import Manifest, ManifestUnreadable, Pending
from deployer.model.plan import Plan
from deployer.model.site import Site
from deployer.planning.changes import IN_DOUBT
from deployer.planning.facts import Facts
from deployer.planning.hooks import owed_paths
from deployer.planning.settings import LISTS
from deployer.pythonanywhere import PythonAnywhere

LEASE = timedelta(minutes=10)
"""How long a claim keeps others out after its owner was last heard of."""
FRESH_S = 0.5
"""A reading older than this is read again before anything is written on its strength."""
SETTLE_S = 1.0
"""After writing the claim: longer than anybody else can be between a fresh reading and their write."""


class Record:
    """The manifest of one site, as this process last saw it."""

    def __init__(self, site: Site, api: PythonAnywhere) -> None:
        self.site = site
        self.api = api
        self.seen: Manifest | None = None
        """What `read` gave last."""
        self._seen: bytes | None = None
        self._seen_at = 0.0

    def read(self) -> Manifest:
        """What is recorded; an empty manifest when nothing is. Raises NeedsPerson for a damaged one."""
        data = self._fetch()
        self._seen, self._seen_at = data, time.monotonic()
        if data is None:
            self.seen = Manifest.nothing(self.site)
            return self.seen
        try:
            self.seen = Manifest.load(data)
        except ManifestUnreadable as error:
            raise unreadable(self.site.manifest_path, error) from error
        return self.seen

    def write_unclaimed(self, manifest: Manifest) -> None:
        """For a record that is all there is to write. Raises SiteBusy when it changed since it was read."""
        self._check_unchanged()
        self.write(manifest)

    def write(self, manifest: Manifest) -> None:
        self.api.files.write(self.site.manifest_path, manifest.dump())

    def claim(self, manifest: Manifest, pending: Pending, pause: Callable[[float], None]) -> Manifest:
        """Write the intent and read it back. Raises SiteBusy when somebody else was quicker.

        `manifest` is what the plan was made from; the last `read` of this record must have given it.
        """
        self._check_unchanged()
        claimed = manifest.with_pending(pending)
        self.write(claimed)
        pause(SETTLE_S)
        self._check_ours(pending)
        log.info("claimed", until=pending.expires.isoformat())
        return claimed

    def renew(self, claimed: Manifest) -> Manifest:
        """Prolong a claim that has used up half of its lease. Raises SiteBusy when it was broken."""
        pending = claimed.pending
        if pending is None or pending.expires - datetime.now(UTC) > LEASE / 2:
            return claimed
        self._check_ours(pending)
        renewed = claimed.prolonged(datetime.now(UTC) + LEASE)
        self.write(renewed)
        log.info("claim_renewed", until=(datetime.now(UTC) + LEASE).isoformat())
        return renewed

    def _check_unchanged(self) -> None:
        """Nothing is written on the strength of an old reading."""
        seen = self._seen
        if time.monotonic() - self._seen_at > FRESH_S:
            there = self.read()
            if self._seen != seen:
                raise busy(self.site.domain, there.pending)

    def _check_ours(self, pending: Pending) -> None:
        there = self.read().pending
        if there is None or there.deployment != pending.deployment:
            raise busy(self.site.domain, there)

    def _fetch(self) -> bytes | None:
        try:
            return self.api.files.read(self.site.manifest_path)
        except NotFound:
            return None


def intent(facts: Facts, plan: Plan, deployment: Deployment, *, owner: str, who: str) -> Pending:
    """What is about to be done, for whoever comes next: us after a kill, or another deployer.

    What an earlier one left in doubt stays there until a deployment is complete, even if this one does
    nothing about it: the next may want something else again.
    """
    now = datetime.now(UTC)
    cut_off = facts.manifest.pending
    doubtful = (facts.site.on_server(change.path) for change in facts.changes if change.before == IN_DOUBT)
    written = (a.subject for a in plan.actions if isinstance(a, Upload | DeleteFile | UploadWsgi))
    creations = [action for action in plan.actions if isinstance(action, CreateThing)]
    announced: dict[str, Any] = {
        listed.name: tuple(action.thing for action in creations if action.family == listed.name)
        for listed in LISTS
    }
    return Pending(
        deployment=deployment.id,
        owner=owner,
        who=who,
        commit=plan.commit,
        started=now,
        expires=now + LEASE,
        paths=tuple(dict.fromkeys((*written, *doubtful))),
        settings=(cut_off is not None and cut_off.settings)
        or any(isinstance(action, (*SETTINGS_ACTIONS, UploadWsgi)) for action in plan.actions),
        hooks=owed_paths(facts, plan.actions),
        **announced,
    )


def unreadable(path: str, error: ManifestUnreadable) -> NeedsPerson:
    return NeedsPerson(
        f"{path} is not a record that can be understood: {error}",
        left="Nothing was written on the server.",
        hint="Delete ~/.deployer/<domain>/manifest.json on the server and run again: what is there already "
        "is then downloaded and compared, not overwritten.",
    )


def is_busy(manifest: Manifest, *, owner: str) -> bool:
    """Whether somebody else's deployment is under way; our own cut-off one never locks us out."""
    pending = manifest.pending
    return pending is not None and pending.owner != owner and pending.expires > datetime.now(UTC)


def busy(domain: str, pending: Pending | None) -> SiteBusy:
    """The error that names the other deployer."""
    if pending is None:
        return SiteBusy(
            f"{domain} was changed by another deployer while we looked at it",
            left="Nothing of this deployment was sent.",
            hint="Run it again.",
        )
    return SiteBusy(
        f"{domain} is being deployed by {pending.who}: commit {pending.commit[:10]}, "
        f"deployment {pending.deployment}, since {pending.started:%Y-%m-%d %H:%M:%S} UTC",
        hint=f"Wait until it has ended; its claim ends at {pending.expires:%Y-%m-%d %H:%M:%S} UTC by "
        "itself. If you know that it is dead, `deployer unlock` breaks it.",
    )
