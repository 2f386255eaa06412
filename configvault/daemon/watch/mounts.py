"""Hear of mounts: one over the root, or one that went away, makes no event in any folder. Source: proc(5), mountinfo."""

from __future__ import annotations

import os
import select

EVENTS = select.POLLPRI | select.POLLERR


def open_mounts() -> int | None:
    """Return a descriptor that polls as `EVENTS` once after each change of this process's mounts; None without /proc."""
    try:
        return os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
