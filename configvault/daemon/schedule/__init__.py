"""When to look without a change: crontab lines and `every 6h`. The only room that knows APScheduler."""

from __future__ import annotations

from configvault.daemon.schedule.clock import Clock
from configvault.daemon.schedule.when import is_missed, next_time

__all__ = ["Clock", "is_missed", "next_time"]
