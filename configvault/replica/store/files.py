"""A folder as a store, for example on another disk or on NFS.

A file gets its name only when all of it is on disk, and is never changed afterwards. No link below the folder is followed:
whoever keeps it may replace folders and files with links and pipes.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from typing import BinaryIO

from configvault.core.replicas import Trouble, Why
from configvault.replica.store.objects import (
    AbsentError,
    DeniedError,
    ExistsError,
    Found,
    StoreError,
    too_large,
)

_BLOCK = 1 << 20
_ASIDE = ".tmp-"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Files:
    """The objects below the folder `path`. It must exist: a disk that is not mounted must not look like an empty store."""

    def __init__(self, path: str, shown: str) -> None:
        """Touch nothing yet; `shown` is the name for errors."""
        self._top = path
        self._shown = shown

    def listed(self, below: str, after: str = "") -> Iterator[Found]:
        """Yield the files in the folder `below` whose paths sort after `after`, sorted by name."""
        found = []
        with self._named(below), contextlib.suppress(FileNotFoundError), self._folder(below) as folder:
            for entry in os.scandir(folder):
                path = f"{below}{entry.name}"
                if path > after and not entry.name.startswith(_ASIDE):
                    with contextlib.suppress(FileNotFoundError):
                        found.append(Found(path, entry.stat(follow_symlinks=False).st_size))
        yield from sorted(found, key=lambda one: one.name)

    def folders(self) -> list[str]:
        """Return the sorted names of the top-level folders."""
        with self._named():
            self._require()
            return sorted(entry.name for entry in os.scandir(self._top) if entry.is_dir(follow_symlinks=False))

    def read(self, name: str, most: int) -> bytes:
        """Return the bytes of one file; raises StoreError if there are more than `most`."""
        with self._named(name), self._open(name) as file:
            data = file.read(most + 1)
        if len(data) > most:
            raise too_large(self._shown, name, most)
        return data

    def fetch(self, name: str, path: str, most: int) -> None:
        """Copy the first `most` bytes of one file to the new file `path`."""
        # Outside of `_named`: an error while writing here is not an error of the store.
        with open(path, "xb") as target:
            target.writelines(self._blocks(name, most))

    def create(self, name: str, data: bytes) -> None:
        """Write `data` to a temporary file and link it into place; raises ExistsError if the name is taken."""
        with self._aside(name) as fd, open(fd, "wb", closefd=False) as file:
            file.write(data)

    def send(self, name: str, path: str) -> None:
        """Copy the file `path` to a temporary file and link it into place; raises ExistsError if the name is taken."""
        with open(path, "rb") as source, self._aside(name) as fd, open(fd, "wb", closefd=False) as file:
            while block := source.read(_BLOCK):
                file.write(block)

    def remove(self, name: str) -> None:
        """Remove one file; it is no error if it is gone."""
        with self._named(name), self._folder(name) as folder, contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.basename(name), dir_fd=folder)
            os.fsync(folder)

    def _blocks(self, name: str, most: int) -> Iterator[bytes]:
        with self._named(name), self._open(name) as file:
            while block := file.read(min(_BLOCK, most)):
                yield block
                most -= len(block)

    @contextlib.contextmanager
    def _open(self, name: str) -> Iterator[BinaryIO]:
        with self._folder(name) as folder:
            # O_NONBLOCK: opening a pipe that somebody put here must not block.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            fd = os.open(os.path.basename(name), flags, dir_fd=folder)
        with open(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise StoreError(self._shown, Trouble(Why.DAMAGED, f"{name} is no file"))
            yield file

    @contextlib.contextmanager
    def _aside(self, name: str) -> Iterator[int]:
        """Give a descriptor of a new file to write to; at the end it is synced and gets its name, or is removed."""
        last = os.path.basename(name)
        with self._named(name), self._folder(name, make=True) as folder:
            # A file without a name if the file system supports it: then a killed push leaves nothing behind.
            try:
                fd, aside = os.open(".", os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC, 0o600, dir_fd=folder), None
            except OSError:
                aside = f"{_ASIDE}{secrets.token_hex(8)}"
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                fd = os.open(aside, flags, 0o600, dir_fd=folder)
            try:
                yield fd
                os.fsync(fd)
                # link(2) never replaces an existing file, on NFS too, where the server carries it out.
                if aside is None:
                    os.link(f"/proc/self/fd/{fd}", last, dst_dir_fd=folder, follow_symlinks=True)
                else:
                    os.link(aside, last, src_dir_fd=folder, dst_dir_fd=folder)
                os.fsync(folder)
            finally:
                os.close(fd)
                if aside is not None:
                    os.unlink(aside, dir_fd=folder)

    @contextlib.contextmanager
    def _folder(self, name: str, *, make: bool = False) -> Iterator[int]:
        """Open the folder that holds `name`, one component at a time; with `make`, make missing folders."""
        self._require()
        # The top folder is the operator's choice and may be a link; below it O_NOFOLLOW forbids links.
        fd = os.open(self._top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in name.split("/")[:-1]:
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, 0o700, dir_fd=fd)
                    # Even if the folder exists: the process that made it may have been killed before its sync.
                    os.fsync(fd)
                fd, left = os.open(part, _FOLDER, dir_fd=fd), fd
                os.close(left)
            yield fd
        finally:
            os.close(fd)

    def _require(self) -> None:
        if not os.path.isdir(self._top):
            raise StoreError(
                self._shown,
                Trouble(
                    Why.MISSING,
                    f"the folder {self._top} does not exist",
                    f"mount it, or mkdir -m 700 {self._top}",
                ),
            )

    @contextlib.contextmanager
    def _named(self, name: str = "") -> Iterator[None]:
        """Turn a system error in the block into an error of this store, about the object `name`."""
        what = f"{name}: " if name else ""
        try:
            yield
        except FileNotFoundError:
            raise AbsentError(self._shown, Trouble(Why.DAMAGED, f"{what}there is no such object")) from None
        except FileExistsError:
            raise ExistsError(self._shown, Trouble(Why.BUSY, f"{what}it exists already")) from None
        except PermissionError:
            said = Trouble(Why.LOGIN, f"{what}permission denied", f"look at who owns {self._top}")
            raise DeniedError(self._shown, said) from None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                said = Trouble(
                    Why.DAMAGED, f"{what}a link or something else is in its place", f"ls -l {self._top}"
                )
                raise StoreError(self._shown, said) from None
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            words = "it has no free space" if full else f"{what}{error.strerror}"
            raise StoreError(self._shown, Trouble(Why.FULL if full else Why.UNREACHABLE, words)) from None
