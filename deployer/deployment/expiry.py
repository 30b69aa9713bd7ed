"""What of a site ends unless somebody acts, how long that is, and what to do: the one home of that rule."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from deployer.errors import NotFound
from deployer.model.site import Site
from deployer.pythonanywhere import Certificate, PythonAnywhere, Task, WebApp

WEB_APP: Final = "web app"
CERTIFICATE: Final = "certificate"
PLATFORMS_OWN: Final = "pythonanywhere-subdomain"
"""The type of the certificate of the platform's own names, which it renews."""
LETSENCRYPT: Final = "letsencrypt-auto-renew"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Something with a last day. Paid accounts have none but their certificates'."""

    what: str
    """ "web app", "task nightly", "certificate"."""
    on: date
    what_to_do: str


def webapp_ending(app: WebApp) -> Ending | None:
    """There is no call for it: only a person who logs in can prolong it (help page "API")."""
    on = written_date(app.expiry)
    if on is None:
        return None
    return Ending(what=WEB_APP, on=on, what_to_do="Log in and press the button on the page Web.")


def task_ending(name: str, task: Task) -> Ending | None:
    """As a web app's; `extend_url` is a page for a browser as well."""
    on = written_date(task.expiry)
    if on is None:
        return None
    return Ending(what=f"task {name}", on=on, what_to_do="Log in and press the button on the page Tasks.")


def certificate_ending(certificate: Certificate, what_to_do: str = "") -> Ending | None:
    """None for the platform's own, and where it does not say when. `what_to_do`: our part in it."""
    if certificate.not_after is None or certificate.cert_type == PLATFORMS_OWN:
        return None
    if certificate.cert_type == LETSENCRYPT:
        to_do = "The platform renews it by itself; if it does not, look at the page Web."
    else:
        to_do = what_to_do or "Renew it: see `tls` in deployer.toml, or the page Web."
    return Ending(what=CERTIFICATE, on=certificate.not_after.date(), what_to_do=to_do)


def certificate_of(api: PythonAnywhere, site: Site) -> Certificate | None:
    """One request. None: there is none, or no such site. Raises ApiError."""
    try:
        return api.domains.certificate(site.domain) if site.command else api.ssl.get(site.domain)
    except NotFound:
        return None


def days_left(on: date, today: date) -> int:
    """0: it ends today; negative: it has ended."""
    return (on - today).days


def in_days(left: int) -> str:
    """How a person says it: "today", "in 3 days"; "2 days ago" for what has ended."""
    match left:
        case 0:
            return "today"
        case 1:
            return "tomorrow"
        case -1:
            return "yesterday"
    return f"in {left} days" if left > 0 else f"{-left} days ago"


def written_date(text: str | None) -> date | None:
    """None for no date, or for words in its place: the platform's own examples have "2020-04-1"."""
    try:
        year, month, day = (int(part) for part in (text or "")[:10].split("-"))
        return date(year, month, day)
    except ValueError:
        return None
