"""Files that survive a power cut: write aside, sync, rename, sync the folder."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def naming(path: str) -> Iterator[None]:
    """Give an error of the block the name `path`, where the system gives none (as when the disk is full)."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = path
        raise


def write(path: str, data: bytes, mode: int = 0o600, *, sync: bool = True) -> None:
    """Replace the file at `path` by `data` so that after any crash it holds the old or the new bytes.

    Without `sync` that holds for a killed process only; after a power cut the file may be empty.
    """
    # The threads of a daemon write, too.
    aside = f"{path}.{threading.get_native_id()}.{os.getpid()}.tmp"
    try:
        fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
        with naming(path), open(fd, "wb") as file:
            file.write(data)
            file.flush()
            if sync:
                os.fsync(fd)
        os.rename(aside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(aside)
        raise
    if sync:
        sync_folder(os.path.dirname(path))


def remove(path: str) -> None:
    """Remove the file at `path`, if there is one, so that it stays removed."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
        sync_folder(os.path.dirname(path))


def sync_folder(path: str) -> None:
    """Put the names in the folder at `path` on disk."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_file_system(path: str) -> None:
    """Put everything on disk that was written on the file system of the folder at `path`. Source: syncfs(2)."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if libc.syncfs(fd):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), path)
    finally:
        os.close(fd)


def private_folder(path: str) -> None:
    """Make the folder at `path`, and those above it, for this user alone; one that is there stays as it is."""
    os.makedirs(path, 0o700, exist_ok=True)
