"""The kernel's limits of inotify, and which setting to raise when one is reached. Source: inotify(7)."""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
from typing import NamedTuple

WATCHES = "fs.inotify.max_user_watches"
INSTANCES = "fs.inotify.max_user_instances"
_PATH_MAX = 4096  # bytes, from limits.h, including the terminating NUL
QUEUE = "fs.inotify.max_queued_events"


class UnwatchableError(Exception):
    """The root cannot be watched, or not all of it; `hint` is the remedy, None if there is none to name."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        """Keep message and hint for whoever reports it."""
        super().__init__(message)
        self.message = message
        self.hint = hint


def unwatchable(error: OSError, path: str) -> UnwatchableError:
    """Return the error for an operator for the system error `error`, which occurred while watching `path`."""
    if error.errno == errno.ENOSPC:
        return UnwatchableError(f"no inotify watches are left for {path}", raise_hint(WATCHES))
    if error.errno == errno.EMFILE:
        return UnwatchableError(
            f"no inotify instance or file descriptor is left to watch {path}",
            f"{raise_hint(INSTANCES)}, or LimitNOFILE= of the service",
        )
    return UnwatchableError(f"cannot watch {path}: {error.strerror}", None)


def raise_hint(setting: str) -> str:
    """Return a hint how to raise a sysctl, with its present value if that can be read."""
    now = ""
    with contextlib.suppress(OSError), open(f"/proc/sys/{setting.replace('.', '/')}", encoding="ascii") as file:
        now = f" (now {file.read().strip()})"
    return f"raise {setting}{now}: sysctl -w {setting}=N, permanently in /etc/sysctl.d"


def watch_count() -> int:
    """Return how many inotify watches this process has. Source: proc(5), fdinfo."""
    count = 0
    for fd in os.listdir("/proc/self/fdinfo"):
        with contextlib.suppress(OSError), open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as file:
            count += sum(line.startswith("inotify ") for line in file)
    return count


class Count(NamedTuple):
    """The number of folders, and the error of the first one that cannot be listed, if any."""

    folders: int
    error: OSError | None


def folder_count(path: str) -> Count:
    """Count the folders at and below `path` without following links.

    A folder that cannot be listed counts as one, as nobody knows what is in it.
    """
    errors: list[OSError] = []
    listed = sum(1 for _ in os.walk(path, onerror=errors.append))
    # A folder that was removed in the meantime does not count.
    errors = [error for error in errors if error.errno != errno.ENOENT]
    return Count(listed + len(errors), next(iter(errors), None))


def why_missing(path: str, missing: int, error: OSError | None) -> UnwatchableError:
    """Return the error for `missing` folders of `path` that are not watched; `error` says why one cannot be listed."""
    what = f"{missing} folder{'s' if missing > 1 else ''} of {path} cannot be watched"
    if error is None:
        return UnwatchableError(what, raise_hint(WATCHES))
    if error.errno == errno.ENAMETOOLONG:
        return UnwatchableError(
            f"{what}: a path there is longer than {_PATH_MAX - 1} bytes", "shorten the path of that folder"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        where = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else path
        return UnwatchableError(
            f"{what}: {where} cannot be read",
            f"let the user that runs the daemon read it: chmod o+rx {shlex.quote(where)}",
        )
    return UnwatchableError(f"{what}: {error.strerror or error}", None)
