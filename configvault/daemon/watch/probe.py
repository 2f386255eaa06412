"""Cause an event in the root that leaves no trace: open a file without a name for writing, and close it.

The kernel reports to watchers of the folder that `#INODE` was closed. The file is never visible in the folder, the
folder's times do not change, and a crash in between leaves nothing behind. Source: open(2), O_TMPFILE; inotify(7).
"""

from __future__ import annotations

import os
import re

_NAME = re.compile(r"#\d+")


def open_unnamed(folder: str) -> tuple[int, str] | None:
    """Open a file without a name in `folder`; return its descriptor, and the path that its events will have.

    Return None if that is impossible: the root is read-only, this user may not write there, or the file system does not
    support such files.
    """
    try:
        fd = os.open(folder, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
    return fd, f"{folder}/#{os.fstat(fd).st_ino}"


def is_probe(path: str | bytes, folder: str) -> bool:
    """Return whether `path` looks like a file without a name in `folder`, ours or another process's."""
    return (
        isinstance(path, str)
        and os.path.dirname(path) == folder
        and bool(_NAME.fullmatch(os.path.basename(path)))
    )
