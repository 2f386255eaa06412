"""What an interrupted restore left in its staging folder."""

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
    """Put on disk what was renamed in the root at `path` by somebody who did not live to sync it."""
    with open_folder(path, "") as fd:
        sync_descriptor(fd)


def clear(
    root: Root, token: str, sink: Sink, is_kept: Callable[[Entry], bool], keep: Keep, *, switching: bool
) -> tuple[str, ...]:
    """Remove the staging folders of the restore with that token.

    What is in the vault by now is removed, and so is anything that whoever may write in the root could have removed
    themselves, after `keep` has kept it. Everything else stays.

    Args:
        root: where to look.
        token: what the journal names.
        sink: where bytes go that `keep` may want.
        is_kept: whether the bytes of an entry are in the vault.
        keep: takes what is not, by a path for it.
        switching: whether anything but half-built parts of the target can be there.

    Returns:
        Where that lies which stays.
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
    """Put what has that name among the `foreign` where the vault does not have it.

    Raises:
        LeaveError: it has to stay.
    """
    # Which folder it was nobody knows any more: perhaps one whose files only its owner may remove.
    found = examine(root, sink, fd, name, f"found-after-a-crash-{name}", {}, is_kept)
    if isinstance(found, Entry) and not is_kept(found):
        foreign[f"found-after-a-crash-{name}"] = found
