"""What an error of the system means to an operator: which place, what is wrong with it, and what helps. Source: errno(3)."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shlex
import struct

from configvault.core.errors import ConfigvaultError

# Names that are gone again at once, and those by which the kernel lets a descriptor be opened, help nobody.
_TEMPORARY = re.compile(r"/(?:\.configvault-[^/]*|tmp_obj_[^/]*|[^/]*\.[0-9]+\.[0-9]+\.tmp)(?:/.*)?\Z")
_DESCRIPTOR = re.compile(r"/proc/(?:self|[0-9]+)/fd/[0-9]+")
_NOT_YET = "then try again"
_HINTS = {
    errno.ENOSPC: f"make room on that file system (space or inodes: df, df -i), {_NOT_YET}",
    errno.EDQUOT: f"raise the quota or make room, {_NOT_YET}",
    errno.EROFS: f"remount that file system for writing, {_NOT_YET}",
    errno.EMFILE: "raise the limit of open files: ulimit -n, or LimitNOFILE= of the service",
    errno.ENFILE: "raise the limit of open files of this host: sysctl -w fs.file-max=N",
    errno.ENAMETOOLONG: f"shorten that name, or the path above it, {_NOT_YET}",
    errno.ETXTBSY: f"stop the program that runs from that file, {_NOT_YET}",
    errno.ELOOP: "look for a loop of symbolic links there",
    errno.ENOTDIR: "part of that path is not a directory: move it away",
    errno.EISDIR: "there is a directory where a file is expected: move it away",
    errno.EBUSY: f"it is a mount point or in use: umount it, or stop what uses it (fuser -v), {_NOT_YET}",
    errno.EIO: "the disk reports an error: look at dmesg",
    errno.ESTALE: f"the network file system has lost that place: mount it again, {_NOT_YET}",
    errno.EFBIG: "raise the largest size of a file: ulimit -f, or LimitFSIZE= of the service",
    errno.ENOMEM: "give more memory: ulimit -v, or MemoryMax= of the service",
    errno.EAGAIN: "raise the limit of processes: ulimit -u, or TasksMax= of the service",
    errno.ENOTSUP: "that file system does not support it: put vault and root on another one",
}  # fmt: skip
# Source: ioctl_iflags(2).
_GETFLAGS = 0x80086601
_IMMUTABLE, _APPEND = 0x10, 0x20


def explain(error: OSError) -> ConfigvaultError:
    """Return an error of the system as an operator should read it."""
    name = shown(error)
    said = error.strerror or str(error)
    message = f"{name}: {said}" if name else said[:1].lower() + said[1:]
    if error.errno in (errno.EACCES, errno.EPERM):
        return ConfigvaultError(message, _permission(name))
    more = "look at that place, then try again; --verbose shows where it happened"
    return ConfigvaultError(message, _HINTS.get(error.errno or 0, more))


def out_of_memory() -> ConfigvaultError:
    """Return the error of a process that may not have more memory."""
    return ConfigvaultError("there is not enough memory", _HINTS[errno.ENOMEM])


def shown(error: OSError) -> str | None:
    """Return the place that an error is about, above what has a temporary name."""
    name = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else None
    if name is None or _DESCRIPTOR.fullmatch(name):
        return None
    if not name.startswith("/"):
        return name if not _TEMPORARY.search(f"/{name}") else None
    return _TEMPORARY.sub("", name) or "/"


def _permission(name: str | None) -> str:
    """Return who or what forbids it: an attribute that binds root as well, or the rights of this user."""
    held = _fixed(name) if name is not None else None
    if held is not None:
        return f"it is immutable or append-only: chattr -ia {shlex.quote(held)}"
    if os.geteuid() == 0:
        return "check its mode, its attributes (lsattr) and security modules such as SELinux: even root is not permitted"
    return "run it as a user with permission, for example with sudo"


def _fixed(path: str) -> str | None:
    """Return `path` or the folder around it, whichever has an attribute that forbids to change it."""
    for one in (path, os.path.dirname(path.rstrip("/"))):
        try:
            fd = os.open(one, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            [flags] = struct.unpack("l", fcntl.ioctl(fd, _GETFLAGS, struct.pack("l", 0)))
        except OSError:
            continue
        finally:
            os.close(fd)
        if flags & (_IMMUTABLE | _APPEND):
            return one
    return None
