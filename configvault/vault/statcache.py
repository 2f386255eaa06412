"""The stamps of the files of a state, kept between processes so that an unchanged file is not read again.

Only a cache: of any state that was on record, and dropped when it is not whole. A stamp that is in the root still says
what the file holds, whatever was recorded since.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from configvault.core.model import Attributes, Entry, Folder, Kind, Stamp, Summary
from configvault.disk import durable

FORMAT = b"configvault-stat-cache 3\n"
_KINDS = tuple(Kind)
# As `_make` of a named tuple, twice as quick: every file of the root takes both.
_ENTRY: Callable[[tuple[Any, ...]], Entry] = partial(tuple.__new__, Entry)
_STAMP: Callable[[tuple[Any, ...]], Stamp] = partial(tuple.__new__, Stamp)
_NO_STAMP = (None,) * len(Stamp._fields)


def save(path: str, state: Folder) -> None:
    """Write the cache of `state`, which has been recorded, to the file `path`."""
    body = json.dumps(_pack(state), separators=(",", ":")).encode()
    # Not synced: what a power cut leaves of it does not have this sum.
    durable.write(path, FORMAT + _sum(body) + body, sync=False)


def load(path: str) -> Folder | None:
    """Return the state in the file `path`, None if there is none."""
    try:
        with open(path, "rb") as file:
            said, found, body = file.read(len(FORMAT)), file.read(len(_sum(b""))), file.read()
    except OSError:
        return None
    return _unpack(json.loads(body)) if said == FORMAT and found == _sum(body) else None


def _sum(body: bytes) -> bytes:
    import hashlib

    return hashlib.sha256(body).digest()


def _pack(folder: Folder) -> list[Any]:
    """Return a folder as its own facts and one column for each fact of its files: columns are quick to read."""
    files = {name: entry for name, entry in folder.entries.items() if isinstance(entry, Entry)}
    stamps = (folder.stamps.get(name, _NO_STAMP) for name in files)
    return [
        [folder.mode, folder.uid, folder.gid, folder.id],
        _summary(folder),
        [*files],
        [*zip(*((_KINDS.index(entry.kind), *entry[1:]) for entry in files.values()), strict=True)],
        [*zip(*stamps, strict=True)],
        {name: _pack(entry) for name, entry in folder.entries.items() if isinstance(entry, Folder)},
        dict(folder.left_out),
    ]


def _summary(folder: Folder) -> list[Any]:
    census, holds_empty, leaves_out = folder.summary
    return [[[attributes, count] for attributes, count in census.items()], holds_empty, leaves_out]


def _unpack(packed: list[Any]) -> Folder:
    (mode, uid, gid, id_), (census, *flags), names, facts, stamps, folders, left_out = packed
    summary = Summary(Counter({Attributes(*attributes): count for attributes, count in census}), *flags)
    entries: dict[str, Entry | Folder] = {name: _unpack(below) for name, below in folders.items()}
    kept: Mapping[str, Stamp] = {}
    if names:
        facts[0] = [_KINDS[kind] for kind in facts[0]]
        entries.update(zip(names, map(_ENTRY, zip(*facts, strict=True)), strict=True))
        kept = dict(zip(names, map(_STAMP, zip(*stamps, strict=True)), strict=True))
        if None in stamps[0]:
            kept = {name: stamp for name, stamp in kept.items() if stamp.inode is not None}
    return Folder(mode, uid, gid, entries, kept, left_out, known=(id_, summary))
