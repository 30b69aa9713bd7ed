"""The four states that the page is looked at in."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

from deployer.daemon.view import DriftView, ExpiryView
from deployer.model.deployment import Deployment, Status
from tests.web.stand import Stand, commit, live_view, progress_of

EVIDENCE = """\
shop.example.org answers 500 instead of 200 at https://shop.example.org/healthz (3 tries in 30.2 s).
The site's error log says:
  2026-11-25 04:12:31,204: Error running WSGI application
  2026-11-25 04:12:31,206: ModuleNotFoundError: No module named 'shop.baskets'
  2026-11-25 04:12:31,206:   File "/var/www/shop_example_org_wsgi.py", line 16, in <module>
  2026-11-25 04:12:31,206:     application = get_wsgi_application()
  2026-11-25 04:12:31,206:   File "/home/alice/mysite/shop/urls.py", line 4, in <module>
  2026-11-25 04:12:31,206:     from shop.baskets import basket
The version before, 3333333333 "Sort the shelves by author", is live again.
Mend it and push, or `deployer sync --force` to try this commit once more."""


def deployed(stand: Stand, site: str, id_: str, subject: str, author: str = "Ada Author") -> Deployment:
    """A deployment that went well, with steps and log."""
    begun = stand.begin(site, commit(id_, subject, author))
    note(stand, begun, "deployment_started", commit=begun.commit, subject=subject, who="deployer@host")
    note(stand, begun, "planned", actions={"create": 2, "update": 1}, bytes=7200, notes=[])
    names = ("static/shelf.css", "templates/shelf.html", "bookshelf.py")
    for number, name in enumerate(names, start=1):
        path = f"/home/alice/mysite/{name}"
        stand.step(begun, number, "create" if number < 3 else "update", path, f"new in {begun.commit[:10]}")
        note(
            stand, begun, "action_confirmed", action="create", subject=path, bytes=1200 * number, seconds=0.21
        )
    note(stand, begun, "reloaded", outcome="ok", reason="files changed")
    note(stand, begun, "health_checked", well=True, status=200, problem="", seconds=0.4, tries=1)
    note(stand, begun, "live", commit=begun.commit, url=f"https://{site}.example.org/")
    return stand.end(begun, Status.LIVE)


def failed(stand: Stand, site: str, id_: str, subject: str, *, base: str) -> Deployment:
    begun = stand.begin(site, commit(id_, subject, "Cleo Committer"))
    note(stand, begun, "deployment_started", commit=begun.commit, subject=subject, who="deployer@host")
    stand.step(begun, 1, "update", "/home/alice/mysite/shop/urls.py", "changed since 3333333333")
    note(stand, begun, "waiting", level="info", endpoint="files/path", reason="rate limit", seconds=14.2)
    note(stand, begun, "reloaded", outcome="ok", reason="files changed")
    note(
        stand,
        begun,
        "health_checked",
        level="error",
        well=False,
        status=500,
        problem="500 instead of 200",
        tries=3,
    )
    note(stand, begun, "rolling_back", level="warning", left=begun.commit, to=base)
    return stand.end(begun, Status.FAILED, base=base, detail=EVIDENCE)


def note(stand: Stand, deployment: Deployment, event: str, *, level: str = "info", **fields: Any) -> None:
    moment = datetime.now(UTC).isoformat()
    stand.log(deployment, json.dumps({"event": event, "level": level, "timestamp": moment, **fields}))


def idle(stand: Stand) -> None:
    """Three quiet sites: one well, one with drift and an end in sight, one frozen."""
    deployed(stand, "blog", "1", "Open the blog")
    blog = deployed(stand, "blog", "2", "Write about the first hundred days of the bookshelf, with pictures")
    expiry = ExpiryView(what="web app", on=date.today() + timedelta(days=61), what_to_do="Extend it.")  # noqa: DTZ011
    looked = datetime.now(UTC) - timedelta(minutes=40)
    clean = DriftView(checked=looked, findings=(), complete=True)
    stand.add("blog", live=live_view(blog), expiry=(expiry,), drift=clean)
    docs = deployed(stand, "docs", "5", "Explain the limit", "Grace Writer")
    soon = ExpiryView(
        what="certificate",
        on=date.today() + timedelta(days=5),  # noqa: DTZ011
        what_to_do="Renew it, then reload the daemon.",
    )
    found = ("~/docs/index.html is gone", "~/docs/robots.txt has other content")
    stand.add(
        "docs",
        live=live_view(docs, hours=75),
        drift=DriftView(checked=looked, findings=found, complete=False),
        expiry=(soon,),
    )
    shop = deployed(stand, "shop", "3", "Sort the shelves by author")
    stand.add("shop", live=live_view(shop, hours=20), frozen="Sale until Friday, ask Grace")


def deploying(stand: Stand) -> Deployment:
    """`shop` is in the middle of a deployment; returns that."""
    idle(stand)
    stand.thaw("shop")
    begun = stand.begin("shop", commit("4", "Let visitors keep a basket", "Cleo Committer"))
    note(stand, begun, "deployment_started", commit=begun.commit, subject=begun.subject, who="deployer@host")
    for number in range(1, 13):
        path = f"/home/alice/mysite/shop/templates/part-{number}.html"
        stand.step(begun, number, "create", path, "new in 4444444444")
        note(
            stand, begun, "action_confirmed", action="create", subject=path, bytes=1200 * number, seconds=0.2
        )
    stand.change("shop", running=progress_of(begun, waiting_s=8.4))
    return begun


def failing(stand: Stand) -> Deployment:
    """The last deployment of `shop` failed, and what is there needs a person; returns that."""
    idle(stand)
    stand.thaw("shop")
    bad = failed(stand, "shop", "4", "Let visitors keep a basket", base="3" * 40)
    stand.change("shop", problem=EVIDENCE.splitlines()[0])
    return bad


def rolled_back(stand: Stand) -> Deployment:
    """As `failing`, and the version before was put back; returns the one that failed."""
    bad = failing(stand)
    back = deployed(stand, "shop", "3", "Sort the shelves by author")
    stand.change("shop", live=live_view(back, hours=0.1))
    return bad
