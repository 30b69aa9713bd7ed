"""A daemon's view for tests: history in a real state folder, everything else as the test puts it."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from deployer.daemon.view import LiveView, Progress, SiteView
from deployer.errors import UsageError
from deployer.model.deployment import Deployment, Status, Step
from deployer.model.files import Commit, FileEntry
from deployer.model.order import Order, Work
from deployer.state import State


def commit(id_: str, subject: str, author: str = "Ada Author") -> Commit:
    return Commit(
        id=(id_ * 40)[:40], author=author, subject=subject, committed_at="2026-01-01T00:00:00+00:00"
    )


class Stand:
    """Implements View. What `sites()` says is `shown`, with the history of the state folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shown: dict[str, SiteView] = {}
        self.missing: tuple[str, ...] = ()
        self.posted: list[Order] = []
        self.cancelled: list[str] = []
        self.read = 0
        """How often the sites were asked for."""
        self._woken: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    def add(self, name: str, **fields: Any) -> SiteView:
        site = SiteView(
            name=name,
            account="alice",
            domain=f"{name}.example.org",
            url=f"https://{name}.example.org/",
            repo=f"/srv/git/{name}.git",
            branch="main",
            live=None,
            running=None,
            waiting=(),
            problem="",
            frozen=None,
            drift=None,
            expiry=(),
            history=(),
        )
        self.change(name, replace(site, **fields))
        return self.shown[name]

    def change(self, name: str, site: SiteView | None = None, **fields: Any) -> None:
        """Show something else of the site from now on, and wake whoever watches."""
        self.shown = {**self.shown, name: replace(site or self.shown[name], **fields)}
        self.wake()

    def wake(self) -> None:
        for woken in list(self._woken):
            woken()

    @property
    def watchers(self) -> int:
        return len(self._woken)

    def begin(self, site: str, of: Commit, *, id_: str | None = None) -> Deployment:
        """`id_` is that of the order which it carries out."""
        with self._state() as state:
            if id_:
                state.reserve(id_)
            begun = state.begin(f"{site}.example.org", of)
        self.wake()
        return begun

    def step(
        self, deployment: Deployment, number: int, action: str, subject: str, reason: str = "new"
    ) -> None:
        entry = FileEntry(digest="a" * 40, size=1200 * number, mode="100644")
        step = Step(
            number=number,
            action=action,
            subject=subject,
            reason=reason,
            entry=entry,
            ended=datetime.now(UTC),
            seconds=0.21 * number,
        )
        with self._state() as state:
            state.confirm(deployment.id, step)

    def log(self, deployment: Deployment, line: str) -> None:
        """`line` is a JSON object, as deployer.events keeps it."""
        with self._state() as state:
            state.log(deployment.id, line)
        self.wake()

    def end(
        self, deployment: Deployment, status: Status, *, base: str | None = None, detail: str = ""
    ) -> Deployment:
        with self._state() as state:
            ended = state.end(deployment, status, base=base, detail=detail)
        self.wake()
        return ended

    def sites(self) -> tuple[SiteView, ...]:
        self.read += 1
        return tuple(self.site(name) for name in self.shown)

    def site(self, name: str) -> SiteView:
        if name not in self.shown:
            raise UsageError(f"there is no site {name}")
        site = self.shown[name]
        with self._state() as state:
            return replace(site, history=tuple(state.deployments(site.domain, most=5)))

    def ready(self) -> tuple[str, ...]:
        return self.missing

    def history(self, site: str | None, *, most: int) -> Sequence[Deployment]:
        domain = self.site(site).domain if site else None
        with self._state() as state:
            return state.deployments(domain, most=most)

    def deployment(self, id_: str) -> Deployment:
        with self._state() as state:
            return state.deployment(id_)

    def order(self, id_: str) -> Order | None:
        return next((o for site in self.shown.values() for o in site.waiting if o.id == id_), None)

    def steps(self, deployment: str) -> Sequence[Step]:
        with self._state() as state:
            return state.steps(deployment)

    def events(self, deployment: str) -> Sequence[dict[str, Any]]:
        with self._state() as state:
            return state.events(deployment)

    def post(
        self,
        site: str,
        *,
        source: str,
        work: Work = Work.DEPLOY,
        force: bool = False,
        rev: str | None = None,
    ) -> Order:
        now = datetime.now(UTC)
        order = Order(
            id=f"{now:%Y%m%d-%H%M%S}-{site}-{len(self.posted):04}",
            site=site,
            work=work,
            sources=(source,),
            created=now,
            not_before=now,
            attempts=0,
            force=force,
            rev=rev,
        )
        self.posted.append(order)
        self.change(site, waiting=(order,))
        return order

    def cancel(self, site: str) -> bool:
        there = bool(self.shown[site].waiting or self.shown[site].running)
        self.cancelled.append(site)
        self.change(site, waiting=(), running=None)
        return there

    def freeze(self, site: str | None, message: str) -> None:
        for name in [site] if site else list(self.shown):
            self.change(name, frozen=message)

    def thaw(self, site: str | None) -> None:
        for name in [site] if site else list(self.shown):
            self.change(name, frozen=None)

    @contextmanager
    def watching(self, woken: Callable[[], None]) -> Iterator[None]:
        with self._lock:
            self._woken = [*self._woken, woken]
        try:
            yield
        finally:
            with self._lock:
                self._woken = [other for other in self._woken if other is not woken]

    def _state(self) -> State:
        return State(self.folder)


def live_view(deployment: Deployment, *, hours: float = 2) -> LiveView:
    return LiveView(
        commit=deployment.commit,
        subject=deployment.subject,
        author=deployment.author,
        deployment=deployment.id,
        since=datetime.now(UTC) - timedelta(hours=hours),
    )


def progress_of(deployment: Deployment, **fields: Any) -> Progress:
    """A quarter done, unless `fields` say otherwise."""
    start = Progress(
        deployment=deployment.id,
        commit=deployment.commit,
        subject=deployment.subject,
        started=deployment.started,
        phase="sending",
        done=12,
        steps=48,
        bytes_done=61_000,
        bytes_total=245_000,
        current="/home/alice/mysite/shop/templates/basket.html",
        seconds_left=54,
        waiting_s=0,
    )
    return replace(start, **fields)
