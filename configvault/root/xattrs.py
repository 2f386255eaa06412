"""What a new file takes over from the one that it replaces: access lists, extended attributes, the security label.

No snapshot has them, so all there is to go by is what is there. Nobody gets more access by it than either the old file
gave them or the snapshot's mode allows: the access list is first cut down to what its mask let through, and the mode
that is set afterwards becomes its mask. File capabilities are not taken over: they were granted to other bytes.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import struct
from collections.abc import Iterator

from configvault.core.frozen import frozen
from configvault.core.model import Entry, Folder

ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
_LABELS = ("security.selinux", "security.SMACK64", "security.SMACK64EXEC", "security.SMACK64MMAP")
_USER = "user."
_NONE = {errno.ENODATA, errno.EOPNOTSUPP, errno.ENOSYS}
# Source: linux/posix_acl_xattr.h. A version, then tag, permissions and id of each entry.
_HEAD, _ENTRY = struct.Struct("<I"), struct.Struct("<HHI")
_GROUP_CLASS, _MASK = {0x02, 0x04, 0x08}, 0x10


@frozen
class Carried:
    """What to put on a new file or folder before it gets its owner and mode; `is_whole` unless some is left behind."""

    pairs: tuple[tuple[str, bytes], ...] = ()
    is_whole: bool = True

    def put(self, fd: int) -> bool:
        """Set it on the descriptor `fd`; return whether all of it could be set."""
        is_whole = self.is_whole
        for name, value in self.pairs:
            try:
                os.setxattr(fd, name, value)
            except OSError:
                is_whole = False
        return is_whole


NOTHING = Carried()


def of(fd: int, name: str, old: Entry | Folder | None, new: Entry | Folder) -> Carried:
    """Return what `new` takes over as `name` in the folder `fd`, where `old` was captured."""
    if isinstance(old, Folder) is not isinstance(new, Folder) or old is None:
        return _inherited(fd, is_folder=isinstance(new, Folder))
    with contextlib.suppress(OSError), _opened(fd, name) as inner:
        seen = os.fstat(inner)
        is_it = (seen.st_uid, seen.st_gid, stat.S_IMODE(seen.st_mode)) == (old.uid, old.gid, old.mode)
        # Another file in its place, perhaps one whose attributes not everybody may read: nothing is taken from it.
        if is_it and not stat.S_ISLNK(seen.st_mode):
            closer = (old.uid, old.gid) == (new.uid, new.gid) and not new.mode & 0o077 & ~old.mode
            path = f"/proc/self/fd/{inner}"
            pairs = tuple(_read(path, with_user=closer))
            return Carried(pairs, len(pairs) == len(os.listxattr(path)))
    return NOTHING


def _read(path: str, *, with_user: bool) -> Iterator[tuple[str, bytes]]:
    for name in os.listxattr(path):
        if name in _LABELS or name == DEFAULT or (with_user and name.startswith(_USER)):
            yield name, os.getxattr(path, name)
        elif name == ACCESS:
            yield name, _within_mask(os.getxattr(path, name))


def _inherited(fd: int, *, is_folder: bool) -> Carried:
    """Return what the kernel would give to something new in the folder `fd`: it is made elsewhere."""
    try:
        default = os.getxattr(fd, DEFAULT)
    except OSError as error:
        if error.errno not in _NONE:
            raise
        return NOTHING
    return Carried(((ACCESS, default), *(((DEFAULT, default),) if is_folder else ())))


def _within_mask(acl: bytes) -> bytes:
    """Return an access list in which everybody has what its mask leaves them, whatever becomes of the mask."""
    entries = list(_ENTRY.iter_unpack(acl[_HEAD.size :]))
    mask = next((rights for tag, rights, _ in entries if tag == _MASK), 0o7)
    cut = [(tag, rights & mask if tag in _GROUP_CLASS else rights, id_) for tag, rights, id_ in entries]
    return acl[: _HEAD.size] + b"".join(_ENTRY.pack(*entry) for entry in cut)


@contextlib.contextmanager
def _opened(fd: int, name: str) -> Iterator[int]:
    inner = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
    try:
        yield inner
    finally:
        os.close(inner)
