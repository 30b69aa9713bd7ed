"""Tells whoever asks how one order gets on, until it has ended."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from threading import Event
from typing import Any

from deployer.daemon.service import Daemon
from deployer.daemon.view import Progress
from deployer.errors import ExitStatus
from deployer.model.deployment import Deployment, Status
from deployer.model.order import Order
from deployer.state import End

PULSE_S = 5.0
"""How often a line is written at least, so that a follower that went away is noticed."""
EXIT_STATUS = {Status.LIVE: 0, Status.UNCHANGED: 0, Status.REFUSED: 3, Status.INTERRUPTED: 8}

STATUS = {int(ExitStatus.REFUSED): Status.REFUSED, int(ExitStatus.TEMPORARY): Status.INTERRUPTED}


def follow(daemon: Daemon, id_: str, *, wait: bool) -> Iterator[Mapping[str, Any]]:
    """Lines as the protocol has them; the first says which deployment it is.

    Raises UsageError when nothing has that id.
    """
    order = daemon.order(id_)
    if order is None and daemon.end_of(id_) is None:
        id_ = daemon.deployment(id_).id  # raises UsageError
    yield {"ok": True, "deployment": id_, "status_url": f"{daemon.url}/deployments/{id_}"}
    if not wait:
        return
    woken = Event()
    seen, quiet = 0, False
    last: Mapping[str, Any] | None = None
    with daemon.watching(woken.set):
        while True:
            woken.clear()
            # In this order: an order that ends is remembered as ended in the same moment.
            order = daemon.order(id_)
            end = daemon.end_of(id_) if order is None else None
            attempts = daemon.attempts(id_)
            deployment = attempts[-1] if attempts else None
            events = [event for attempt in attempts for event in daemon.events(attempt.id)]
            for event in events[seen:]:
                yield {"kind": "event", "event": event}
            seen = len(events)
            if order is None and (end is not None or (deployment and deployment.status.is_final)):
                yield _ended(daemon, id_, end, deployment)
                return
            ending = deployment is not None and deployment.status.is_final  # but for the order itself
            now = last if order is None or ending else _now(daemon, order)
            if now is not None and (now != last or quiet):
                yield now
                last = now
            quiet = not woken.wait(PULSE_S)


def _now(daemon: Daemon, order: Order) -> Mapping[str, Any]:
    running = daemon.site(order.site).running
    if running is not None and running.deployment == order.id:
        return _progress(running)
    if frozen := daemon.orders.frozen(order.site):
        return {"kind": "waiting", "why": f"deployments are frozen: {frozen}"}
    if order.problem:
        return {"kind": "waiting", "why": f"tried again at {order.not_before:%H:%M:%S} UTC: {order.problem}"}
    busy = "another deployment of the site is under way" if running else "its turn comes"
    return {"kind": "waiting", "why": busy}


def _progress(running: Progress) -> Mapping[str, Any]:
    shown = asdict(running)
    if running.seconds_left is not None:
        shown["seconds_left"] = round(running.seconds_left)
    shown["waiting_s"] = round(running.waiting_s)
    shown["started"] = running.started.isoformat()
    return {"kind": "progress", **shown}


def _ended(daemon: Daemon, id_: str, end: End | None, deployment: Deployment | None) -> Mapping[str, Any]:
    status = deployment.status if deployment else Status.REFUSED
    detail = deployment.detail if deployment else ""
    exit_status = EXIT_STATUS.get(status, int(ExitStatus.NEEDS_PERSON))
    if end is not None:  # the last attempt may have been the way back, which went well
        exit_status, detail = end.exit_status, end.detail or detail
        status = STATUS.get(exit_status, Status.FAILED) if exit_status else status
    domain = deployment.domain if deployment else None
    url = next((view.url for view in daemon.sites() if view.domain == domain), None)
    return {
        "kind": "ended",
        "deployment": id_,
        "status": str(status),
        "exit_status": exit_status,
        "detail": detail,
        "url": url,
    }
