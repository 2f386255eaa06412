"""What Python does not have: renameat2(2) swaps two names at once or moves without replacing; syncfs(2)."""

from __future__ import annotations

import ctypes
import errno
import os

NOREPLACE = 1
EXCHANGE = 2
UNSUPPORTED = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})

_libc = ctypes.CDLL(None, use_errno=True)


def renameat2(old_fd: int, old: str, new_fd: int, new: str, flags: int) -> None:
    """Rename `old` in the folder `old_fd` to `new` in `new_fd`.

    Raises:
        OSError: as rename(2); an errno in `UNSUPPORTED` where this file system has no such flags.
    """
    if _libc.renameat2(old_fd, os.fsencode(old), new_fd, os.fsencode(new), flags):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), old)


def sync_file_system(fd: int) -> None:
    """Put everything on disk that was written on the file system of the descriptor `fd`."""
    if _libc.syncfs(fd):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
