"""See that something in the root may have changed, and never lose sight of it silently. Knows watchdog alone.

Events only wake: what is said here is where to look, never what happened. What the kernel or watchdog loses (an
overflowing queue, a folder that could not be watched, a root that was replaced) is told as an alarm, after which
everything is looked at.
"""

from __future__ import annotations

from configvault.daemon.watch.limits import UnwatchableError
from configvault.daemon.watch.watcher import Alarm, Watcher

__all__ = ["Alarm", "UnwatchableError", "Watcher"]
