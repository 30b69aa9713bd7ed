"""When the sites' logs are rotated: each midnight by the account's clock, and when somebody asks."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

from deployer.sandbox.disk import AccountDisk
from deployer.sandbox.hosting import rotate_logs
from deployer.sandbox.scheduling import Clock
from deployer.sandbox.switches import Switches

LONGEST_WAIT_S = 60.0  # this machine's own clock can be set, or stop while the machine sleeps


class LogRotation:
    """Thread-safe. Midnights that pass while no sandbox runs are not made up for; several at once are one."""

    def __init__(self, disk: AccountDisk, clock: Clock, switches: Callable[[], Switches]) -> None:
        self._disk = disk
        self._clock = clock
        self._switches = switches
        self._rotating = threading.Lock()
        self._moved_on = threading.Event()  # the clock was put forward, or all ends
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-rotation", daemon=True)
        clock.follow(self._moved_on.set)

    def begin(self) -> None:
        self._thread.start()

    def rotate(self) -> list[str]:
        """The account paths of the logs that were rotated."""
        with self._rotating:
            return rotate_logs(self._disk, leave_empty=self._switches().log_rotation == "empty-file")

    def close(self) -> None:
        self._closing.set()
        self._moved_on.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        day = self._clock.today()
        while not self._closing.is_set():
            self._moved_on.wait(min(self._to_midnight_s(day), LONGEST_WAIT_S))
            self._moved_on.clear()
            if not self._closing.is_set() and self._clock.today() > day:
                day = self._clock.today()
                self.rotate()

    def _to_midnight_s(self, day: date) -> float:
        now = self._clock.now()
        midnight = datetime.combine(day + timedelta(days=1), time(), tzinfo=UTC)
        return max(0.0, (midnight - now).total_seconds())
