"""What the daemon sees and may, looked at from outside of its sandbox; whoever looks is root or the daemon's user.

A service of systemd has its own view of the file system. What a command finds of the root says nothing about that.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from configvault.core.frozen import frozen
from configvault.core.sandbox import REMEDY, hiding, is_hidden

_LISTENING = "0A"


@frozen
class Trouble:
    """Something that the daemon does not see or may not do, and what helps."""

    message: str
    remedy: str


def root_trouble(pid: int, root: str) -> Trouble | None:
    """Return what is wrong with the root as process `pid` sees it; None where nothing is, or it may not be looked at."""
    try:
        ours = os.stat(root)
        there = f"/proc/{pid}/root{os.path.realpath(root)}"
        theirs = os.stat(there)
        read_only = os.statvfs(there).f_flag & os.ST_RDONLY
    except FileNotFoundError:
        if not os.path.exists(root) or not os.path.isdir(f"/proc/{pid}/root/"):
            return None
        why = f"{hiding(root)} of its unit hides it" if is_hidden(root) else "its unit hides it"
        return Trouble(f"the daemon does not see {root}: {why}", REMEDY)
    except OSError:
        return None
    if (ours.st_dev, ours.st_ino) != (theirs.st_dev, theirs.st_ino):
        return Trouble(
            f"the daemon still sees the previous directory at {root}, not the current one",
            "systemctl restart configvault",
        )
    if read_only and not os.statvfs(root).f_flag & os.ST_RDONLY:
        return Trouble(
            f"the daemon has no permission to write in {root}, so it cannot restore anything: ReadWritePaths= of its unit does not "
            "include it",
            REMEDY,
        )
    return None


@frozen
class Listener:
    """Who listens on a port: a process, and its unit or program."""

    pid: int
    name: str


def listener(port: int) -> Listener | None:
    """Return who listens on a TCP port of this host; None where nobody does, or it cannot be seen."""
    sockets = {f"socket:[{inode}]" for inode in _listening(port)}
    for pid in _processes() if sockets else ():
        folder = f"/proc/{pid}/fd"
        try:
            held = {os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder)}
        except OSError:
            continue
        if held & sockets:
            return Listener(pid, _name(pid))
    return None


def _listening(port: int) -> Iterator[str]:
    """Yield the inodes of the sockets that listen on `port`. Source: proc(5), /proc/net/tcp."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as file:
                rows = [line.split() for line in file][1:]
        except OSError:
            continue
        yield from (
            row[9] for row in rows if row[3] == _LISTENING and int(row[1].rpartition(":")[2], 16) == port
        )


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _name(pid: int) -> str:
    """Return the unit of a process, or where it has none its program."""
    for file, pattern in (("cgroup", r"/([^/\n]+\.service)\s*$"), ("comm", r"(.*)")):
        try:
            with open(f"/proc/{pid}/{file}", encoding="utf-8", errors="replace") as said:
                found = re.search(pattern, said.read())
        except OSError:
            continue
        if found:
            return found[1]
    return "unknown"
