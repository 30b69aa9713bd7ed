"""Folders under watch: one watchdog observer, and so one inotify instance, for a whole process."""

import errno
import logging
import os
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

from deployer.triggers.mounts import Mounts
from deployer.triggers.places import Place

Listener = Callable[[], None]
"""Called from the observer's thread; must return at once."""

_EVENTS: list[type[FileSystemEvent]] = [
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
]
"""Git never changes a ref in place: it writes a `.lock` file and renames it. With openings and closings
among them, whoever reads refs after each event wakes himself for ever. All watches have the same events: a
second one on a folder would otherwise take the first one's away (inotify_add_watch(2))."""


class _Identity(NamedTuple):
    device: int
    inode: int
    mounts: int


class _Key(NamedTuple):
    folder: Path
    recursive: bool


class _Watched(FileSystemEventHandler):
    """One watch and who listens to it."""

    def __init__(self, key: _Key, identity: _Identity) -> None:
        self.key = key
        self.identity = identity
        self.gone = False
        """The folder was deleted or moved: the watch hears nothing more, also of one that replaces it."""
        self.listeners: Mapping[Listener, frozenset[str] | None] = {}
        """Replaced and never changed: the observer's thread reads it."""
        self.watch: ObservedWatch | None = None

    def dispatch(self, event: FileSystemEvent) -> None:
        if os.fsdecode(event.src_path) == str(self.key.folder):
            self.gone = True
            self.tell()
            return
        paths = (os.fsdecode(event.src_path), os.fsdecode(event.dest_path))
        # A ref cannot end in ".lock" (git-check-ref-format), and what becomes of a lock is told, too.
        moved = {os.path.basename(path) for path in paths if path and not path.endswith(".lock")}  # noqa: PTH119
        for listener, names in self.listeners.items():
            if moved and (names is None or not names.isdisjoint(moved)):
                listener()

    def tell(self) -> None:
        for listener in self.listeners:
            listener()


class Folders:
    """Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._observer: BaseObserver | None = None
        self._watched: dict[_Key, _Watched] = {}
        self._mounts = Mounts()

    def listen(self, place: Place, listener: Listener) -> bool:
        """Call `listener` whenever one of the names comes, goes or is replaced; once for each place.

        False: it was so already. True: it is so from now on, and what happened before is not known. Raises
        OSError when it cannot be watched, FileNotFoundError when it is gone.
        """
        found = place.folder.stat()
        if not os.access(place.folder, os.R_OK | os.X_OK):  # watchdog says nothing of this one
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place.folder))
        key = _Key(place.folder, place.names is None)
        with self._lock:
            identity = _Identity(found.st_dev, found.st_ino, self._mounts.changes_for(found.st_dev))
            watched = self._watched.get(key)
            if watched is not None and (watched.gone or watched.identity != identity):
                self._drop(watched)
                watched.tell()
                before, watched = watched.listeners, None
            else:
                before = {}
            anew = watched is None or watched.listeners.get(listener, frozenset()) != place.names
            if watched is None:
                watched = _Watched(key, identity)
                watched.listeners = before
                watched.watch = self._observing().schedule(
                    watched, str(key.folder), recursive=key.recursive, event_filter=_EVENTS
                )
                self._watched[key] = watched
            watched.listeners = {**watched.listeners, listener: place.names}
            return anew

    def leave(self, place: Place, listener: Listener) -> None:
        with self._lock:
            watched = self._watched.get(_Key(place.folder, place.names is None))
            if watched is None:
                return
            watched.listeners = {
                other: names for other, names in watched.listeners.items() if other != listener
            }
            if not watched.listeners:
                self._drop(watched)

    def stop(self) -> None:
        """End the threads; nobody can listen any more."""
        with self._lock:
            observer, self._observer = self._observer, None
            self._watched.clear()
            self._mounts.close()
        if observer is not None:
            observer.stop()
            observer.join()

    def _observing(self) -> BaseObserver:
        if self._observer is None:
            # Of folders that are made inside each other watchdog 7 learns twice, and tells everybody.
            warnings.filterwarnings("ignore", message="Callback with id", category=RuntimeWarning)
            logging.getLogger("watchdog").addHandler(logging.NullHandler())
            observer = Observer()
            observer.start()
            self._observer = observer
        return self._observer

    def _drop(self, watched: _Watched) -> None:
        del self._watched[watched.key]
        if self._observer is not None and watched.watch is not None:
            with suppress(KeyError):  # it never came to be watched
                self._observer.unschedule(watched.watch)


def why(error: OSError) -> str:
    """What keeps a folder from being watched, and what helps."""
    if error.errno == errno.ENOSPC:
        return "this user watches as many folders as the kernel allows; raise fs.inotify.max_user_watches"
    if error.errno == errno.EMFILE:
        return "this user has as many watchers as the kernel allows; raise fs.inotify.max_user_instances"
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"
