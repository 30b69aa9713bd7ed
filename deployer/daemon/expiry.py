"""What of a site ends unless somebody acts: its web app, its tasks, its certificate."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final

from deployer.daemon.announcement import Notice
from deployer.daemon.view import ExpiryView
from deployer.deployment.live import find_webapp
from deployer.errors import NotFound
from deployer.model.site import Site
from deployer.pythonanywhere import PythonAnywhere

NEAR_DAYS: Final = 7
CERTIFICATE_NEAR_DAYS: Final = 14
"""More, because Let's Encrypt's are due for renewal a month before: one that is still there has a problem."""
STAGES: Final = (7, 3, 1)
"""People are told at so many days before, and once when it has ended."""

CERTIFICATE: Final = "certificate"
_OWN_CERTIFICATE: Final = "pythonanywhere-subdomain"
"""The platform's own, which it renews."""


def read(api: PythonAnywhere, site: Site) -> tuple[ExpiryView, ...]:
    """At most three requests: web apps, tasks, certificate. Raises ApiError.

    Paid accounts have no dates for the first two, and the platform's own domains no certificate of theirs.
    """
    return tuple(_read(api, site))


def _read(api: PythonAnywhere, site: Site) -> Iterator[ExpiryView]:
    app = find_webapp(api, site)
    if app is not None and (on := _date(app.expiry)) is not None:
        yield ExpiryView(what="web app", on=on, what_to_do="Log in and extend it on the page Web.")
    label = site.task_label("")
    for task in api.schedule.list():
        description = task.description or ""
        if description.endswith(label) and (on := _date(task.expiry)) is not None:
            name = description.removesuffix(label)
            yield ExpiryView(what=f"task {name}", on=on, what_to_do="Log in and extend it on the page Tasks.")
    if app is not None:
        yield from _certificate(api, site)


def _certificate(api: PythonAnywhere, site: Site) -> Iterator[ExpiryView]:
    if site.domain.lower().endswith(".pythonanywhere.com"):
        return
    try:
        certificate = api.ssl.get(site.domain)
    except NotFound:
        return
    if certificate.not_after is not None and certificate.cert_type != _OWN_CERTIFICATE:
        yield ExpiryView(
            what=CERTIFICATE,
            on=certificate.not_after.date(),
            what_to_do="Renew it: see `tls` in deployer.toml, or the page Web.",
        )


def near(views: Iterable[ExpiryView], today: date) -> tuple[ExpiryView, ...]:
    """Those that end soon, and those that have ended; the most urgent first."""
    soon = (view for view in views if days_left(view, today) <= _near_days(view))
    return tuple(sorted(soon, key=lambda view: (view.on, view.what)))


def due(views: Iterable[ExpiryView], today: date) -> tuple[Notice, ...]:
    """What people should have been told by now; the announcer remembers what they were told.

    The last stage that was reached, so that a daemon that slept tells one of them, not all.
    """
    return tuple(_due(views, today))


def _due(views: Iterable[ExpiryView], today: date) -> Iterator[Notice]:
    for view in near(views, today):
        left = days_left(view, today)
        stage = 0 if left < 0 else min((stage for stage in STAGES if left <= stage), default=None)
        if stage is not None:
            when = f"ended on {view.on}" if left < 0 else f"ends on {view.on}, {_in_days(left)}"
            text = f"the {view.what} {when}. {view.what_to_do}"
            yield Notice(what=view.what, on=view.on, stage=stage, text=text)


def days_left(view: ExpiryView, today: date) -> int:
    """0: it ends today; negative: it has ended."""
    return (view.on - today).days


def _in_days(left: int) -> str:
    if left == 0:
        return "today"
    return "tomorrow" if left == 1 else f"in {left} days"


def _near_days(view: ExpiryView) -> int:
    return CERTIFICATE_NEAR_DAYS if view.what == CERTIFICATE else NEAR_DAYS


def _date(text: str | None) -> date | None:
    """None for no date, or for words in its place: the platform's own examples have "2020-04-1"."""
    try:
        year, month, day = (int(part) for part in (text or "")[:10].split("-"))
        return date(year, month, day)
    except ValueError:
        return None
