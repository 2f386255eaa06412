"""What a killed writer leaves in a vault: lock files, half-written files, a HEAD that git cannot read. Under the lock."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from configvault.core.pattern import pattern
from configvault.vault.refs import Refs

_HEAD = pattern(rb"(?:ref: refs/\S+|[0-9a-f]{40})\n?")
# As git's index-pack and pack-objects name what they write; nothing in the name says whose it is.
_PACKS = ("tmp_pack_", "tmp_idx_", "tmp_rev_", "tmp_mtimes_")
CANDIDATE = "candidate-"
_HALF_WRITTEN = pattern(r".*\.([0-9]+)\.tmp|tmp_obj_([0-9]+)_[0-9a-f]+|\.tmp-([0-9]+)-pack-.*")


def has_head(path: str) -> bool:
    """Return whether HEAD is one that git can read."""
    try:
        with open(os.path.join(path, "HEAD"), "rb") as file:
            return _HEAD.fullmatch(file.read(4096)) is not None
    except FileNotFoundError:
        return False


def unlock(refs: Refs) -> Iterator[str]:
    """Remove git's lock files that no process has open, and yield them: under our own lock they are nobody's.

    Not seen: a git in another container, or another user's where this one may not look; the latter is left alone.
    """
    for path in list(refs.stale_locks()):
        with contextlib.suppress(FileNotFoundError):
            mine = os.geteuid() in {0, os.stat(path).st_uid}
            if mine and not _is_open_somewhere(path):
                os.unlink(path)
                yield path


def remove_half_written(vault: str) -> None:
    """Remove what has a temporary name (`NAME.PID.tmp`, `tmp_obj_PID_...`, git's packs) whose process is gone."""
    below = ["pack", *(f"{n:02x}" for n in range(256))]
    folders = [os.path.join(vault, "configvault"), *(os.path.join(vault, "objects", name) for name in below)]
    for folder in folders:
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            path = os.path.join(folder, name)
            if name.startswith(_PACKS) and not _is_open_somewhere(path):
                os.unlink(path)
                continue
            found = _HALF_WRITTEN.fullmatch(name)
            if found and not os.path.isdir(path) and not _is_alive(found[found.lastindex or 0]):
                os.unlink(path)


def remove_fetched(state: str) -> None:
    """Remove the repositories that deployments were fetched into whose process is gone; none is anybody's to keep."""
    for name in os.listdir(state):
        found = _HALF_WRITTEN.fullmatch(name) if name.startswith(CANDIDATE) else None
        if found and not _is_alive(found[1]):
            # Rarely; and to load it takes as long as to look here.
            import shutil

            shutil.rmtree(os.path.join(state, name), ignore_errors=True)


def _is_alive(pid: str) -> bool:
    """Return whether a process runs; one that ended and that nobody has asked about does not. Source: proc(5)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def _is_open_somewhere(path: str) -> bool:
    """Return whether any process has the file at `path` open. Source: proc(5)."""
    wanted = os.stat(path)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        # Processes and descriptors come and go while they are looked at.
        with contextlib.suppress(OSError):
            for fd in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    if os.path.samestat(os.stat(f"/proc/{pid}/fd/{fd}"), wanted):
                        return True
    return False
