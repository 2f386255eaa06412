"""What a new file takes over from the one that it replaces: access lists, extended attributes, the security label.

No snapshot has them, so all there is to go by is what is there. Whoever may write in the root can put a file of their own,
with an access list to their liking, in the place of any other. So only the very file that was captured counts, and only
where it has the owner that the new one gets: what that owner could have allowed anyway. And nobody gets more access by it
than either the old file gave them or the snapshot's mode allows: the access list is first cut down to what its mask let
through, and the mode that is set afterwards becomes its mask. File capabilities were granted to other bytes, and stay behind.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import struct
from collections.abc import Iterator

from configvault.core.frozen import frozen
from configvault.core.model import Entry, Folder, Kind
from configvault.root.inodes import Identity, identity

ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
_LABELS = ("security.selinux", "security.SMACK64", "security.SMACK64EXEC", "security.SMACK64MMAP")
_USER = "user."
_NONE = {errno.ENODATA, errno.EOPNOTSUPP, errno.ENOSYS}
# Source: linux/posix_acl_xattr.h. A version, then tag, permissions and id of each entry.
_HEAD, _ENTRY = struct.Struct("<I"), struct.Struct("<HHI")
_GROUP_CLASS, _MASK = {0x02, 0x04, 0x08}, 0x10


@frozen
class Carried:
    """What to put on a new file or folder before it gets its owner and mode; `is_whole` unless some is left behind.

    `default` is what everything below that belongs to `owner` begins with, as the kernel would have it.
    """

    pairs: tuple[tuple[str, bytes], ...] = ()
    is_whole: bool = True
    default: bytes | None = None
    owner: int = -1

    def put(self, fd: int) -> bool:
        """Set it on the descriptor `fd`, but for what only what is made later shall get; return whether that worked."""
        is_whole = self.is_whole
        for name, value in self.pairs:
            if name != DEFAULT:
                is_whole = _set(fd, name, value) and is_whole
        return is_whole

    def put_default(self, fd: int) -> bool:
        """Set what everything gets that is made from now on in the folder `fd`."""
        return all(_set(fd, name, value) for name, value in self.pairs if name == DEFAULT)

    def below(self, entry: Entry | Folder) -> Carried:
        """Return what something gets that is in a new folder."""
        if self.default is None or entry.uid != self.owner:
            return NOTHING
        return _made_of(self.default, self.owner, is_folder=isinstance(entry, Folder))


NOTHING = Carried()


def _set(fd: int, name: str, value: bytes) -> bool:
    try:
        os.setxattr(fd, name, value)
    except OSError:
        return False
    return True


def _made_of(default: bytes, owner: int, *, is_folder: bool) -> Carried:
    pairs = ((ACCESS, default), (DEFAULT, default)) if is_folder else ((ACCESS, default),)
    return Carried(pairs, default=default, owner=owner)


def of(
    fd: int, name: str, old: Entry | Folder | None, new: Entry | Folder, captured: Identity | None
) -> Carried:
    """Return what `new` takes over as `name` in the folder `fd`, where `old` was captured, which was `captured`."""
    if isinstance(new, Entry) and new.kind is Kind.LINK:
        return NOTHING
    if isinstance(old, Folder) is not isinstance(new, Folder) or old is None:
        return _inherited(fd, new)
    with contextlib.suppress(OSError), _opened(fd, name) as inner:
        seen, path = os.fstat(inner), f"/proc/self/fd/{inner}"
        if stat.S_ISLNK(seen.st_mode) or not (names := os.listxattr(path)):
            return NOTHING
        if identity(seen) != captured or seen.st_uid != new.uid:
            return Carried(is_whole=False)
        closer = seen.st_gid == new.gid and not new.mode & 0o077 & ~seen.st_mode
        pairs = tuple(_read(path, names, with_user=closer))
        return Carried(pairs, len(pairs) == len(names))
    return NOTHING


def _read(path: str, names: list[str], *, with_user: bool) -> Iterator[tuple[str, bytes]]:
    for name in names:
        if name in _LABELS or name == DEFAULT or (with_user and name.startswith(_USER)):
            yield name, os.getxattr(path, name)
        elif name == ACCESS:
            yield name, _within_mask(os.getxattr(path, name))


def _inherited(fd: int, new: Entry | Folder) -> Carried:
    """Return what the kernel would give to something new in the folder `fd` of its own owner: it is made elsewhere."""
    try:
        default = os.getxattr(fd, DEFAULT)
    except OSError as error:
        if error.errno not in _NONE:
            raise
        return NOTHING
    owner = os.fstat(fd).st_uid
    if new.uid != owner:
        return NOTHING
    return _made_of(default, owner, is_folder=isinstance(new, Folder))


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
