"""What can be done to a site from outside, the same for the API and the page."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from deployer.daemon.view import View
from deployer.model.order import Order, Work


class Deed(StrEnum):
    DEPLOY = "deploy"
    ROLLBACK = "rollback"
    CANCEL = "cancel"
    FREEZE = "freeze"
    THAW = "thaw"


OPTIONS: Mapping[Deed, Mapping[str, type]] = {
    Deed.DEPLOY: {"force": bool},
    Deed.ROLLBACK: {"rev": str},
    Deed.CANCEL: {},
    Deed.FREEZE: {"message": str},
    Deed.THAW: {},
}
"""What each may be told besides the site."""

_NO_REASON = "no reason given"
_LONGEST_MESSAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What came of it."""

    site: str
    order: Order | None = None
    cancelled: bool | None = None
    """False: there was nothing to cancel. None: that was not the question, as with `frozen`."""
    frozen: str | None = None


def do(
    view: View,
    site: str,
    deed: Deed,
    *,
    source: str,
    force: bool = False,
    rev: str | None = None,
    message: str = "",
) -> Done:
    """Raises UsageError for a site that is not there, and whatever else the daemon says."""
    view.site(site)
    match deed:
        case Deed.DEPLOY:
            return Done(site=site, order=view.post(site, source=source, force=force))
        case Deed.ROLLBACK:
            order = view.post(site, source=source, work=Work.ROLLBACK, rev=rev or None)
            return Done(site=site, order=order)
        case Deed.CANCEL:
            return Done(site=site, cancelled=view.cancel(site))
        case Deed.FREEZE:
            text = " ".join(message.split())[:_LONGEST_MESSAGE] or _NO_REASON
            view.freeze(site, text)
            return Done(site=site, frozen=text)
        case Deed.THAW:
            view.thaw(site)
            return Done(site=site)
