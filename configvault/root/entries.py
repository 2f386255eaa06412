"""Make, change and remove single entries relative to a folder's descriptor, without following links.

What is made here is synced; its folder is synced by the caller.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, Protocol

from configvault.core.errors import ConfigvaultError
from configvault.core.model import Entry, Folder, Kind
from configvault.disk import reasons
from configvault.root.xattrs import NOTHING, Carried

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

Chunks = Callable[[str], Iterable[bytes]]
"""Returns the bytes of the blob with an id, in pieces."""


class BlobReader(Protocol):
    """A source of blobs (the vault's objects)."""

    def has(self, id_: str) -> bool:
        """Return whether the blob exists."""
        ...

    def chunks(self, id_: str) -> Iterable[bytes]:
        """Return the bytes of a blob in pieces."""
        ...

    def ahead(self, ids: Sequence[str]) -> contextlib.AbstractContextManager[Chunks]:
        """Return a function like `chunks`, for reading these blobs in this order, which is faster."""
        ...


def wanted(entry: Entry | Folder) -> Iterator[str]:
    """Yield the ids of the blobs that `build` reads, in the same order."""
    if isinstance(entry, Folder):
        for child in sorted(entry.entries):
            yield from wanted(entry.entries[child])
    else:
        yield entry.blob


def build(fd: int, name: str, entry: Entry | Folder, chunks: Chunks, carried: Carried = NOTHING) -> bool:
    """Make `entry` as `name` in the folder `fd`, with owner and mode, and sync it.

    Nobody else may be able to write in that folder: the owner of a link can only be set by its name.

    Args:
        fd: descriptor of the folder.
        name: the name, which must be free.
        entry: what to make.
        chunks: returns the bytes of a blob.
        carried: extended attributes and access control lists to set.

    Returns:
        Whether everything in `carried` could be set.
    """
    is_whole = True
    if isinstance(entry, Folder):
        os.mkdir(name, 0o700, dir_fd=fd)
        inner = os.open(name, FOLDER, dir_fd=fd)
        try:
            if carried.pairs or not carried.is_whole:
                is_whole = carried.put(inner)
                os.fchmod(inner, 0o700)
            # Content first, attributes last: until then nobody else can enter the folder.
            for child in sorted(entry.entries):
                below = entry.entries[child]
                build(inner, child, below, chunks, carried.below(below))
            is_whole = carried.put_default(inner) and is_whole
            set_attributes(inner, entry)
            os.fsync(inner)
        finally:
            os.close(inner)
    elif entry.kind is Kind.LINK:
        where = b"".join(chunks(entry.blob))
        if not where or b"\0" in where:
            raise OSError(errno.EINVAL, "this is no text for a link to point at", name)
        os.symlink(os.fsdecode(where), name, dir_fd=fd)
        seen = os.stat(name, dir_fd=fd, follow_symlinks=False)
        if (seen.st_uid, seen.st_gid) != (entry.uid, entry.gid):
            os.chown(name, entry.uid, entry.gid, dir_fd=fd, follow_symlinks=False)
    else:
        file = os.open(name, _CREATE, 0o600, dir_fd=fd)
        try:
            write(file, chunks(entry.blob))
            is_whole = carried.put(file)
            set_attributes(file, entry)
            os.fsync(file)
        finally:
            os.close(file)
    return is_whole


@contextlib.contextmanager
def open_folder(root: str, path: str) -> Iterator[int]:
    """Open the folder at `path` below the directory `root`, without following links below `root`."""
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with open_inside(fd, path) as inner:
            yield inner
    finally:
        os.close(fd)


@contextlib.contextmanager
def open_inside(fd: int, path: str) -> Iterator[int]:
    """Open the folder at `path` below the folder `fd`, without following links; close it at the end of the block."""
    inner = open_below(fd, path)
    try:
        yield inner
    finally:
        os.close(inner)


def open_below(fd: int, path: str) -> int:
    """Return a new descriptor of the folder at `path` below the folder `fd`, opened without following links."""
    here = os.dup(fd)
    try:
        for name in path.split("/") if path else ():
            inner = os.open(name, FOLDER, dir_fd=here)
            os.close(here)
            here = inner
    except BaseException:
        os.close(here)
        raise
    return here


def make_root(path: str, mode: int, uid: int, gid: int) -> None:
    """Make the missing root folder itself; its parent must exist, else it raises ConfigvaultError."""
    try:
        os.mkdir(path, 0o700)
        fd = os.open(path, FOLDER)
    except OSError as error:
        raise ConfigvaultError(
            f"cannot create the root {path}: {error.strerror}", "create its parent folder"
        ) from error
    try:
        set_attributes(fd, Folder(mode, uid, gid, {}))
        os.fsync(fd)
    finally:
        os.close(fd)
    parent = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(parent)
    os.close(parent)


def write_new(path: str, folder: Folder, source: BlobReader) -> None:
    """Write `folder` as a new directory at `path`, which must be missing or empty; its parent must exist.

    Raises:
        ConfigvaultError: it cannot be written.
    """
    parent, name = os.path.split(path)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(path)
        with open_folder(parent, "") as fd, source.ahead(list(wanted(folder))) as chunks:
            build(fd, name, folder, chunks)
            os.fsync(fd)
    except OSError as error:
        named = OSError(error.errno, error.strerror, path)
        may = error.errno in (
            errno.EACCES,
            errno.EPERM,
            errno.EEXIST,
            errno.ENOTEMPTY,
            errno.ENOENT,
            errno.ENOTDIR,
        )
        raise ConfigvaultError(
            f"cannot write {path}: {error.strerror}",
            "use a new directory in a folder where you can write" if may else reasons.explain(named).hint,
        ) from error


@contextlib.contextmanager
def new_file(path: str) -> Iterator[IO[bytes]]:
    """Open a new file that gets its name only when the block ends without an error; an existing file is not replaced.

    Raises:
        ConfigvaultError: it cannot be written, or the name is taken.
    """
    aside = f"{path}.{os.getpid()}.new"
    try:
        with open(os.open(aside, _CREATE, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.link(aside, path)
    except OSError as error:
        raise ConfigvaultError(
            f"cannot write {path}: {error.strerror}", "use a new file for --output"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(aside)


def write(file: int, pieces: Iterable[bytes]) -> int:
    """Write `pieces` to the descriptor `file`; return the number of bytes written."""
    size = 0
    for piece in pieces:
        view = memoryview(piece)
        while view:
            written = os.write(file, view)
            view = view[written:]
            size += written
    return size


def set_attributes(fd: int, entry: Entry | Folder) -> None:
    """Set owner and mode of `fd` if they differ; the owner first, as chown(2) clears the set-id bits."""
    seen = os.fstat(fd)
    if (seen.st_uid, seen.st_gid) != (entry.uid, entry.gid):
        os.fchown(fd, entry.uid, entry.gid)
        seen = os.fstat(fd)
    if stat.S_IMODE(seen.st_mode) != entry.mode:
        os.fchmod(fd, entry.mode)


def exists(fd: int, name: str) -> bool:
    """Return whether there is an entry `name` in the folder `fd`, also a link that leads nowhere."""
    try:
        os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def check_removable(fd: int, name: str, path: str) -> None:
    """Check, before anything changes, that this user can remove the folder `name` with everything in it.

    Raises:
        PermissionError: another user's folder in it is not empty, and this user may not write there. `path` is the name
            for the error.
    """
    if os.geteuid() == 0:
        return
    with contextlib.suppress(FileNotFoundError):
        inner = os.open(name, FOLDER, dir_fd=fd)
        try:
            children = list(os.scandir(inner))
            may_write = os.access(".", os.W_OK | os.X_OK, dir_fd=inner, effective_ids=True)
            if children and not may_write and os.fstat(inner).st_uid != os.geteuid():
                raise PermissionError(errno.EACCES, "no permission to remove what is in it", path)
            for child in children:
                if child.is_dir(follow_symlinks=False):
                    check_removable(inner, child.name, f"{path}/{child.name}")
        finally:
            os.close(inner)


def remove(fd: int, name: str) -> None:
    """Remove the entry `name` in the folder `fd`, with all its content, without following links; no error if it is gone.

    Nobody else may be able to change names in that folder, or in any folder below (see examine.py).
    """
    try:
        seen = os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(seen.st_mode):
        os.unlink(name, dir_fd=fd)
        return
    inner = os.open(name, FOLDER, dir_fd=fd)
    try:
        if seen.st_mode & 0o300 != 0o300 and os.geteuid() == seen.st_uid:
            os.fchmod(inner, 0o700)
        for child in os.listdir(inner):
            remove(inner, child)
    finally:
        os.close(inner)
    os.rmdir(name, dir_fd=fd)
