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
        return _holder(fd)
    else:
        return None
    finally:
        os.close(fd)


def _holder(fd: int) -> dict[str, object]:
    """Return what the holder wrote of itself, unless that was somebody who is gone and the kernel knows another."""
    try:
        said = dict(json.loads(os.pread(fd, _ROOM, 0)))
    except (ValueError, TypeError):
        said = {}
    if _is_there(said.get("pid")):
        return said
    known = _known_by_kernel(fd)
    # Who is in another container is seen by nobody here, and may well have told the truth.
    return known if known["pid"] is not None or not said else said


def _is_there(pid: object) -> bool:
    return type(pid) is int and os.path.exists(f"/proc/{pid}")


def _known_by_kernel(fd: int) -> dict[str, object]:
    """Return who holds the lock of `fd` without saying so: flock(1) in a shell, another program. Source: proc(5), locks."""
    inode = os.fstat(fd).st_ino
    who: dict[str, object] = {"pid": None, "command": "unknown", "since": None}
    with contextlib.suppress(OSError), open("/proc/locks", encoding="ascii") as file:
        for line in file:
            words = line.split()
            if words[1:2] == ["FLOCK"] and words[5].rpartition(":")[2] == str(inode) and int(words[4]) > 0:
                who["pid"] = int(words[4])
                with open(f"/proc/{words[4]}/comm", encoding="utf-8", errors="replace") as name:
                    who["command"] = name.read().strip()
                break
    return who


def _busy(path: str) -> BusyError:
    who = holder(path) or {}
    pid, since = who.get("pid"), who.get("since")
    if pid is None:
        return BusyError(
            f"the vault's lock {path} is held by a process that cannot be seen", f"fuser -v {path}"
        )
    when = f" since {since}" if since else f", which holds {path}"
    return BusyError(
        f"the vault is locked by process {pid} ({who.get('command')}){when}",
        "wait until it is done and try again",
    )
