"""Notice that something in the root may have changed, and never miss changes silently. Only this package uses watchdog.

An event only wakes the daemon: it says where to look, never what happened. When events are lost (the kernel's queue
overflows, a folder cannot be watched, the root was replaced), an alarm is raised, and the daemon compares everything.
"""

from __future__ import annotations

from configvault.daemon.watch.limits import UnwatchableError
from configvault.daemon.watch.watcher import Alarm, Watcher

__all__ = ["Alarm", "UnwatchableError", "Watcher"]
