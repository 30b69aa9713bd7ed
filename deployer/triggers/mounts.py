"""Whether anything was mounted or unmounted.

A watch ends without a word when its volume is unmounted, and the same volume mounted again has the same
device and inode numbers: nothing else tells the two apart.
"""

import os
import select
from pathlib import Path


class Mounts:
    """Counts what the kernel says of its table of mounts, a change or many at a time (proc(5), mountinfo)."""

    def __init__(self) -> None:
        self._changes = 0
        self._poll = select.poll()
        self._root = Path("/").stat().st_dev
        try:
            self._file = os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._file = -1
        else:
            self._poll.register(self._file, select.POLLPRI)

    def changes_for(self, device: int) -> int:
        """A number that is another one after the volume with this device number was mounted again.

        The root is never unmounted, so whoever watches there is not woken by containers that come and go.
        """
        if self._file >= 0 and self._poll.poll(0):
            self._changes += 1
        return 0 if device == self._root else self._changes

    def close(self) -> None:
        if self._file >= 0:
            self._poll.unregister(self._file)
            os.close(self._file)
            self._file = -1
