"""Messages that leave by a thread of their own: whoever puts one in is never kept waiting by a receiver."""

import threading
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from deployer.events import log

PAUSES_S: Final = (2.0, 15.0, 60.0, 300.0)
"""Before the second attempt, the third and so on; after the last one the message is dropped."""
MOST: Final = 50
"""Messages that wait. A receiver that is down for long gets the newest."""

Item = TypeVar("Item")


class Undelivered(Exception):
    """A receiver did not take a message. `reason` is shown, so it holds no secret."""

    def __init__(self, reason: str, *, final: bool = False, quiet: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final
        """Trying again would give the same."""
        self.quiet = quiet
        """It was said already: dropping the message is no event of its own."""


class Outbox(Generic[Item]):
    """A bounded queue to one receiver, in order. A newer message takes the place of the one with its key.

    The thread lives while something waits. Safe to call from any thread.
    """

    def __init__(
        self,
        name: str,
        deliver: Callable[[Item], None],
        *,
        settled: Callable[[str, Item], None],
        pauses_s: Sequence[float] = PAUSES_S,
        most: int = MOST,
    ) -> None:
        """`name` is shown in events. `deliver` raises Undelivered. `settled` is told when a message was
        taken or dropped: nobody has to remember it any more. It is called by any of the threads.
        """
        self._name = name
        self._deliver = deliver
        self._settled = settled
        self._pauses_s = tuple(pauses_s)
        self._most = most
        self._waiting: dict[str, Item] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def put(self, key: str, item: Item) -> None:
        """Returns at once. Where too many wait, the oldest is dropped."""
        with self._changed:
            if self._closed:
                return
            self._waiting[key] = item
            oldest = next(iter(self._waiting)) if len(self._waiting) > self._most else None
            dropped = None if oldest is None else self._waiting.pop(oldest)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"to {self._name}", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        if oldest is not None and dropped is not None:
            self._say_dropped(Undelivered("too many messages wait for it"))
            self._settled(oldest, dropped)

    def close(self, *, timeout_s: float = 0.0) -> None:
        """Begin nothing more; an attempt under way may end within the time. What waits is not settled."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(timeout_s)

    def _run(self) -> None:
        while (head := self._head()) is not None:
            self._send(*head)

    def _head(self) -> tuple[str, Item] | None:
        """The next message; None ends the thread, so that the next `put` begins another."""
        with self._changed:
            head = next(iter(self._waiting.items()), None)
            if head is None or self._closed:
                self._thread = None
                return None
            return head

    def _send(self, key: str, item: Item) -> None:
        """Until it is taken, given up, or replaced by a newer one."""
        for pause_s in (*self._pauses_s, None):
            problem = self._attempt(item)
            if problem is None or problem.final or pause_s is None:
                if self._take(key, item) and problem is not None:
                    self._say_dropped(problem)
                return
            log.info("message_delayed", receiver=self._name, problem=problem.reason, seconds=pause_s)
            if not self._still_waiting(key, item, pause_s):
                return

    def _attempt(self, item: Item) -> Undelivered | None:
        """Why it was not taken; None when it was."""
        try:
            self._deliver(item)
        except Undelivered as undelivered:
            return undelivered
        except Exception as error:  # noqa: BLE001 - of any library, and its words may hold a secret
            return Undelivered(type(error).__name__)
        return None

    def _take(self, key: str, item: Item) -> bool:
        """Out of the queue, unless a newer message has its place. Whether it was still there."""
        with self._changed:
            current = self._waiting.get(key) is item
            if current:
                del self._waiting[key]
        if current:
            self._settled(key, item)
        return current

    def _say_dropped(self, why: Undelivered) -> None:
        if not why.quiet:
            log.warning("message_dropped", receiver=self._name, problem=why.reason)

    def _still_waiting(self, key: str, item: Item, pause_s: float) -> bool:
        """Whether it has to be tried again after the pause."""

        def gone() -> bool:
            return self._closed or self._waiting.get(key) is not item

        with self._changed:
            return not self._changed.wait_for(gone, timeout=pause_s)
