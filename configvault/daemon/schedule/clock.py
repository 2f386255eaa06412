"""Ring at the configured times: a thread that sleeps until the next one and calls back, never more than once at a time.

Times are those of the host's clock, which somebody may set. So nothing is planned further ahead than the next time of
each line, the thread looks at the clock at least once a minute, and after a step it works all of them out anew.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, tzinfo

from configvault.daemon.schedule import when

# A step of the clock that nobody told of is noticed within this time.
_LOOK_S = 60.0
# Clocks that are kept right are slewed by less.
_STEP = timedelta(seconds=5)


def _nobody(_times: dict[str, datetime]) -> None:
    """Tell nobody."""


class Clock:
    """Calls `ring(name)` when the line of that name is due; late by any time, and once for all that were missed."""

    def __init__(
        self,
        zone: tzinfo,
        ring: Callable[[str], None],
        planned: Callable[[dict[str, datetime]], None] = _nobody,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        """Start stopped.

        Args:
            zone: whose clock the lines mean.
            ring: called in the clock's thread.
            planned: hears of the next times whenever they change, before anything rings.
            now: the time; the host's by default.
        """
        self._zone = zone
        self._ring = ring
        self._planned = planned
        self._now = now or (lambda: datetime.now(zone))
        self._wake = threading.Condition()
        self._lines: dict[str, str] = {}
        self._last: dict[str, datetime] = {}
        self._due: dict[str, datetime] = {}
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._asked = False

    def start(self, lines: Mapping[str, str | None], last: Mapping[str, datetime]) -> None:
        """Run `lines` (None: never) from now on; `last` says when each was done last, which intervals count from."""
        self._lines = {name: text for name, text in lines.items() if text is not None}
        self._last = dict(last)
        now, now_s = self._now(), time.monotonic()
        self._plan(now)
        self._thread = threading.Thread(target=self._run, args=(now, now_s), name="schedule", daemon=True)
        self._thread.start()

    def look_again(self) -> None:
        """Work out anew how long to sleep: somebody has set the host's clock."""
        with self._wake:
            self._asked = True
            self._wake.notify()

    def next_times(self) -> dict[str, datetime]:
        """Return when each line is next due."""
        return dict(self._due)

    def stop(self) -> None:
        """Ring no more."""
        with self._wake:
            self._stopped = True
            self._wake.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        self._due = {}

    def _run(self, before: datetime, before_s: float) -> None:
        while not self._stopped:
            now, now_s = self._now(), time.monotonic()
            passed = timedelta(seconds=now_s - before_s)
            stepped = abs(now - before - passed) > _STEP
            due = [name for name, at in self._due.items() if at <= now]
            self._last.update(dict.fromkeys(due, now))
            if due or stepped:
                self._plan(now)
            for name in due:
                self._ring(name)
            before, before_s = now, now_s
            self._sleep()

    def _sleep(self) -> None:
        left = min(((at - self._now()).total_seconds() for at in self._due.values()), default=_LOOK_S)
        with self._wake:
            if not (self._stopped or self._asked):
                self._wake.wait(max(0.0, min(left, _LOOK_S)))
            self._asked = False

    def _plan(self, now: datetime) -> None:
        # What was never done, or while the clock was ahead, counts from now on, and goes on from there.
        self._last = {name: min(self._last.get(name, now), now) for name in self._lines}
        self._due = {
            name: when.next_time(text, self._zone, now, self._last[name]) for name, text in self._lines.items()
        }
        self._planned(dict(self._due))
