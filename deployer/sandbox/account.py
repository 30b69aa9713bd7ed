"""The one account that a sandbox has: its state, and what every endpoint works on."""

from dataclasses import dataclass, field

from deployer.sandbox.disk import AccountDisk
from deployer.sandbox.faults import Faults
from deployer.sandbox.journal import Journal
from deployer.sandbox.options import SandboxOptions
from deployer.sandbox.sites import Sites
from deployer.sandbox.store import Store
from deployer.sandbox.switches import Switches
from deployer.sandbox.threads import Threads
from deployer.sandbox.throttle import Throttle


@dataclass(slots=True, kw_only=True)
class Account:
    """Any thread can use `disk`, `faults`, `journal` and `switches`, only the one that serves the rest."""

    options: SandboxOptions
    token: str
    switches: Switches
    disk: AccountDisk
    store: Store
    sites: Sites
    threads: Threads
    journal: Journal
    faults: Faults = field(default_factory=Faults)
    throttle: Throttle = field(default_factory=Throttle)

    @property
    def user(self) -> str:
        return self.options.user
