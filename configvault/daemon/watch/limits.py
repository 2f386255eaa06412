"""What the kernel allows of inotify, and which setting to raise when it is not enough. Source: inotify(7)."""

from __future__ import annotations

import contextlib
import errno
import os

WATCHES = "fs.inotify.max_user_watches"
INSTANCES = "fs.inotify.max_user_instances"
QUEUE = "fs.inotify.max_queued_events"


class UnwatchableError(Exception):
    """The root cannot be watched, or not all of it; `hint` says what to raise."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        """Keep both for whoever tells of it."""
        super().__init__(message)
        self.message = message
        self.hint = hint


def unwatchable(error: OSError, path: str) -> UnwatchableError:
    """Return what `error`, met while watching `path`, means to an operator."""
    if error.errno == errno.ENOSPC:
        return UnwatchableError(f"no inotify watches are left for {path}", raise_hint(WATCHES))
    if error.errno == errno.EMFILE:
        return UnwatchableError(
            f"no inotify instance or file descriptor is left to watch {path}",
            f"{raise_hint(INSTANCES)}, or LimitNOFILE= of the service",
        )
    return UnwatchableError(f"cannot watch {path}: {error.strerror}", None)


def raise_hint(setting: str) -> str:
    """Return how to raise a sysctl, with its value where that can be read."""
    now = ""
    with contextlib.suppress(OSError), open(f"/proc/sys/{setting.replace('.', '/')}", encoding="ascii") as file:
        now = f" (now {file.read().strip()})"
    return f"raise {setting}{now}: sysctl -w {setting}=N, lasting in /etc/sysctl.d"


def watch_count() -> int:
    """Return how many inotify watches this process has. Source: proc(5), fdinfo."""
    count = 0
    for fd in os.listdir("/proc/self/fdinfo"):
        with contextlib.suppress(OSError), open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as file:
            count += sum(line.startswith("inotify ") for line in file)
    return count


def folder_count(path: str) -> int:
    """Return how many folders there are at and below `path`, links not followed."""
    return sum(1 for _ in os.walk(path))
