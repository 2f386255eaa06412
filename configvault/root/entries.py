"""Make, change and remove single entries by directory descriptor, following no link, synced before they are named."""

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
"""Gives the bytes of a blob in pieces."""


class BlobReader(Protocol):
    """Where the bytes of blobs come from: of any one, and of many in a known order."""

    def has(self, id_: str) -> bool:
        """Return whether that blob is there."""
        ...

    def chunks(self, id_: str) -> Iterable[bytes]:
        """Give the bytes of a blob in pieces."""
        ...

    def ahead(self, ids: Sequence[str]) -> contextlib.AbstractContextManager[Chunks]:
        """Return what gives the same to who wants these in this order."""
        ...


def wanted(entry: Entry | Folder) -> Iterator[str]:
    """Yield the blobs that `build` asks for, in its order."""
    if isinstance(entry, Folder):
        for child in sorted(entry.entries):
            yield from wanted(entry.entries[child])
    else:
        yield entry.blob


def build(fd: int, name: str, entry: Entry | Folder, chunks: Chunks, carried: Carried = NOTHING) -> bool:
    """Make `entry` as `name` in the folder `fd`, with owner and mode, on disk.

    Nobody else may be able to write in that folder: a link gets its owner by its name, as no descriptor of it can.

    Returns:
        Whether it could be given all that is `carried` over to it.
    """
    is_whole = True
    if isinstance(entry, Folder):
        os.mkdir(name, 0o700, dir_fd=fd)
        inner = os.open(name, FOLDER, dir_fd=fd)
        try:
            if carried.pairs or not carried.is_whole:
                is_whole = carried.put(inner)
                os.fchmod(inner, 0o700)
            # Its own attributes come last: until then nobody else can enter it.
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
    """Open the folder at `path` in the directory `root`, following no link on the way."""
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with open_inside(fd, path) as inner:
            yield inner
    finally:
        os.close(fd)


@contextlib.contextmanager
def open_inside(fd: int, path: str) -> Iterator[int]:
    """Open the folder at `path` in the folder `fd`, following no link on the way."""
    inner = open_below(fd, path)
    try:
        yield inner
    finally:
        os.close(inner)


def open_below(fd: int, path: str) -> int:
    """Return a new descriptor of the folder at `path` in the folder `fd`, following no link on the way."""
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
    """Make the root folder itself, which is missing, in a parent that exists."""
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
    """Write `folder` as a new directory at `path`, which is missing or empty, in a parent that exists."""
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
    """Open a new file that gets its name when the block ends without an error; an old one is not replaced."""
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
    """Write `pieces` to the descriptor `file`; return how many bytes that were."""
    size = 0
    for piece in pieces:
        view = memoryview(piece)
        while view:
            written = os.write(file, view)
            view = view[written:]
            size += written
    return size


def set_attributes(fd: int, entry: Entry | Folder) -> None:
    """Set owner, then mode: chown(2) takes the set-id bits away."""
    seen = os.fstat(fd)
    if (seen.st_uid, seen.st_gid) != (entry.uid, entry.gid):
        os.fchown(fd, entry.uid, entry.gid)
        seen = os.fstat(fd)
    if stat.S_IMODE(seen.st_mode) != entry.mode:
        os.fchmod(fd, entry.mode)


def exists(fd: int, name: str) -> bool:
    """Return whether anything has that name in the folder `fd`."""
    try:
        os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def check_removable(fd: int, name: str, path: str) -> None:
    """Refuse to begin what could not be ended: to remove the folder `name` with others' folders in it.

    Raises:
        PermissionError: it names the folder below `path` that this user can neither write in nor open to themselves.
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
    """Remove what has that name in the folder `fd`, a whole folder too, following no link.

    Nobody else may be able to change names there, nor in any folder below (see examine.py).
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
