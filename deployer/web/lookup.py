"""Everything that a daemon knows of one deployment: it may wait, run, or be history."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from deployer.daemon.view import Progress, SiteView, View
from deployer.errors import UsageError
from deployer.model.deployment import Deployment, Status
from deployer.model.order import Order

WAITING = "waiting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One deployment; `deployment` is None before its first attempt has begun."""

    id: str
    status: str
    """ "waiting", or a word of the history."""
    site: SiteView | None
    """None: a site that this daemon no longer has."""
    deployment: Deployment | None
    order: Order | None
    progress: Progress | None

    @property
    def ended(self) -> bool:
        return self.status not in {WAITING, Status.RUNNING}


def find(view: View, id_: str) -> Found:
    """Raises UsageError for an id that nothing has."""
    sites = view.sites()
    running = {site.running.deployment: site for site in sites if site.running}
    order = view.order(id_)
    try:
        deployment = view.deployment(id_)
    except UsageError:
        if order is None and id_ not in running:
            raise
        deployment = None
    id_ = deployment.id if deployment else id_
    site = running.get(id_)
    status = str(Status.RUNNING)
    if site is None and order is not None:
        # An attempt that met a temporary failure is in the history, and its order waits for the next one.
        status, site = WAITING, _first(site for site in sites if site.name == order.site)
    elif site is None and deployment is not None:
        status = str(deployment.status)
        site = _first(site for site in sites if site.domain == deployment.domain)
    return Found(
        id=id_,
        status=status,
        site=site,
        deployment=deployment,
        order=order,
        progress=running[id_].running if id_ in running else None,
    )


def _first(sites: Iterable[SiteView]) -> SiteView | None:
    return next(iter(sites), None)


def events(view: View, id_: str) -> Sequence[dict[str, Any]]:
    """The log so far; empty for one that has not begun."""
    try:
        return view.events(id_)
    except UsageError:
        return ()
