"""The stamps of the files of a state, kept between processes so that an unchanged file is not read again.

Only a cache: of any state that was on record, and dropped when it is not whole. A stamp that is in the root still says
what the file holds, whatever was recorded since.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from configvault.core.model import Attributes, Entry, Folder, Kind, Stamp, Summary
from configvault.disk import durable

FORMAT = b"configvault-stat-cache 4\n"
_KINDS = tuple(Kind)
# As `_make` of a named tuple, twice as quick: every file of the root takes both.
_ENTRY: Callable[[tuple[Any, ...]], Entry] = partial(tuple.__new__, Entry)
_STAMP: Callable[[tuple[Any, ...]], Stamp] = partial(tuple.__new__, Stamp)
# Numbers as they lie in memory are read ten times as fast as text. No file was changed at this time.
_NO_STAMP = Stamp(0, 0, 0, -(1 << 63))
_WIDTH = len(_NO_STAMP)
_UNSIGNED = 1 << 64


def save(path: str, state: Folder) -> None:
    """Write the cache of `state`, which has been recorded, to the file `path`."""
    stamps = array("q")
    head = json.dumps(_pack(state, stamps), separators=(",", ":")).encode()
    body = b"%d\n%s%s" % (len(head), head, stamps.tobytes())
    # Not synced: what a power cut leaves of it does not have this sum.
    durable.write(path, FORMAT + _sum(body) + body, sync=False)


def load(path: str) -> Folder | None:
    """Return the state in the file `path`, None if there is none."""
    try:
        with open(path, "rb") as file:
            said, found, body = file.read(len(FORMAT)), file.read(len(_sum(b""))), file.read()
    except OSError:
        return None
    if said != FORMAT or found != _sum(body):
        return None
    size, _, rest = body.partition(b"\n")
    numbers = array("q")
    numbers.frombytes(rest[int(size) :])
    columns = [numbers[number::_WIDTH] for number in range(_WIDTH)]
    inodes = [inode % _UNSIGNED for inode in columns[0]] if min(columns[0], default=0) < 0 else columns[0]
    stamps = map(_STAMP, zip(inodes, *columns[1:], strict=True))
    return _unpack(json.loads(rest[: int(size)]), stamps)


def _sum(body: bytes) -> bytes:
    import hashlib

    return hashlib.sha256(body).digest()


def _pack(folder: Folder, stamps: array[int]) -> list[Any]:
    """Return a folder as its own facts and one column for each fact of its files; their stamps go behind `stamps`."""
    files = {name: entry for name, entry in folder.entries.items() if isinstance(entry, Entry)}
    for name in files:
        inode, *others = folder.stamps.get(name, _NO_STAMP)
        if max(others) >= _UNSIGNED >> 1 or min(others) < _NO_STAMP.ctime_ns:
            # A time after the year 2262: that file is read each time.
            inode, *others = _NO_STAMP
        # An inode that is too large for a signed number is read as an unsigned one.
        stamps.extend([inode if inode < _UNSIGNED >> 1 else inode - _UNSIGNED, *others])
    return [
        [folder.mode, folder.uid, folder.gid, folder.id],
        _summary(folder),
        [*files],
        [*zip(*((_KINDS.index(entry.kind), *entry[1:]) for entry in files.values()), strict=True)],
        {name: _pack(entry, stamps) for name, entry in folder.entries.items() if isinstance(entry, Folder)},
        dict(folder.left_out),
    ]


def _summary(folder: Folder) -> list[Any]:
    census, holds_empty, leaves_out = folder.summary
    return [[[attributes, count] for attributes, count in census.items()], holds_empty, leaves_out]


def _unpack(packed: list[Any], stamps: Iterator[Stamp]) -> Folder:
    (mode, uid, gid, id_), (census, *flags), names, facts, folders, left_out = packed
    summary = Summary(Counter({Attributes(*attributes): count for attributes, count in census}), *flags)
    entries: dict[str, Entry | Folder] = {}
    kept: Mapping[str, Stamp] = {}
    if names:
        facts[0] = [_KINDS[kind] for kind in facts[0]]
        entries.update(zip(names, map(_ENTRY, zip(*facts, strict=True)), strict=True))
        kept = dict(zip(names, stamps, strict=False))
        if _NO_STAMP in kept.values():
            kept = {name: stamp for name, stamp in kept.items() if stamp != _NO_STAMP}
    # In the order in which they were written.
    for name, below in folders.items():
        entries[name] = _unpack(below, stamps)
    return Folder(mode, uid, gid, entries, kept, left_out, known=(id_, summary))
