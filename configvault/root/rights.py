"""What this process may do to the root."""

from __future__ import annotations

import os
from collections.abc import Callable

_CAP_CHOWN = 1 << 0


def giver() -> Callable[[int, int], bool]:
    """Return what says whether this process may make a file belong to a user and a group. Source: chown(2).

    Not only root may give files away: a service with a user of its own can have the capability.
    """
    if _may_give_any():
        return lambda _uid, _gid: True
    uid, groups = os.geteuid(), {os.getegid(), *os.getgroups()}
    return lambda owner, group: owner == uid and group in groups


def _may_give_any() -> bool:
    """Return whether this process has CAP_CHOWN. Source: capabilities(7), proc(5)."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            rights = next(line for line in file if line.startswith("CapEff:"))
        return bool(int(rights.split()[1], 16) & _CAP_CHOWN)
    except (OSError, StopIteration, ValueError, IndexError):
        return os.geteuid() == 0
