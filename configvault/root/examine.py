"""Examine what a restore swapped out of the root into the staging folder, before it is removed.

It may not be what was captured: another process may have replaced it just before the swap. And a process that still has
a descriptor of a folder can change it even in here. So its folders are first closed to everybody else, then read; the
caller compares the result, and keeps or removes it.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Mapping

from configvault.core.errors import ConfigvaultError
from configvault.core.model import Entry, Folder
from configvault.root import entries
from configvault.root.capture import DEEPEST, Root, Sink
from configvault.root.entries import FOLDER
from configvault.root.inodes import Identity, identity

Found = Entry | Folder
_Attributes = dict[str, tuple[int, int, int]]


class LeaveError(Exception):
    """It must not be removed: the vault does not hold it and cannot, or it did not belong to the operator."""


def examine(
    root: Root,
    sink: Sink | None,
    fd: int,
    name: str,
    path: str,
    known: Mapping[str, Identity],
    is_kept: Callable[[Entry], bool],
    patience_s: float = 1.0,
) -> Found:
    """Return the state of the entry `name` in the staging folder `fd`, which was at `path` in the root.

    Afterwards its folders are closed to everybody else, so that `entries.remove` removes only what is returned here. The
    returned state has the attributes from before that.

    Args:
        root: whose name rules and limits hold.
        sink: where its bytes go; None to compute ids only.
        fd: descriptor of the staging folder.
        name: its name in there.
        path: where it was in the root.
        known: the identities of the captured folders, by path.
        is_kept: tells whether the bytes of an entry are in the vault.
        patience_s: how many seconds to wait for processes that still write in it.

    Raises:
        LeaveError: it must not be removed; its folders have their attributes back.
    """
    closed: _Attributes = {}
    try:
        is_known = True
        if stat.S_ISDIR(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode):
            is_known = _close(root, fd, name, path, known, closed, 0)
        found = _inspect(root, sink, fd, name, patience_s)
        if not is_known and isinstance(found, Folder) and not all(is_kept(file) for _, file in found.files()):
            # Whoever put a single file here could also have removed it. They may move another user's folder here
            # without permission to remove the files in it, so those must not be lost.
            raise LeaveError("it is not the folder that was there before, and not all of it is in the vault")
    except LeaveError:
        _open_again(fd, name, path, closed)
        raise
    if isinstance(found, Folder):
        found = _with_attributes(found, path, closed)
    return found


def _inspect(root: Root, sink: Sink | None, fd: int, name: str, patience_s: float) -> Found:
    try:
        found = root.inspect(fd, name, sink, patience_s)
    except ConfigvaultError as error:
        raise LeaveError(error.message) from error
    except OSError as error:
        raise LeaveError(f"it cannot be read: {error.strerror}") from error
    if found is None:
        raise LeaveError("it is neither a file nor a link nor a folder, or too large")
    if isinstance(found, Folder) and (left_out := next(found.all_left_out(), None)) is not None:
        raise LeaveError(f"it holds {left_out[0]!r}: {left_out[1]}")
    return found


def _close(
    root: Root,
    fd: int,
    name: str,
    path: str,
    known: Mapping[str, Identity],
    closed: _Attributes,
    depth: int,
) -> bool:
    """Close a folder and all folders below it to everybody else; note their mode, uid and gid in `closed`, by path.

    Returns:
        Whether all of them are the folders that were captured at these paths.

    Raises:
        LeaveError: it holds a name that is never touched, is nested too deep, or cannot be read.
    """
    if depth > DEEPEST:
        raise LeaveError(f"it is nested more than {DEEPEST} folders deep")
    try:
        inner = os.open(name, FOLDER, dir_fd=fd)
    except OSError as error:
        raise LeaveError(f"it cannot be read: {error.strerror}") from error
    try:
        seen = os.fstat(inner)
        is_known = known.get(path) == identity(seen)
        closed[path] = stat.S_IMODE(seen.st_mode), seen.st_uid, seen.st_gid
        _take(inner, seen)
        reason_of = root.names.reason_to_leave_out
        for child in os.listdir(inner):
            is_folder = stat.S_ISDIR(os.stat(child, dir_fd=inner, follow_symlinks=False).st_mode)
            if (reason := reason_of(child, f"{path}/", is_folder=is_folder)) is not None:
                raise LeaveError(f"it holds {child!r}: {reason}")
            if is_folder:
                below = _close(root, inner, child, f"{path}/{child}", known, closed, depth + 1)
                is_known = is_known and below
        return is_known
    except OSError as error:
        raise LeaveError(f"it cannot be read: {error.strerror}") from error
    finally:
        os.close(inner)


def _take(fd: int, seen: os.stat_result) -> None:
    """Take over the folder `fd` with mode 0700, so that nobody else can change it, if this user is allowed to."""
    me = os.geteuid()
    # Already ours, and nobody else can write in it.
    if seen.st_uid == me and seen.st_mode & 0o722 == 0o700:
        return
    # Not permitted: then this process has no rights over the folder that somebody could trick it into using.
    with contextlib.suppress(PermissionError):
        if seen.st_uid != me:
            os.fchown(fd, me, -1)
        os.fchmod(fd, 0o700)


def _open_again(fd: int, name: str, path: str, closed: _Attributes) -> None:
    """Give the folders their old attributes back, innermost first: with its old mode a parent may not let us in."""
    for one in sorted(closed, key=lambda each: each.count("/"), reverse=True):
        with contextlib.suppress(OSError), entries.open_inside(fd, name + one.removeprefix(path)) as inner:
            mode, uid, gid = closed[one]
            entries.set_attributes(inner, Folder(mode, uid, gid, {}))


def _with_attributes(folder: Folder, path: str, closed: _Attributes) -> Folder:
    """Return `folder` with the attributes that its folders had before `_close`."""
    mode, uid, gid = closed[path]
    below = {
        name: _with_attributes(entry, f"{path}/{name}", closed) if isinstance(entry, Folder) else entry
        for name, entry in folder.entries.items()
    }
    return Folder(mode, uid, gid, below, None, folder.left_out)
