"""Find out what was taken out of the root, once it lies in the staging folder, and remove what is on record.

What was swapped out may not be what was captured: somebody may have put anything in its place a moment before. And a
folder that was moved in here can still be changed by whoever holds a descriptor of it. So its folders are first closed to
everybody else, then compared, then removed; whatever else turns up is kept in the vault or stays where it is.
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
    """It cannot be removed, for a reason: it is not on record and cannot be, or was not the operator's to give up."""


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
    """Return what has that name in the staging folder `fd` and had `path` in the root.

    It is closed to everybody else then, so that `entries.remove` removes what was found and nothing else.

    Args:
        root: its rules and bounds.
        sink: where its bytes go.
        fd: the staging folder.
        name: the name in there.
        path: the path it was taken from.
        known: the folders that were captured, by path.
        is_kept: whether the bytes of an entry are in the vault.
        patience_s: how long to wait for whoever is writing in it.

    Raises:
        LeaveError: it must not be removed.
    """
    closed: _Attributes = {}
    try:
        is_known = True
        if stat.S_ISDIR(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode):
            is_known = _close(root, fd, name, path, known, closed, 0)
        found = _inspect(root, sink, fd, name, patience_s)
        if not is_known and isinstance(found, Folder) and not all(is_kept(file) for _, file in found.files()):
            # A file whoever put it there could also have removed; the files in a folder of somebody else's they could not.
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
    """Take a folder and all below it from everybody else, and note what its attributes were.

    Returns:
        Whether it and all below are the folders that were captured there.

    Raises:
        LeaveError: it holds what is never touched.
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
    """Make a folder one that nobody else can change; where this user may not, they cannot be misled to gain anything."""
    me = os.geteuid()
    if seen.st_uid == me and seen.st_mode & 0o722 == 0o700:
        return
    with contextlib.suppress(PermissionError):
        if seen.st_uid != me:
            os.fchown(fd, me, -1)
        os.fchmod(fd, 0o700)


def _open_again(fd: int, name: str, path: str, closed: _Attributes) -> None:
    """Give the folders their attributes back, the innermost first: they stay, and are not ours."""
    for one in sorted(closed, key=lambda each: each.count("/"), reverse=True):
        with contextlib.suppress(OSError), entries.open_inside(fd, name + one.removeprefix(path)) as inner:
            mode, uid, gid = closed[one]
            entries.set_attributes(inner, Folder(mode, uid, gid, {}))


def _with_attributes(folder: Folder, path: str, closed: _Attributes) -> Folder:
    """Return `folder` as it was before its folders were closed."""
    mode, uid, gid = closed[path]
    below = {
        name: _with_attributes(entry, f"{path}/{name}", closed) if isinstance(entry, Folder) else entry
        for name, entry in folder.entries.items()
    }
    return Folder(mode, uid, gid, below, None, folder.left_out)
