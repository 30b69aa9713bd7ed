"""What this machine remembers: history, journal, log, orders, and the lock between its own processes."""

from deployer.state.lock import exclusive, only_daemon
from deployer.state.orders import End, KnownSite, Orders
from deployer.state.store import State, new_id

__all__ = ["End", "KnownSite", "Orders", "State", "exclusive", "new_id", "only_daemon"]
