"""Ring at the configured times: a thread that sleeps until the next one and calls back, never more than once at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from configvault.daemon.schedule import when


class Clock:
    """Calls `ring(name)` when the line of that name is due; late by any time, and once for all that were missed."""

    def __init__(self, zone: str, ring: Callable[[str], None]) -> None:
        """Stand still yet. `zone` is the configuration's `timezone`."""
        self.zone = when.zone(zone)
        self._ring = ring
        self._scheduler: BackgroundScheduler | None = None

    def start(self, lines: Mapping[str, str | None], last: Mapping[str, datetime]) -> None:
        """Run `lines` (None: never) from now on; `last` says when each was done last, which intervals count from."""
        # Its own warnings tell of what is wanted here: late firings, and those that coalesce.
        logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
        self._scheduler = BackgroundScheduler(
            timezone=self.zone,
            # The callback only puts a request on a queue: no pool of threads is needed for that.
            executors={"default": DebugExecutor()},
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
        )
        for name, text in lines.items():
            if text is not None:
                anchor = last.get(name, datetime.now(self.zone))
                self._scheduler.add_job(
                    self._ring, when.trigger(text, self.zone, anchor), args=(name,), id=name
                )
        self._scheduler.start()

    def look_again(self) -> None:
        """Work out anew how long to sleep: somebody has set the host's clock."""
        if self._scheduler is not None:
            self._scheduler.wakeup()

    def next_times(self) -> dict[str, datetime]:
        """Return when each line is next due."""
        jobs = self._scheduler.get_jobs() if self._scheduler is not None else []
        return {job.id: job.next_run_time for job in jobs if job.next_run_time is not None}

    def stop(self) -> None:
        """Ring no more."""
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=False)
            self._scheduler = None
