"""The one private folder in the root that holds everything temporary of a restore.

Whoever may write in the root can rename this folder, and put another in its place, at any moment; what they cannot do
is enter it: it belongs to this process's user and has mode 0700. So it is reached by its descriptor only, and whatever
has to be given an owner, inspected or removed is moved in here first, where its name leads to nothing else.

Its name comes from a token that only the journal holds, so nobody can occupy it in advance, and there are more of them
than somebody who has seen one can know. A restore that was cut off finds its folder again by a file inside, named after
the token as well, whatever the folder is called by then; one that is empty by its name alone. A folder cannot be moved
into another one without the right to write in it, so it stays in the folder where it was made.
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
# Each try takes an attacker a rename at the right instant.
_TRIES = 50
# What opening a name says that has just become something else.
_SWAPPED = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


class Staging:
    """The private folder with the descriptor `fd`, in the folder `parent`."""

    def __init__(self, parent: int, fd: int, name: str, token: str) -> None:
        """Take descriptors, which `close` closes, and the name it had last."""
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
        """Let go of the descriptors."""
        os.close(self.fd)
        os.close(self._parent)

    def names(self) -> list[str]:
        """Return the names of what is in it, in order."""
        return sorted(name for name in os.listdir(self.fd) if not name.startswith(self._marker))

    def free(self, wanted: str) -> str:
        """Return a name that nothing has in here, made of `wanted`."""
        short = os.fsdecode(os.fsencode(wanted)[:200])
        number, name = 0, short
        while exists(self.fd, name):
            number += 1
            name = f"{short}.{number}"
        return name

    def can_swap(self) -> bool:
        """Return whether this file system can exchange two names, tried where nobody else has a hand in it."""
        names = [self.free(f"{self._marker}-swap"), self.free(f"{self._marker}-with")]
        for name in names:
            os.close(os.open(name, _CREATE, 0o600, dir_fd=self.fd))
        try:
            syscalls.renameat2(self.fd, names[0], self.fd, names[1], syscalls.EXCHANGE)
        except OSError:
            return False
        finally:
            for name in names:
                # Where that fails, whoever removes the folder tries it again.
                with contextlib.suppress(OSError):
                    os.unlink(name, dir_fd=self.fd)
        return True

    def give_other_name(self, fd: int, name: str) -> None:
        """Free a name in the folder `fd` that somebody gave to this very folder."""
        if self._is(name):
            with contextlib.suppress(OSError):
                syscalls.renameat2(fd, name, fd, RESERVED_PREFIX + os.urandom(8).hex(), syscalls.NOREPLACE)

    def remove(self) -> None:
        """Remove it, which is empty by now; under another name where somebody renamed it."""
        self._remove_own()
        for _ in range(_TRIES):
            if not self._find():
                break
            # Of another folder that has just taken the name, rmdir(2) takes no more than an empty one, which
            # whoever may rename it could have removed themselves.
            with contextlib.suppress(OSError):
                os.rmdir(self.name, dir_fd=self._parent)
        os.fsync(self._parent)

    def _remove_own(self) -> None:
        """Remove the marker, and what a trial left beside it."""
        for name in sorted(os.listdir(self.fd), reverse=True):
            if name.startswith(self._marker):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=self.fd)

    def leave(self) -> None:
        """Let it stay with what is in it: not ours, and kept nowhere else."""
        self._find()
        self._remove_own()
        os.fsync(self.fd)
        os.fsync(self._parent)

    def _find(self) -> bool:
        """Return whether it is still there; `name` is then what it is called now."""
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
    """Return what a restore is known by to whoever can read the journal."""
    return os.urandom(16).hex()


def make(parent: int, token: str) -> Staging:
    """Make a private folder in the folder `parent`.

    Raises:
        OSError: it cannot be made, or somebody replaced it each time before it could be opened.
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
    """Yield the private folders that restores with this token made in the folder `root` and `depth` levels below it."""
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
    """Yield the names that a restore with that token may give its folder, in order."""
    for number in range(_TRIES):
        import hashlib

        yield RESERVED_PREFIX + hashlib.sha256(f"{token} name {number}".encode()).hexdigest()[:16]


def _marker(token: str) -> str:
    """Return the name of the file by which the folder is known."""
    import hashlib

    return hashlib.sha256(f"{token} marker".encode()).hexdigest()


def mount_of(fd: int) -> object:
    """Return what tells the mount of `fd` from others: nothing can be renamed from one to another."""
    try:
        with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as file:
            return next(line for line in file if line.startswith("mnt_id:"))
    except (OSError, StopIteration):
        return os.fstat(fd).st_dev


def _make_private(fd: int) -> bool:
    """Return whether the folder `fd`, just made and opened, is ours, empty, and closed to everybody else by now."""
    if not _is_ours(fd):
        return False
    if stat.S_IMODE(os.fstat(fd).st_mode) != 0o700:  # it took the set-group-id bit of its parent
        os.fchmod(fd, 0o700)
    with contextlib.suppress(OSError):
        # What is made inside shall not begin with somebody's access.
        os.removexattr(fd, _DEFAULT_ACL)
    # Somebody could have put an empty folder of ours in its place, and that would do as well; not one with content.
    return not os.listdir(fd)


def _is_ours(fd: int) -> bool:
    """Return whether the folder `fd` belongs to whom this process's files belong to."""
    owner = os.fstat(fd).st_uid
    if owner == os.geteuid():
        return True
    # Some network and shared folders give every file to one user, whoever makes it.
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
