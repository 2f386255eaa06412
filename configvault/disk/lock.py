"""Locks that a dead process cannot hold: flock(2) on a file that says who has it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from configvault.core.errors import BusyError

_RETRY_S = 0.05
_ROOM = 512


@contextlib.contextmanager
def hold(path: str, command: str, wait_s: float = 0.0) -> Iterator[bool]:
    """Hold the lock file at `path` for the time of the block, as `command`.

    Gives whether the holder before ended well; False where it was killed, or an error ended its block.

    Raises:
        BusyError: somebody else holds it and did not let go within `wait_s` seconds; it names them.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _acquire(fd, path, wait_s)
        ended_well = not os.pread(fd, _ROOM, 0).strip()
        who = {"pid": os.getpid(), "command": command, "since": datetime.now(UTC).isoformat(timespec="seconds")}
        _say(fd, json.dumps(who))
        yield ended_well
        _say(fd, "")
    finally:
        # The file stays: to remove it would let two processes lock two files of one name.
        os.close(fd)


def _say(fd: int, text: str) -> None:
    """Write who holds the lock, in as much room as ever: a full disk must not keep anybody from tidying up."""
    with contextlib.suppress(OSError):
        os.pwrite(fd, text.encode()[:_ROOM].ljust(_ROOM), 0)


def _acquire(fd: int, path: str, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    idle = threading.Event()
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise _busy(path) from None
            idle.wait(_RETRY_S)
        else:
            return


def holder(path: str) -> dict[str, object] | None:
    """Return who holds the lock file at `path` (pid, command, since), None if nobody does."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        try:
            return dict(json.loads(os.pread(fd, _ROOM, 0)))
        except ValueError:
            return {"pid": None, "command": "unknown", "since": None}
    else:
        return None
    finally:
        os.close(fd)


def _busy(path: str) -> BusyError:
    who = holder(path) or {}
    return BusyError(
        f"the vault is locked by process {who.get('pid')} ({who.get('command')}) since {who.get('since')}",
        "wait until it is done and try again",
    )
