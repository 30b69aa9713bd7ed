"""What this machine remembers: history, journal, log, and the lock between its own processes."""

from deployer.state.lock import exclusive
from deployer.state.store import State

__all__ = ["State", "exclusive"]
