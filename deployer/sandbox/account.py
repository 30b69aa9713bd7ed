"""The one account that a sandbox has: its state, and what every endpoint works on."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import ParamSpec, TypeVar

from deployer.sandbox.disk import AccountDisk
from deployer.sandbox.faults import Faults
from deployer.sandbox.journal import Journal
from deployer.sandbox.options import SandboxOptions
from deployer.sandbox.sites import Sites
from deployer.sandbox.store import Store
from deployer.sandbox.switches import Switches
from deployer.sandbox.throttle import Throttle

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Account:
    """Any thread can use `disk`, `faults`, `journal` and `switches`, only the one that serves the rest."""

    options: SandboxOptions
    token: str
    switches: Switches
    disk: AccountDisk
    store: Store
    sites: Sites
    threads: Executor  # for what takes long: sites, and directories of any size
    journal: Journal
    faults: Faults = field(default_factory=Faults)
    throttle: Throttle = field(default_factory=Throttle)

    @property
    def user(self) -> str:
        return self.options.user

    async def in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The outcome of work that would keep other requests waiting."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, partial(work, *args, **kwargs))
