"""A folder as a store: another disk, or NFS. What is there is on disk, whole, and never changed."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator

from configvault.core.replicas import Trouble, Why
from configvault.disk import durable
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


class Files:
    """The objects below the folder `path`, which must exist: a disk that is not mounted is no empty store."""

    def __init__(self, path: str, shown: str) -> None:
        """Touch nothing yet; `shown` is the name for errors."""
        self._top = path
        self._shown = shown

    def listed(self, below: str, after: str = "") -> Iterator[Found]:
        """Yield the files in one folder, in order."""
        with self._named():
            self._require()
            try:
                names = sorted(os.listdir(os.path.join(self._top, below)))
            except FileNotFoundError:
                names = []
        for name in names:
            path = f"{below}{name}"
            if path > after and not name.startswith(_ASIDE):
                with self._named(), contextlib.suppress(FileNotFoundError):
                    yield Found(path, os.lstat(os.path.join(self._top, path)).st_size)

    def folders(self) -> list[str]:
        """Return the folders at the top."""
        with self._named():
            self._require()
            return sorted(entry.name for entry in os.scandir(self._top) if entry.is_dir(follow_symlinks=False))

    def read(self, name: str, most: int) -> bytes:
        """Return the bytes of one file."""
        with self._named(name), open(self._path(name), "rb") as file:
            data = file.read(most + 1)
        if len(data) > most:
            raise too_large(self._shown, name, most)
        return data

    def fetch(self, name: str, path: str, most: int) -> None:
        """Copy one file to `path`."""
        with self._named(name), open(self._path(name), "rb") as source, open(path, "xb") as target:
            while block := source.read(_BLOCK):
                target.write(block)
                if target.tell() > most:
                    raise too_large(self._shown, name, most)

    def create(self, name: str, data: bytes) -> None:
        """Write `data` aside and link it into place, which fails where the name is taken."""
        with self._aside(name) as fd, open(fd, "wb", closefd=False) as file:
            file.write(data)

    def send(self, name: str, path: str) -> None:
        """Copy the file `path` aside and link it into place."""
        with self._aside(name) as fd, open(path, "rb") as source, open(fd, "wb", closefd=False) as file:
            while block := source.read(_BLOCK):
                file.write(block)

    def remove(self, name: str) -> None:
        """Remove one file."""
        with self._named(name):
            durable.remove(self._path(name))

    @contextlib.contextmanager
    def _aside(self, name: str) -> Iterator[int]:
        """Give a new file to write to; on disk and under its name afterwards, or gone."""
        path = self._path(name)
        folder = os.path.dirname(path)
        with self._named(name):
            self._require()
            self._make(folder)
            # Without a name where the file system can do that: then a push that is killed leaves nothing behind.
            try:
                fd, aside = os.open(folder, os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC, 0o600), None
            except OSError:
                aside = os.path.join(folder, f"{_ASIDE}{secrets.token_hex(8)}")
                fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                yield fd
                os.fsync(fd)
                # link(2) never replaces, and an NFS server carries it out once.
                if aside is None:
                    # Only with a folder does Python ask for linkat(2), which follows the link in /proc.
                    os.link(f"/proc/self/fd/{fd}", path, src_dir_fd=fd, follow_symlinks=True)
                else:
                    os.link(aside, path)
                durable.sync_folder(folder)
            finally:
                os.close(fd)
                if aside is not None:
                    os.unlink(aside)

    def _make(self, folder: str) -> None:
        """Make the folders on the way to `folder` that are not there, each on disk in the one around it."""
        if not os.path.isdir(folder):
            self._make(os.path.dirname(folder))
            with contextlib.suppress(FileExistsError):
                os.mkdir(folder, 0o700)
            durable.sync_folder(os.path.dirname(folder))

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

    def _path(self, name: str) -> str:
        return os.path.join(self._top, name)

    @contextlib.contextmanager
    def _named(self, name: str = "") -> Iterator[None]:
        """Raise an error of the system as one of this store."""
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
            full = error.errno in (28, 122)
            words = "it has no room" if full else f"{what}{error.strerror}"
            raise StoreError(self._shown, Trouble(Why.FULL if full else Why.UNREACHABLE, words)) from None
