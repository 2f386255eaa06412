"""The one queue to the one worker: places where the root may have changed, gathered into a burst, and jobs in order."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Generic, TypeVar

from configvault.core import settle
from configvault.core.frozen import frozen
from configvault.core.settle import NOTHING, Burst, Dirty

T = TypeVar("T")


@frozen
class Gathered:
    """A burst that is over: where to look, whether the longest wait ended it, how many events there were till then."""

    burst: Burst
    dirty: Dirty
    waited: bool
    events: int = 0


class Inbox(Generic[T]):
    """Any thread puts in; the worker takes out."""

    def __init__(self) -> None:
        """Be empty."""
        self._changed = threading.Condition()
        self._burst: Burst | None = None
        self._dirty = NOTHING
        self._jobs: deque[T] = deque()
        self.events = 0

    def notice(self, dirty: Dirty, *, event: bool = True) -> None:
        """Add places to the burst; an `event` also makes it last longer."""
        with self._changed:
            self._dirty |= dirty
            self.events += event
            first = self._burst is None
            if event or first:
                self._burst = settle.noticed(self._burst, time.monotonic())
            # Only the first of a burst wakes: the worker looks again when it believes that the burst is over.
            if first:
                self._changed.notify_all()

    def give_back(self, gathered: Gathered) -> None:
        """Take back a burst that had not settled after all; it lasts since it began."""
        with self._changed:
            self._dirty |= gathered.dirty
            self._burst = Burst(gathered.burst.first_s, time.monotonic())

    def put(self, job: T) -> None:
        """Add a job, unless the very same already waits: what is asked for twice is done once."""
        with self._changed:
            if job not in self._jobs:
                self._jobs.append(job)
            self._changed.notify_all()

    @property
    def is_quiet(self) -> bool:
        """Return whether there is no burst."""
        with self._changed:
            return self._burst is None

    def gathered(self, quiet_s: float, max_wait_s: float) -> Gathered | None:
        """Take the burst out if it is over."""
        now_s = time.monotonic()
        with self._changed:
            burst = self._burst
            if burst is None or now_s < settle.due_s(burst, quiet_s, max_wait_s):
                return None
            found = Gathered(burst, self._dirty, settle.has_waited(burst, now_s, max_wait_s), self.events)
            self._burst, self._dirty = None, NOTHING
            return found

    def job(self) -> T | None:
        """Take the oldest job out."""
        with self._changed:
            return self._jobs.popleft() if self._jobs else None

    def wait(self, until_s: float | None, quiet_s: float, max_wait_s: float) -> None:
        """Wait for a job, for a burst to begin or to be over, or for the time `until_s`."""
        with self._changed:
            if self._jobs:
                return
            times_s = [] if until_s is None else [until_s]
            if self._burst is not None:
                times_s.append(settle.due_s(self._burst, quiet_s, max_wait_s))
            self._changed.wait(max(0.0, min(times_s) - time.monotonic()) if times_s else None)
