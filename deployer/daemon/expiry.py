"""Reads when things of a site end, and decides when people are told of it."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final

from deployer.daemon.announcement import Notice
from deployer.daemon.view import ExpiryView
from deployer.deployment.expiry import (
    CERTIFICATE,
    Ending,
    certificate_ending,
    certificate_of,
    days_left,
    in_days,
    task_ending,
    webapp_ending,
)
from deployer.deployment.live import find_webapp
from deployer.model.site import Site
from deployer.pythonanywhere import PythonAnywhere

NEAR_DAYS: Final = 7
CERTIFICATE_NEAR_DAYS: Final = 14
"""More, because Let's Encrypt's are due for renewal a month before: one that is still there has a problem."""
STAGES: Final = (7, 3, 1)
"""People are told at so many days before, and once when it has ended."""


def read(api: PythonAnywhere, site: Site, renewing: str = "") -> tuple[ExpiryView, ...]:
    """At most three requests: web apps, tasks, certificate. Raises ApiError. `renewing`: what is to be done
    about a certificate of one's own.

    Paid accounts have no dates for the first two, and the platform's own domains no certificate of theirs.
    """
    return tuple(
        ExpiryView(what=ending.what, on=ending.on, what_to_do=ending.what_to_do)
        for ending in _endings(api, site, renewing)
        if ending is not None
    )


def _endings(api: PythonAnywhere, site: Site, renewing: str) -> Iterator[Ending | None]:
    app = None if site.command else find_webapp(api, site)
    if app is not None:
        yield webapp_ending(app)
    label = site.task_label("")
    for task in api.schedule.list():
        description = task.description or ""
        if description.endswith(label):
            yield task_ending(description.removesuffix(label), task)
    is_there = app is not None or site.command is not None
    if is_there and not site.has_platforms_certificate and (certificate := certificate_of(api, site)):
        yield certificate_ending(certificate, renewing)


def near(views: Iterable[ExpiryView], today: date) -> tuple[ExpiryView, ...]:
    """Those that end soon, and those that have ended; the most urgent first."""
    soon = (view for view in views if days_left(view.on, today) <= _near_days(view))
    return tuple(sorted(soon, key=lambda view: (view.on, view.what)))


def due(views: Iterable[ExpiryView], today: date) -> tuple[Notice, ...]:
    """What people should have been told by now; the announcer remembers what they were told.

    The last stage that was reached, so that a daemon that slept tells one of them, not all.
    """
    return tuple(_due(views, today))


def _due(views: Iterable[ExpiryView], today: date) -> Iterator[Notice]:
    for view in near(views, today):
        left = days_left(view.on, today)
        stage = 0 if left < 0 else min((stage for stage in STAGES if left <= stage), default=None)
        if stage is not None:
            when = f"ended on {view.on}" if left < 0 else f"ends on {view.on}, {in_days(left)}"
            text = f"the {view.what} {when}. {view.what_to_do}"
            yield Notice(what=view.what, on=view.on, stage=stage, text=text)


def _near_days(view: ExpiryView) -> int:
    return CERTIFICATE_NEAR_DAYS if view.what == CERTIFICATE else NEAR_DAYS
