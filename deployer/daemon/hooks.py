"""What a worker tells the rest of the daemon."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from deployer.config import Context
from deployer.daemon.observer import Observer
from deployer.deployment.attempt import Outcome
from deployer.errors import DeployerError
from deployer.model.files import Commit
from deployer.model.order import Order


@dataclass(slots=True, kw_only=True)
class Ended:
    """An order that was carried out, well or not; while it is, as far as it has come."""

    order: Order
    site: str
    context: Context
    domain: str | None = None
    commit: Commit | None = None
    outcome: Outcome | None = None
    error: DeployerError | None = None
    will_retry: bool = False
    """It failed for now, and waits for another try."""
    seconds: float = 0.0


class LifeSign(Protocol):
    """Whoever restarts us when a worker hangs."""

    def beat(self, name: str) -> None: ...

    def working(self, name: str, allowance_s: float) -> AbstractContextManager[None]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Called in the worker's thread; must not block it for long."""

    changed: Callable[[], None]
    """Something that is shown has changed."""
    quiet: Callable[[str], bool]
    """Whether nothing of the account with this user name is, or is about to be, deployed."""
    begun: Callable[[Ended], None]
    ended: Callable[[Ended], None]
    observer: Observer
    watchdog: LifeSign
