"""What a restore that was cut off left under its temporary names."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from configvault.core.model import RESERVED_PREFIX, Entry, Folder
from configvault.disk.syscalls import sync_file_system as sync_descriptor
from configvault.root.entries import open_folder, remove
from configvault.root.restore import Inspect


def sync_file_system(path: str) -> None:
    """Put on disk what was renamed in the root at `path` by somebody who did not live to sync it."""
    with open_folder(path, "") as fd:
        sync_descriptor(fd)


def leftovers(path: str, token: str) -> Iterator[str]:
    """Yield the paths of what a run with that token left under its temporary names."""
    prefix = RESERVED_PREFIX + token + "-"
    for folder, folders, files, _ in os.fwalk(path, follow_symlinks=False):
        inside = os.path.relpath(folder, path)
        for name in [*folders, *files]:
            if name.startswith(prefix):
                yield os.path.normpath(os.path.join(inside, name))
        folders[:] = [name for name in folders if not name.startswith(prefix)]


def inspect_leftover(path: str, leftover: str, inspect: Inspect) -> Entry | Folder | None:
    """Return what one of `leftovers` is."""
    with _leftover_folder(path, leftover) as (fd, name):
        return inspect(fd, name)


def remove_leftover(path: str, leftover: str) -> None:
    """Remove one of `leftovers`."""
    with _leftover_folder(path, leftover) as (fd, name):
        remove(fd, name)
        os.fsync(fd)


@contextlib.contextmanager
def _leftover_folder(path: str, leftover: str) -> Iterator[tuple[int, str]]:
    folder, _, name = leftover.rpartition("/")
    with open_folder(path, folder) as fd:
        yield fd, name
