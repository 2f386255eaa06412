"""The stamps of the latest snapshot's files, kept between processes so that an unchanged file is not read again.

Only a cache: it is believed when it belongs to the latest snapshot's tree, and dropped when it is anything else.
"""

from __future__ import annotations

import json
from typing import Any

from configvault.core import metadata
from configvault.core.model import Entry, Folder, Kind, Stamp
from configvault.vault import durable

FORMAT = 1


def save(path: str, state: Folder) -> None:
    """Write the cache of `state`, which has been recorded, to the file `path`."""
    document = [FORMAT, metadata.snapshot_tree(state).id, _pack(state)]
    durable.write(path, json.dumps(document, separators=(",", ":")).encode())


def load(path: str, tree: str) -> Folder | None:
    """Return the state with that snapshot tree from the file `path`, None if it is not there."""
    try:
        with open(path, "rb") as file:
            form, kept, packed = json.load(file)
        if (form, kept) != (FORMAT, tree):
            return None
        state = _unpack(packed)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return state if metadata.snapshot_tree(state).id == tree else None


def _pack(folder: Folder) -> list[Any]:
    rows: dict[str, Any] = {}
    for name, entry in folder.entries.items():
        if isinstance(entry, Folder):
            rows[name] = _pack(entry)
        else:
            stamp = folder.stamps.get(name)
            rows[name] = [*entry[1:], entry.kind is Kind.LINK, *(stamp or ())]
    return [folder.mode, folder.uid, folder.gid, rows, dict(folder.left_out)]


def _unpack(packed: list[Any]) -> Folder:
    mode, uid, gid, rows, left_out = packed
    entries: dict[str, Entry | Folder] = {}
    stamps: dict[str, Stamp] = {}
    for name, row in rows.items():
        if isinstance(row[3], dict):
            entries[name] = _unpack(row)
        else:
            entries[name] = Entry(Kind.LINK if row[5] else Kind.FILE, *row[:5])
            if len(row) > 6:
                stamps[name] = Stamp(*row[6:])
    return Folder(mode, uid, gid, entries, stamps, left_out)
