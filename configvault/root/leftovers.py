"""Clear what an interrupted restore left in its staging folders."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from configvault.core.model import Entry, Folder
from configvault.disk.syscalls import sync_file_system as sync_descriptor
from configvault.root import entries, staging
from configvault.root.capture import DEEPEST, Root, Sink
from configvault.root.entries import open_folder
from configvault.root.examine import LeaveError, examine

Keep = Callable[[Mapping[str, "Entry | Folder"]], None]


def sync_file_system(path: str) -> None:
    """Sync the file system of the root at `path`: a killed process may not have synced its renames."""
    with open_folder(path, "") as fd:
        sync_descriptor(fd)


def clear(
    root: Root, token: str, sink: Sink, is_kept: Callable[[Entry], bool], keep: Keep, *, switching: bool
) -> tuple[str, ...]:
    """Remove the staging folders of the restore with this token.

    What the vault holds is removed. So is, after `keep` has stored it, anything that those who can write in the root could
    have removed themselves. Everything else stays.

    Args:
        root: where to look.
        token: the token in the journal.
        sink: takes the bytes of what `keep` may store.
        is_kept: tells whether the bytes of an entry are in the vault.
        keep: stores entries that the vault lacks, by an invented path.
        switching: whether there may be original files; else there are only half-built new ones, to be removed.

    Returns:
        The places in the root of what stays.
    """
    stay: list[str] = []
    fd = root.open()
    try:
        for place in staging.found(fd, token, DEEPEST):
            foreign: dict[str, Entry | Folder] = {}
            gone: list[str] = []
            for name in place.names():
                try:
                    if switching:
                        _sort(root, sink, place.fd, name, is_kept, foreign)
                    gone.append(name)
                except LeaveError:
                    stay.append(f"{place.name}/{name}")
            if foreign:
                keep(foreign)
            for name in gone:
                entries.remove(place.fd, name)
            if place.names():
                place.leave()
            else:
                place.remove()
    finally:
        os.close(fd)
    return tuple(stay)


def _sort(
    root: Root,
    sink: Sink,
    fd: int,
    name: str,
    is_kept: Callable[[Entry], bool],
    foreign: dict[str, Entry | Folder],
) -> None:
    """Examine the entry `name`; add it to `foreign` if the vault does not hold it.

    Raises:
        LeaveError: it has to stay.
    """
    # No captured folders are given, as nobody knows any more which folder this was: perhaps one whose files only its
    # owner may remove.
    found = examine(root, sink, fd, name, f"found-after-a-crash-{name}", {}, is_kept)
    if isinstance(found, Entry) and not is_kept(found):
        foreign[f"found-after-a-crash-{name}"] = found
