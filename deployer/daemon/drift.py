"""Looks at one site's server for what others have changed there, with what requests deployments leave.

Every look compares the names and the settings, and the content of a few files more, so that several looks
together compare all of it. Nothing is ever written on the server.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from deployer.daemon.drift_memory import Memory
from deployer.daemon.kept import Kept
from deployer.daemon.view import DriftView
from deployer.deployment.compare import (
    Ask,
    Difference,
    Fault,
    comparable,
    compare_file,
    compare_settings,
)
from deployer.deployment.record import Record
from deployer.deployment.site_work import SiteWork
from deployer.deployment.verify import Verification
from deployer.errors import ApiError, CredentialsRefused, NotFound, Temporary
from deployer.events import log
from deployer.model.endpoints import Endpoint
from deployer.model.manifest import Manifest
from deployer.planning.changes import restore_vanished
from deployer.planning.listing import Listing, Presence

_LEFT_FREE: Final = 4
"""One part in so many of an endpoint's budget is left to whoever deploys."""


class _GaveWay(Exception):
    """A deployment waits, or the budget is needed: the look ends early, and the next one goes on."""


class DriftWatch:
    """The looks at one site. One look at a time; what they found is on disk."""

    def __init__(self, folder: Path, *, site: str, may_go_on: Callable[[], bool]) -> None:
        """`folder` is the state folder. `may_go_on` is asked before each request: False as soon as a
        deployment of the account waits or runs.
        """
        self._site = site
        self._kept = Kept(folder / "drift" / f"{site}.json")
        self._may_go_on = may_go_on
        self._memory = Memory.from_json(self._kept.read())

    def view(self) -> DriftView | None:
        """What looks have found so far, also those of an earlier process; None: nobody has looked."""
        return self._memory.view() if self._memory else None

    def found(self) -> Verification | None:
        """The same for `deployer.deployment.verify.heal`; None: there is nothing to heal."""
        return self._memory.verification() if self._memory and self._memory.differences else None

    def look(self, work: SiteWork, *, files: int) -> DriftView:
        """Look once, at the content of so many files; ends early rather than be in a deployment's way.

        Costs at most a request for the record (two where something differs), one for the tree, one for
        each folder in doubt, three for settings, and `files`. Raises ApiError, Interrupted, NeedsPerson for
        a damaged record, and UsageError when the state folder cannot be written.
        """
        before = self._memory or Memory()
        look = _Look(work, self._asking(work), before)
        gave_way = False
        try:
            look.run(files)
        except _GaveWay:
            gave_way = True
        if look.memory.differences != before.differences and not self._still_so(look, work):
            look.memory = before
        self._memory = look.memory
        self._kept.write(self._memory.as_json())
        view = self._memory.view() or DriftView(checked=datetime.now(UTC), findings=(), complete=False)
        log.info(
            "drift_looked",
            site=self._site,
            differences=len(self._memory.differences),
            complete=view.complete,
            gave_way=gave_way,
        )
        return view

    def _asking(self, work: SiteWork) -> Ask:
        budget = work.api.budget

        def ask(endpoint: Endpoint) -> None:
            work.check_stop()
            left = budget.free(endpoint) - 1
            if not self._may_go_on() or left * _LEFT_FREE < budget.limit(endpoint):
                raise _GaveWay

        return ask

    def _still_so(self, look: "_Look", work: SiteWork) -> bool:
        """Whether no deployment, from wherever, came between reading the record and what differs from it.

        One request more than the rule allows: without it nothing could ever be found on a small budget.
        """
        if look.manifest is None:
            return True
        if not self._may_go_on():
            return False
        now = Record(work.site, work.api).read()
        return now.pending is None and _identity(now) == _identity(look.manifest)


class _Look:
    """One look. `memory` is right whenever it is left, also half way."""

    def __init__(self, work: SiteWork, ask: Ask, memory: Memory) -> None:
        self.work = work
        self.ask = ask
        self.memory = memory
        self.manifest: Manifest | None = None

    def run(self, files: int) -> None:
        self.ask(Endpoint.FILES_PATH)
        manifest = Record(self.work.site, self.work.api).read()
        if manifest.commit is None or manifest.pending is not None:
            return  # nothing is recorded, or a deployment is under way: what differs is its business
        self.manifest = manifest
        items = self._items(manifest)
        if self.memory.of != _identity(manifest):
            self.memory = self._begun_anew(manifest, items)
        self.memory = replace(
            self.memory,
            files=len(items),
            kept=len(manifest.files) + _wsgi_count(manifest) - len(items),
            content=tuple(item for item in self.memory.content if item.subject in items),
        )
        self.memory = replace(self.memory, names=tuple(self._names(manifest)))
        settings = tuple(compare_settings(self.work, manifest, self.ask))
        self.memory = replace(self.memory, settings=settings, checked=datetime.now(UTC))
        self._content(items, files)

    def _items(self, manifest: Manifest) -> dict[str, tuple[str, str]]:
        """What is compared: subject -> absolute path and digest. The WSGI file's subject is its path."""
        items = {
            path: (f"{manifest.target}/{path}", entry.digest)
            for path, entry in comparable(self.work, manifest).items()
        }
        if manifest.settings.wsgi:
            items[self.work.site.wsgi_path] = (self.work.site.wsgi_path, manifest.settings.wsgi)
        return items

    def _begun_anew(self, manifest: Manifest, items: Mapping[str, tuple[str, str]]) -> Memory:
        """After a deployment: what differed still does, unless it was sent again, or is in another release
        than the one that is live now.
        """
        sent = self.work.state.confirmed(manifest.live.deployment) if manifest.live else {}
        left = [item for item in self.memory.content if item.subject in items]
        if manifest.release is not None:
            left = [item for item in left if item.subject == self.work.site.wsgi_path]
        return replace(
            self.memory,
            of=_identity(manifest),
            commit=manifest.commit or "",
            after="",
            passed=0,
            complete=False,
            content=tuple(item for item in left if items[item.subject][0] not in sent),
        )

    def _names(self, manifest: Manifest) -> list[Difference]:
        """Files that are not there, each proven by the listing of its own folder."""
        files = comparable(self.work, manifest)
        listing = self._tree(manifest.place)
        found = []
        for change in restore_vanished((), replace(manifest, target=manifest.place), listing):
            if change.path not in files:
                continue
            path = f"{manifest.place}/{change.path}"
            while (folder := listing.next_to_list(path)) is not None:
                listing.learn(folder, self._entries(folder))
            presence = listing.presence(path)
            if presence is not Presence.FILE:
                fault = Fault.NO_FILE if presence is Presence.DIRECTORY else Fault.MISSING
                found.append(Difference(subject=change.path, fault=fault))
        return found

    def _tree(self, target: str) -> Listing:
        self.ask(Endpoint.FILES_TREE)
        self.work.reporter.observing(target)
        try:
            return Listing(target, self.work.api.files.tree(target))
        except (Temporary, CredentialsRefused):
            raise
        except ApiError as error:
            if error.status not in (400, 404):
                raise
            return Listing(target, None)  # not there, or no folder

    def _entries(self, folder: str) -> Mapping[str, str] | None:
        self.ask(Endpoint.FILES_PATH)
        self.work.reporter.observing(folder)
        try:
            return self.work.api.files.list_directory(folder)
        except NotFound:
            return None

    def _content(self, items: Mapping[str, tuple[str, str]], files: int) -> None:
        order = sorted(items)
        if not order:
            self.memory = replace(self.memory, complete=True)
            return
        gone = {difference.subject for difference in self.memory.names}
        again, following = self.memory.next_files(order, files)
        for path in again:
            self._compare(path, *items[path])
        for path in following:
            if path in gone:
                self.memory = self.memory.compared(path, None)
            elif path not in again:
                self._compare(path, *items[path])
            self.memory = self.memory.come_to(path, order)

    def _compare(self, subject: str, path: str, digest: str) -> None:
        self.work.reporter.observing(subject)
        self.memory = self.memory.compared(subject, compare_file(self.work, path, digest, self.ask))


def _identity(manifest: Manifest) -> str:
    """Another one after every deployment."""
    live = manifest.live.deployment if manifest.live else ""
    return f"{manifest.commit} {live}"


def _wsgi_count(manifest: Manifest) -> int:
    return int(bool(manifest.settings.wsgi))
