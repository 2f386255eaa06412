"""What is mounted at and below the root, and which of it changes without an event here. Source: proc(5), mountinfo.

A mount over the root, or one that went away, makes no event in any folder either.
"""

from __future__ import annotations

import os
import re
import select

EVENTS = select.POLLPRI | select.POLLERR
# Others write there by another way: a server, another host, the host of this guest, a program. Of what they change
# inotify(7) hears nothing, while it hears of what is written here: a probe of our own would prove nothing.
_SHARED = frozenset(
    ["nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "virtiofs", "vboxsf", "vmhgfs", "prl_fs", "fakeowner", "ceph", "lustre", "afs", "coda", "ocfs2", "gfs2", "gpfs", "beegfs", "orangefs", "glusterfs", "davfs", "ncpfs", "fuse"]
)  # fmt: skip
# By FUSE, but a disk of this host and nobody else's.
_LOCAL = frozenset({"fuseblk", "fuse.lxcfs", "fuse.fuse-overlayfs"})


def open_mounts() -> int | None:
    """Return a descriptor that polls as `EVENTS` once after each change of this process's mounts; None without /proc."""
    try:
        return os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def shared(path: str) -> list[tuple[str, str]]:
    """Return place and type of each file system at and below `path` (absolute, without links) that others write to."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            return shared_in(file.read(), path)
    except OSError:
        return []


def shared_in(mountinfo: str, path: str) -> list[tuple[str, str]]:
    """Return what `shared` does of the text of a mountinfo."""
    around, below = ("", ""), {}
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        words, kind = before.split(" "), after.partition(" ")[0]
        if len(words) < 6 or not kind:
            continue
        place = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), words[4])
        # The last one mounted at a place is the one that is seen there; later ones come later.
        if f"{path}/".startswith(f"{place.rstrip('/')}/"):
            around = (place, kind) if len(place) >= len(around[0]) else around
        elif place.startswith(f"{path.rstrip('/')}/"):
            below[place] = kind
    found = [(path, around[1]), *sorted(below.items())]
    return [(place, kind) for place, kind in found if _is_shared(kind)]


def _is_shared(kind: str) -> bool:
    return kind not in _LOCAL and (kind in _SHARED or kind.startswith("fuse."))
