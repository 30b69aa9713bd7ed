"""The one account that a sandbox has: its state, and what every endpoint works on."""

from dataclasses import dataclass, field

from deployer.sandbox.consoles import Consoles
from deployer.sandbox.disk import AccountDisk
from deployer.sandbox.domains import Domains
from deployer.sandbox.faults import Faults
from deployer.sandbox.hosting import AccountCommands
from deployer.sandbox.journal import Journal
from deployer.sandbox.log_rotation import LogRotation
from deployer.sandbox.options import SandboxOptions
from deployer.sandbox.scheduling import Clock, Programs, Timetable
from deployer.sandbox.shares import Shares
from deployer.sandbox.sites import Sites
from deployer.sandbox.store import Store
from deployer.sandbox.switches import Switches
from deployer.sandbox.threads import Threads
from deployer.sandbox.throttle import Throttle
from deployer.sandbox.tls import Certificates
from deployer.sandbox.websites import Websites


@dataclass(slots=True, kw_only=True)
class Account:
    """Any thread can use `clock`, `commands`, `disk`, `faults`, `journal`, `switches` and `timetable`.

    Only the one that serves can use the rest.
    """

    options: SandboxOptions
    token: str
    https_url: str
    switches: Switches
    disk: AccountDisk
    store: Store
    sites: Sites
    websites: Websites
    certificates: Certificates
    commands: AccountCommands
    consoles: Consoles
    clock: Clock
    timetable: Timetable
    programs: Programs
    log_rotation: LogRotation
    threads: Threads
    journal: Journal
    faults: Faults = field(default_factory=Faults)
    throttle: Throttle = field(default_factory=Throttle)

    @property
    def domains(self) -> Domains:
        return Domains(self.store)

    @property
    def shares(self) -> Shares:
        return Shares(self.store, self.disk)

    @property
    def user(self) -> str:
        return self.options.user
