"""Views as JSON: what the API answers and the streams send."""

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from typing import Any

from deployer.daemon.view import Progress, SiteView
from deployer.model.deployment import Deployment, Step
from deployer.model.order import Order
from deployer.web.lookup import Found
from deployer.web.words import progress_words


def plain(value: object) -> Any:
    """Dates in ISO 8601, everything else as JSON has it."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value


def site(value: SiteView) -> dict[str, Any]:
    return {
        **plain(value),
        "running": value.running and progress(value.running),
        "waiting": [order(item) for item in value.waiting],
        "history": [deployment(item) for item in value.history],
    }


def progress(value: Progress) -> dict[str, Any]:
    """`words` is the same for people."""
    return {**plain(value), "words": progress_words(value)}


def order(value: Order) -> dict[str, Any]:
    return {**plain(value), "status": "waiting", "address": address(value.id)}


def deployment(value: Deployment) -> dict[str, Any]:
    return {**plain(value), "seconds": value.seconds, "address": address(value.id)}


def step(value: Step) -> dict[str, Any]:
    return {**plain(value), "entry": value.entry._asdict() if value.entry else None}


def found(value: Found) -> dict[str, Any]:
    """`status` is "waiting" or a word of the history."""
    return {
        **(deployment(value.deployment) if value.deployment else {"id": value.id}),
        "site": value.site and value.site.name,
        "status": value.status,
        "address": address(value.id),
        "order": value.order and order(value.order),
        "progress": value.progress and progress(value.progress),
    }


def address(id_: str) -> str:
    """Where the API tells of it."""
    return f"/api/deployments/{id_}"
