"""Who is told of what: announcements and commit statuses, from what the workers report."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import Any

from deployer.config import Context, MachineConfig, read_secret
from deployer.config.machine_file import CommitStatusTable
from deployer.daemon.announce import Announcer
from deployer.daemon.announcement import SiteState, Standing
from deployer.daemon.commit_status import CommitStatus, CommitStatuses, Forge, Mark
from deployer.daemon.expiry import due
from deployer.daemon.hooks import Ended
from deployer.daemon.view import DriftView, ExpiryView
from deployer.errors import ConfigError, DeployerError, Interrupted, Refused, RolledBack, UsageError
from deployer.events import log
from deployer.model.deployment import Status
from deployer.secret import Secret


class SiteTelling:
    """One site's announcer and marks, and the state that they are decided by."""

    def __init__(self, context: Context, machine: MachineConfig, environ: Mapping[str, str]) -> None:
        self.site = str(context.site)
        self._state = SiteState(site=self.site, domain=self.site, standing=Standing.NEW)
        self._lock = RLock()
        folder = context.state.value
        table = context.table
        sources = [*machine.daemon.announce, *(table.announce if table else ())]
        targets = [read_secret(source, environ, folder=machine.folder) for source in sources]
        token = context.account.token.value
        self._announcer = Announcer(
            targets, site=self.site, folder=folder, secrets=[token] if token is not None else []
        )
        status = table.commit_status if table else None
        self._marks = _marks(status, self.site, folder, machine, environ) if status else None

    def knows(self, *, live: bool, domain: str | None) -> None:
        """What was true before this daemon had anything to tell."""
        with self._lock:
            standing = Standing.LIVE if live else Standing.NEW
            self._state = replace(self._state, standing=standing, domain=domain or self.site)
            if live:
                self._announcer.settle(self._state)

    def begun(self, ended: Ended, link: str) -> None:
        if ended.commit is not None:
            self._mark(ended.commit.id, Mark.PENDING, "deploying", link)

    def ended(self, ended: Ended, link: str) -> None:
        """Nothing is told of what will be tried again, or was stopped by a person."""
        error = ended.error
        if ended.will_retry or isinstance(error, Interrupted) or ended.commit is None:
            return
        commit = ended.commit
        unchanged = ended.outcome is not None and ended.outcome.deployment.status is Status.UNCHANGED
        self._mark(commit.id, *_verdict(error), link)
        if unchanged and self._state.standing is Standing.LIVE:
            return
        self._tell(
            domain=ended.domain or self._state.domain,
            standing=_standing(error),
            commit=commit.id,
            subject=commit.subject,
            author=commit.author,
            deployment=ended.order.id,
            seconds=ended.seconds,
            link=link,
            evidence=str(error) if error else "",
        )

    def drifted(self, drift: DriftView) -> None:
        self._tell(drift=drift.findings)

    def expiring(self, views: Iterable[ExpiryView]) -> None:
        self._tell(notices=due(views, datetime.now(UTC).date()))

    def close(self, timeout_s: float) -> None:
        self._announcer.close(timeout_s=timeout_s)
        if self._marks is not None:
            self._marks.close(timeout_s=timeout_s)

    def _tell(self, **news: Any) -> None:
        """`news` are fields of SiteState."""
        with self._lock:
            self._state = replace(self._state, **news)
            self._announcer.tell(self._state)

    def _mark(self, commit: str, mark: Mark, words: str, link: str) -> None:
        if self._marks is not None:
            self._marks.mark(CommitStatus(commit=commit, mark=mark, description=words, link=link))


class Telling:
    """All sites'. Safe to call from any thread."""

    def __init__(self, machine: MachineConfig, environ: Mapping[str, str]) -> None:
        self._machine = machine
        self._environ = environ
        self._sites: dict[str, SiteTelling] = {}
        self._lock = RLock()

    def configure(self, machine: MachineConfig, contexts: Iterable[Context]) -> None:
        """Also anew. Raises UsageError for a secret that is not there; nothing has changed then."""
        made: dict[str, SiteTelling] = {}
        try:
            for context in contexts:
                made[str(context.site)] = SiteTelling(context, machine, self._environ)
        except DeployerError as error:
            for telling in made.values():
                telling.close(0.0)
            raise UsageError(f"an announcement's secret: {error.message}", hint=error.hint) from None
        with self._lock:
            before, self._sites, self._machine = self._sites, made, machine
        for telling in before.values():
            telling.close(1.0)

    def site(self, name: str) -> SiteTelling | None:
        with self._lock:
            return self._sites.get(name)

    def begun(self, ended: Ended) -> None:
        if telling := self.site(ended.site):
            telling.begun(ended, self._link(ended))

    def ended(self, ended: Ended) -> None:
        if telling := self.site(ended.site):
            telling.ended(ended, self._link(ended))

    def stop(self, timeout_s: float) -> None:
        with self._lock:
            sites = list(self._sites.values())
        for telling in sites:
            telling.close(timeout_s / max(1, len(sites)))

    def _link(self, ended: Ended) -> str:
        table = self._machine.daemon
        base = (table.url or f"http://{table.listen}").rstrip("/")
        return f"{base}/deployments/{ended.order.id}"


def _standing(error: DeployerError | None) -> Standing:
    if error is None:
        return Standing.LIVE
    return Standing.FAILED if isinstance(error, RolledBack | Refused | UsageError) else Standing.DOWN


def _verdict(error: DeployerError | None) -> tuple[Mark, str]:
    if error is None:
        return Mark.SUCCESS, "live"
    words = error.message.splitlines()[0]
    if isinstance(error, RolledBack):
        return Mark.FAILURE, f"rolled back: {words}"
    if isinstance(error, Refused | ConfigError):
        return Mark.FAILURE, words
    return Mark.ERROR, words


def _marks(
    table: CommitStatusTable, site: str, folder: Path, machine: MachineConfig, environ: Mapping[str, str]
) -> CommitStatuses:
    token: Secret = read_secret(table.token, environ, folder=machine.folder)
    forge = Forge(provider=table.provider, repository=table.repository, token=token, api=table.api)
    log.debug("commit_status", site=site, provider=table.provider)
    return CommitStatuses(forge, site=site, folder=folder)
