"""The mounts at and below the root, and which of them can change without an event here. Source: proc(5), mountinfo.

Mounting something over the root, or unmounting it, makes no event in any folder either.
"""

from __future__ import annotations

import os
import re
import select

EVENTS = select.POLLPRI | select.POLLERR
# File systems that others can write to without this kernel: a server, another host, the host of a virtual machine, a
# program. inotify(7) does not report their changes. It does report ours, so a probe from here would prove nothing.
_SHARED = frozenset(
    ["nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "virtiofs", "vboxsf", "vmhgfs", "prl_fs", "fakeowner", "ceph", "lustre", "afs", "coda", "ocfs2", "gfs2", "gpfs", "beegfs", "orangefs", "glusterfs", "davfs", "ncpfs", "fuse"]
)  # fmt: skip
# FUSE, but on a disk that only this host writes to.
_LOCAL = frozenset({"fuseblk", "fuse.lxcfs", "fuse.fuse-overlayfs"})


def open_mounts() -> int | None:
    """Return a descriptor on which poll(2) reports `EVENTS` after each change of this process's mounts; None without /proc."""
    try:
        return os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def shared(path: str) -> list[tuple[str, str]]:
    """Return mount point and type of each file system at and below `path` that others can write to.

    `path` must be absolute and without links. The result is empty if /proc cannot be read.
    """
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            return shared_in(file.read(), path)
    except OSError:
        return []


def shared_in(mountinfo: str, path: str) -> list[tuple[str, str]]:
    """Return what `shared` returns, from the text of a mountinfo file."""
    around, below = ("", ""), {}
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        words, kind = before.split(" "), after.partition(" ")[0]
        if len(words) < 6 or not kind:
            continue
        place = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), words[4])
        # Mounts are listed in order; of several at one place the last one is visible.
        if f"{path}/".startswith(f"{place.rstrip('/')}/"):
            around = (place, kind) if len(place) >= len(around[0]) else around
        elif place.startswith(f"{path.rstrip('/')}/"):
            below[place] = kind
    found = [(path, around[1]), *sorted(below.items())]
    return [(place, kind) for place, kind in found if _is_shared(kind)]


def _is_shared(kind: str) -> bool:
    return kind not in _LOCAL and (kind in _SHARED or kind.startswith("fuse."))
