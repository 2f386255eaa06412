"""Watch one root: attach to it, prove that events arrive, and notice when it was replaced.

Threads: watchdog's threads call `wake` and `alarm`. All other methods are for one caller at a time; a lock ensures it.
"""

from __future__ import annotations

import enum
import logging
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from configvault.core.settle import Dirty
from configvault.daemon.watch import mounts, probe
from configvault.daemon.watch.limits import (
    QUEUE,
    UnwatchableError,
    folder_count,
    raise_hint,
    unwatchable,
    watch_count,
    why_missing,
)

if TYPE_CHECKING:
    from watchdog.events import FileSystemEvent
    from watchdog.observers.inotify import InotifyObserver

_LIBRARY = "watchdog"
# How long to wait before counting again, as folders are made and removed while they are counted.
_SETTLING_S = 0.2


class Alarm(enum.StrEnum):
    """Why everything must be compared: events were lost, or the root is another one."""

    OVERFLOWED = "overflowed"
    REPLACED = "replaced"
    FAILED = "failed"


class Watcher:
    """Watches the root at `path` while attached."""

    def __init__(
        self,
        path: str,
        is_ignored: Callable[[str], bool],
        wake: Callable[[Dirty], None],
        alarm: Callable[[Alarm, str], None],
    ) -> None:
        """Start detached.

        Args:
            path: the configured root; a link is followed.
            is_ignored: tells whether a path, relative to the root, is ignored.
            wake: called with the places to look at, after an event.
            alarm: called with the reason, also in words, when events were lost or the root was replaced.
        """
        self.path = path
        self._is_ignored = is_ignored
        self._wake = wake
        self._alarm = alarm
        self._lock = threading.Lock()
        self._observer: InotifyObserver | None = None
        self._identity: tuple[int, int] | None = None
        self._real = path
        self._beside = 0
        self._probes: dict[str, threading.Event] = {}
        self._log = _LibraryLog(self._hear_log)

    def attach(self) -> None:
        """Watch the root that is at the path now, instead of what was watched before.

        Raises:
            UnwatchableError: it cannot be watched, or not every folder of it; nothing is watched then.
        """
        self._require_own()
        with self._lock:
            self._detach()
            try:
                self._attach()
            except OSError as error:
                self._detach()
                raise unwatchable(error, self.path) from error
        self.require_all()

    def require_all(self) -> None:
        """Check that every folder is watched, and that no other host or program can change one without an event here.

        Raises:
            UnwatchableError: some folder is not watched, or can be changed so; nothing is watched any more.
        """
        self._require_own()
        missing, error = self.missing()
        if missing:
            self.detach()
            raise why_missing(self.path, missing, error)

    def _require_own(self) -> None:
        shared = mounts.shared(os.path.realpath(self.path))
        if shared:
            self.detach()
            place, kind = shared[0]
            more = f" and {len(shared) - 1} more" if len(shared) > 1 else ""
            raise UnwatchableError(
                f"{place}{more} is of type {kind}, where files can change without an event on this host", None
            )

    def _attach(self) -> None:
        from watchdog.observers.inotify import InotifyObserver

        from configvault.daemon.watch.events import AROUND_THE_ROOT, IN_THE_ROOT, Handler

        self._real = os.path.realpath(self.path)
        self._identity = identity(self.path)
        logging.getLogger(_LIBRARY).addHandler(self._log)
        logging.getLogger(_LIBRARY).propagate = False
        # When folders are made in quick succession, watchdog may add a watch twice. That is harmless, but its warning
        # would fill the journal: it lists all watches.
        warnings.filterwarnings("ignore", "Callback with id .* already exists", RuntimeWarning)
        observer = self._observer = InotifyObserver()
        # Start first, then add the watches: if adding one fails, the observer runs and `_detach` can stop its threads.
        observer.start()
        observer.schedule(
            Handler(self._hear), self._real, recursive=True, event_filter=IN_THE_ROOT, follow_symlink=False
        )
        self._beside = 0
        for folder in self._around():
            try:
                observer.schedule(Handler(self._hear_around), folder, event_filter=AROUND_THE_ROOT)
            except OSError:
                # Not readable: then a replaced root is noticed only by the next check, not at once.
                continue
            self._beside += 1

    def _around(self) -> Iterator[str]:
        """Yield the folders that hold the root, and the link to it if it is one; never a folder inside the root."""
        around = {os.path.dirname(self._real), os.path.realpath(os.path.dirname(self.path))}
        yield from (folder for folder in sorted(around) if not f"{folder}/".startswith(f"{self._real}/"))

    def detach(self) -> None:
        """Stop watching."""
        with self._lock:
            self._detach()

    def _detach(self) -> None:
        logging.getLogger(_LIBRARY).removeHandler(self._log)
        observer, self._observer, self._identity = self._observer, None, None
        self._probes = {}
        if observer is not None:
            observer.stop()
            if observer.is_alive():
                observer.join()

    @property
    def is_attached(self) -> bool:
        """Return whether something is watched, and all of watchdog's threads are alive."""
        with self._lock:
            return (
                self._observer is not None
                and self._observer.is_alive()
                and self._observer._inotify_fd.is_alive()
                and all(emitter.is_alive() for emitter in self._observer.emitters)
            )

    @property
    def is_current(self) -> bool:
        """Return whether the path still leads to the folder that is watched."""
        return self._identity is not None and identity(self.path) == self._identity

    def missing(self) -> tuple[int, OSError | None]:
        """Return how many folders of the root are not watched, and the error of one that cannot be listed.

        Counted up to three times, as folders may be made and removed in the meantime.
        """
        idle = threading.Event()
        missing, error = 0, None
        for _ in range(3):
            folders, error = folder_count(self._real)
            missing = max(0, folders + self._beside - watch_count())
            if not missing:
                break
            idle.wait(_SETTLING_S)
        return missing, error

    # --- proof

    def send_probe(self) -> threading.Event | None:
        """Cause an event in the root that leaves no trace; return what is set when the event arrives.

        Events arrive in order: by then, all earlier changes in the root have been reported. None if no such event can be
        caused (see probe.py).
        """
        with self._lock:
            opened = probe.open_unnamed(self._real)
            if opened is None:
                return None
            fd, path = opened
            seen = self._probes[path] = threading.Event()
            os.close(fd)
        return seen

    # --- what watchdog says, in its threads

    def _hear(self, event: FileSystemEvent) -> None:
        from configvault.daemon.watch.events import places

        if self._probes and probe.is_probe(event.src_path, self._real):
            seen = self._probes.pop(str(event.src_path), None)
            if seen is not None:
                seen.set()
                return
            # On some file systems the event has another inode number than stat. So any such file counts as the probe;
            # it also wakes the daemon, in case it was another process's.
            while self._probes:
                self._probes.popitem()[1].set()
        if event.event_type == "deleted" and event.src_path == self._real:
            self._alarm(Alarm.REPLACED, "the root was removed")
            return
        dirty = places(event, self._real, self._is_ignored)
        if dirty:
            self._wake(dirty)

    def _hear_around(self, event: FileSystemEvent) -> None:
        if not self.is_current:
            self._alarm(Alarm.REPLACED, f"the root was replaced ({event.event_type})")

    def _hear_log(self, message: str) -> None:
        if "overflow" in message:
            words = f"the kernel's queue of events overflowed; {raise_hint(QUEUE)}"
            self._alarm(Alarm.OVERFLOWED, words)
        else:
            self._alarm(Alarm.FAILED, f"watchdog says: {message}")


class _LibraryLog(logging.Handler):
    """Listens to watchdog's log, as watchdog reports lost events only there."""

    def __init__(self, hear: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._hear = hear

    def emit(self, record: logging.LogRecord) -> None:
        self._hear(record.getMessage())


def identity(path: str) -> tuple[int, int] | None:
    """Return device and inode number of what is at `path`, None if there is nothing."""
    try:
        seen = os.stat(path)
    except OSError:
        return None
    return seen.st_dev, seen.st_ino
