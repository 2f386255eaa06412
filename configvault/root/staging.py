"""The private folder in the root that holds everything temporary during a restore.

Anybody who can write in the root can rename this folder, or put another in its place, at any moment. They cannot enter
it: it belongs to this process's user and has mode 0700. It is therefore used only through its descriptor. Whatever must
be given an owner, inspected or removed is first moved in here, where nobody can exchange what its name leads to.

Its name is derived from a token that only the journal holds, so nobody can occupy the name in advance. There are several
such names; seeing one does not tell the next. After a crash the folder is found again by a marker file inside, also
named after the token, even if it was renamed; an empty one only by its name. Nobody can move it into another folder
without permission to write in it, so it stays in the folder where it was made.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from typing import Self

from configvault.core.model import RESERVED_PREFIX
from configvault.disk import syscalls
from configvault.root.entries import FOLDER, exists
from configvault.root.inodes import identity

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_DEFAULT_ACL = "system.posix_acl_default"
# How many names are tried. To make one try fail, an attacker must rename at exactly the right instant.
_TRIES = 50
# What the system reports if a name was replaced or removed just before it is opened.
_SWAPPED = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


class Staging:
    """The private folder with the descriptor `fd`, in the folder `parent`."""

    def __init__(self, parent: int, fd: int, name: str, token: str) -> None:
        """Take over both descriptors (`close` closes them), the last known name, and the restore's token."""
        self.fd = fd
        self.name = name
        self._parent = parent
        self._marker = _marker(token)
        self._identity = identity(os.fstat(fd))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the descriptors; the folder stays."""
        os.close(self.fd)
        os.close(self._parent)

    def names(self) -> list[str]:
        """Return the sorted names of its entries, without the marker and what `can_swap` left."""
        return sorted(name for name in os.listdir(self.fd) if not name.startswith(self._marker))

    def free(self, wanted: str) -> str:
        """Return a name that is free in here: `wanted`, shortened to 200 bytes, with a number if it is taken."""
        short = os.fsdecode(os.fsencode(wanted)[:200])
        number, name = 0, short
        while exists(self.fd, name):
            number += 1
            name = f"{short}.{number}"
        return name

    def can_swap(self) -> bool:
        """Return whether this file system can exchange two names; tried in here, where nobody else can interfere."""
        names = [self.free(f"{self._marker}-swap"), self.free(f"{self._marker}-with")]
        for name in names:
            os.close(os.open(name, _CREATE, 0o600, dir_fd=self.fd))
        try:
            syscalls.renameat2(self.fd, names[0], self.fd, names[1], syscalls.EXCHANGE)
        except OSError:
            return False
        finally:
            for name in names:
                # If this fails, `_remove_own` tries again: the names begin with the marker.
                with contextlib.suppress(OSError):
                    os.unlink(name, dir_fd=self.fd)
        return True

    def give_other_name(self, fd: int, name: str) -> None:
        """Rename this folder if somebody gave it the name `name` in the folder `fd`, which a restore needs."""
        if self._is(name):
            with contextlib.suppress(OSError):
                syscalls.renameat2(fd, name, fd, RESERVED_PREFIX + os.urandom(8).hex(), syscalls.NOREPLACE)

    def remove(self) -> None:
        """Remove this folder, which must be empty; find it first if somebody renamed it."""
        self._remove_own()
        for _ in range(_TRIES):
            if not self._find():
                break
            # If another folder has just taken the name, rmdir(2) can only remove an empty one, and whoever put it there
            # could have removed that, too.
            with contextlib.suppress(OSError):
                os.rmdir(self.name, dir_fd=self._parent)
        os.fsync(self._parent)

    def _remove_own(self) -> None:
        """Remove the marker, and what `can_swap` may have left; the marker, by which the folder is found, last."""
        for name in sorted(os.listdir(self.fd), reverse=True):
            if name.startswith(self._marker):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=self.fd)

    def leave(self) -> None:
        """Leave this folder and its content in the root: it is not ours to remove, and the vault does not hold it."""
        self._find()
        self._remove_own()
        os.fsync(self.fd)
        os.fsync(self._parent)

    def _find(self) -> bool:
        """Return whether this folder is still in its parent; set `name` to its present name."""
        # No links left: it was removed.
        if os.fstat(self.fd).st_nlink == 0:
            return False
        if self._is(self.name):
            return True
        for name in os.listdir(self._parent):
            if self._is(name):
                self.name = name
                return True
        return False

    def _is(self, name: str) -> bool:
        try:
            return identity(os.stat(name, dir_fd=self._parent, follow_symlinks=False)) == self._identity
        except FileNotFoundError:
            return False


def new_token() -> str:
    """Return a new secret token for one restore; it is written to the journal only."""
    return os.urandom(16).hex()


def make(parent: int, token: str) -> Staging:
    """Make a private folder in the folder `parent`.

    Raises:
        OSError: it cannot be made, or somebody replaced it every time before it could be opened.
    """
    for name in _names(token):
        try:
            os.mkdir(name, 0o700, dir_fd=parent)
            fd = os.open(name, FOLDER, dir_fd=parent)
        except FileExistsError:
            continue
        except OSError as error:
            if error.errno in _SWAPPED and exists(parent, "."):
                continue
            raise
        try:
            if _make_private(fd):
                os.close(os.open(_marker(token), _CREATE, 0o600, dir_fd=fd))
                return Staging(os.dup(parent), fd, name, token)
        except FileNotFoundError:  # somebody removed it while it was empty
            pass
        except BaseException:
            os.close(fd)
            with contextlib.suppress(OSError):
                os.rmdir(name, dir_fd=parent)
            raise
        os.close(fd)
    raise OSError(errno.EBUSY, "another process keeps replacing the temporary folder of the restore", name)


def found(root: int, token: str, depth: int) -> Iterator[Staging]:
    """Yield the private folders of the restore with this token, in the folder `root` and up to `depth` levels below."""
    marker, names = _marker(token), set(_names(token))
    for name in os.listdir(root):
        try:
            fd = os.open(name, FOLDER, dir_fd=root)
        except OSError:
            continue
        if _is_marked(fd, marker) or (name in names and not os.listdir(fd) and _is_ours(fd)):
            with Staging(os.dup(root), fd, name, token) as staging:
                yield staging
            continue
        try:
            if depth > 0:
                yield from found(fd, token, depth - 1)
        finally:
            os.close(fd)


def _is_marked(fd: int, marker: str) -> bool:
    try:
        return exists(fd, marker) and _is_ours(fd)
    except OSError:  # a folder that this user may read and not enter
        return False


def _names(token: str) -> Iterator[str]:
    """Yield the names that a restore with this token tries for its folder, in order."""
    for number in range(_TRIES):
        import hashlib

        yield RESERVED_PREFIX + hashlib.sha256(f"{token} name {number}".encode()).hexdigest()[:16]


def _marker(token: str) -> str:
    """Return the name of the marker file by which the folder is recognized."""
    import hashlib

    return hashlib.sha256(f"{token} marker".encode()).hexdigest()


def mount_of(fd: int) -> object:
    """Return a value that is the same for two descriptors on the same mount; rename(2) does not work across mounts.

    It is the mount id from proc(5), fdinfo, and the device number without /proc: a bind mount has the same device.
    """
    try:
        with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as file:
            return next(line for line in file if line.startswith("mnt_id:"))
    except (OSError, StopIteration):
        return os.fstat(fd).st_dev


def _make_private(fd: int) -> bool:
    """Close the new folder `fd` to everybody else; return whether it is ours and empty, as it must be."""
    if not _is_ours(fd):
        return False
    if stat.S_IMODE(os.fstat(fd).st_mode) != 0o700:  # it inherited the set-group-id bit of its parent
        os.fchmod(fd, 0o700)
    with contextlib.suppress(OSError):
        # Files made inside must not inherit access for others from a default ACL of the parent.
        os.removexattr(fd, _DEFAULT_ACL)
    # Somebody may have put another folder of ours in its place. An empty one is just as good; one with content is not.
    return not os.listdir(fd)


def _is_ours(fd: int) -> bool:
    """Return whether the folder `fd` has the owner that files made by this process get there."""
    owner = os.fstat(fd).st_uid
    if owner == os.geteuid():
        return True
    # Some network and shared file systems give every file the same owner, whoever makes it: see what a new one gets.
    probe = os.urandom(16).hex()
    try:
        file = os.open(probe, _CREATE, 0o600, dir_fd=fd)
    except OSError:
        return False
    try:
        return os.fstat(file).st_uid == owner
    finally:
        os.close(file)
        os.unlink(probe, dir_fd=fd)
