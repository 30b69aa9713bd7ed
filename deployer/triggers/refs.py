"""Hears of pushes to local repositories: calls somebody soon after a ref may have moved.

Events are hints: they come in bursts and out of order, and the one for a new folder may be all that is
heard of the branch in it. So nobody is told which ref moved, only to look; and what has to be watched is
found out again after each of them.
"""

from collections.abc import Callable
from pathlib import Path
from threading import Event, Lock, Thread, current_thread

from deployer.events import log
from deployer.triggers.folders import Folders, why
from deployer.triggers.places import Place, places

DEBOUNCE_S = 0.03
"""A push writes several files within a few milliseconds; this is nearly all of the delay."""
LOOK_AGAIN_S = 5.0
"""Some changes have no event: a mount, a folder further up that is replaced. They are found by looking,
which takes a few `stat` calls."""
_ROUNDS = 5
"""How often a repository that keeps changing its folders is followed at once; then at the next look."""


class RefWatcher:
    """Calls `changed` soon after any ref of the repository at `path` may have moved.

    From a thread of its own, and never while the call before is still running. Whatever happened before
    `start` returned is not told. The repository need not exist, and may be replaced.
    """

    def __init__(
        self,
        path: Path,
        changed: Callable[[], None],
        *,
        debounce_s: float = DEBOUNCE_S,
        look_again_s: float = LOOK_AGAIN_S,
        folders: Folders | None = None,
    ) -> None:
        """`folders`: shared with other watchers; None: its own."""
        self._path = path
        self._changed = changed
        self._debounce_s = debounce_s
        self._look_again_s = look_again_s
        self._owns_folders = folders is None
        self._folders = folders or Folders()
        self._watched: set[Place] = set()
        self._problem = ""
        self._hinted = Event()
        self._stopped = Event()
        self._thread = Thread(target=self._run, name=f"refs of {path.name}", daemon=True)

    def start(self) -> None:
        """Where it cannot watch it says so in an event, and tries again at every look."""
        self._look()
        self._thread.start()

    def stop(self) -> None:
        """Afterwards `changed` is not called any more; waits for the call that is running."""
        self._stopped.set()
        self._hinted.set()
        if self._thread.is_alive() and current_thread() is not self._thread:
            self._thread.join()
        for place in self._watched:
            self._folders.leave(place, self._hint)
        self._watched.clear()
        if self._owns_folders:
            self._folders.stop()

    def _hint(self) -> None:
        self._hinted.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            hinted = self._hinted.wait(self._look_again_s)
            if hinted:
                self._stopped.wait(self._debounce_s)
            self._hinted.clear()  # before looking: what comes from now on is for the next time
            if self._stopped.is_set():
                return
            if self._look() or hinted:
                self._tell()

    def _tell(self) -> None:
        try:
            self._changed()
        except Exception as error:  # noqa: BLE001 - a watcher that died of one bad call would miss every push
            log.warning("watch_failed", repo=str(self._path), reason=f"{type(error).__name__}: {error}")

    def _look(self) -> bool:
        """Watch what there is to watch by now; whether that is not what it was.

        Once more after each change: what was made before its folder was watched had no event.
        """
        different = False
        for _ in range(_ROUNDS):
            if not self._watch(places(self._path)):
                break
            different = True
        return different

    def _watch(self, wanted: tuple[Place, ...]) -> bool:
        different = False
        problems = []
        watched = set()
        for place in wanted:
            try:
                different |= self._folders.listen(place, self._hint)
                watched.add(place)
            except (FileNotFoundError, NotADirectoryError):
                different = True
            except OSError as error:
                problems.append(why(error))
        kept = {(place.folder, place.names is None) for place in watched}
        for place in self._watched - watched:
            if (place.folder, place.names is None) not in kept:  # not only its names are different
                self._folders.leave(place, self._hint)
                different = True
        self._watched = watched
        self._say("; ".join(dict.fromkeys(problems)))
        return different

    def _say(self, problem: str) -> None:
        """Once for each problem, however often it is met."""
        if problem and problem != self._problem:
            log.warning("watch_failed", repo=str(self._path), reason=problem)
        self._problem = problem


class RefWatchers:
    """The watchers of a process, on one observer. Repositories come and go while it runs."""

    def __init__(self) -> None:
        self._folders = Folders()
        self._lock = Lock()
        self._watchers: list[RefWatcher] = []

    def add(self, path: Path, changed: Callable[[], None], *, debounce_s: float = DEBOUNCE_S) -> RefWatcher:
        """One that has started. A repository may be added more than once."""
        watcher = RefWatcher(path, changed, debounce_s=debounce_s, folders=self._folders)
        with self._lock:
            self._watchers.append(watcher)
        watcher.start()
        return watcher

    def remove(self, watcher: RefWatcher) -> None:
        with self._lock:
            self._watchers.remove(watcher)
        watcher.stop()

    def stop(self) -> None:
        with self._lock:
            watchers, self._watchers = self._watchers, []
        for watcher in watchers:
            watcher.stop()
        self._folders.stop()
