"""An event in the root that leaves nothing behind: a file that never has a name, opened to write and closed at once.

The kernel tells watchers of the folder that `#INODE` was closed. Nothing is ever to be seen in the folder, its times
stay as they are, and a crash in between leaves nothing either. Source: open(2), O_TMPFILE; inotify(7).
"""

from __future__ import annotations

import os
import re

_NAME = re.compile(r"#\d+")


def open_unnamed(folder: str) -> tuple[int, str] | None:
    """Open a file without a name in `folder`; return the descriptor, and the path its events will bear.

    None where that is impossible: a read-only root, no right to write there, a file system that has no such files.
    """
    try:
        fd = os.open(folder, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
    return fd, f"{folder}/#{os.fstat(fd).st_ino}"


def is_probe(path: str | bytes, folder: str) -> bool:
    """Return whether `path` may be a file without a name, ours or another's, in `folder`."""
    return (
        isinstance(path, str)
        and os.path.dirname(path) == folder
        and bool(_NAME.fullmatch(os.path.basename(path)))
    )
