"""Compare two states, and derive states: with some paths from another, or without what cannot be restored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

from configvault.core.model import Change, ChangeKind, Entry, Folder, Kind

_SET_ID = 0o6000


def changes(old: Folder | None, new: Folder | None) -> tuple[Change, ...]:
    """Return the differences from `old` to `new`, sorted by path; the path of the root folder itself is `.`.

    A folder is listed only if it is empty, or if its own mode or owner differs.
    """
    found = list(_compare(old, new, ""))
    if old is not None and new is not None and old.attributes != new.attributes:
        found.append(Change(".", ChangeKind.METADATA, old, new))
    return tuple(sorted(found, key=lambda change: change.path))


def _compare(old: Folder | None, new: Folder | None, prefix: str) -> Iterator[Change]:
    if old is new:
        return
    before = old.entries if old else {}
    after = new.entries if new else {}
    for name in before.keys() | after.keys():
        yield from _compare_entry(before.get(name), after.get(name), prefix + name)


def _compare_entry(old: Entry | Folder | None, new: Entry | Folder | None, path: str) -> Iterator[Change]:
    if old is new or (isinstance(old, Entry) and old == new):
        return
    if isinstance(old, Folder) and isinstance(new, Folder):
        if old.attributes != new.attributes:
            yield Change(path, ChangeKind.METADATA, old, new)
        yield from _compare(old, new, path + "/")
    elif isinstance(old, Entry) and isinstance(new, Entry):
        same = (old.kind, old.blob) == (new.kind, new.blob)
        yield Change(path, ChangeKind.METADATA if same else ChangeKind.MODIFIED, old, new)
    elif old is not None and new is not None:
        yield Change(path, ChangeKind.MODIFIED, old, new)
        yield from _compare(_contents(old), _contents(new), path + "/")
    else:
        here = old or new
        kind = ChangeKind.REMOVED if new is None else ChangeKind.ADDED
        if isinstance(here, Entry) or (here and not here.entries):
            yield Change(path, kind, old, new)
        yield from _compare(_contents(old), _contents(new), path + "/")


def _contents(entry: Entry | Folder | None) -> Folder | None:
    return entry if isinstance(entry, Folder) else None


def graft(live: Folder, target: Folder, paths: Iterable[str]) -> Folder:
    """Return `live` with the entries at `paths` replaced by those of `target`; removed where `target` has none."""
    for path in paths:
        live = _graft(live, target, path.split("/"))
    return live


def _graft(live: Folder, target: Folder | None, parts: list[str]) -> Folder:
    name, rest = parts[0], parts[1:]
    there = target.entries.get(name) if target else None
    entries = dict(live.entries)
    if rest and (isinstance(there, Folder) or isinstance(entries.get(name), Folder)):
        here = entries.get(name)
        base = here if isinstance(here, Folder) else _bare(there)
        there = _graft(base, there if isinstance(there, Folder) else None, rest)
    if there is None:
        entries.pop(name, None)
    else:
        entries[name] = there
    return Folder(live.mode, live.uid, live.gid, entries, live.stamps, live.left_out)


def _bare(folder: Entry | Folder | None) -> Folder:
    assert isinstance(folder, Folder)
    return Folder(folder.mode, folder.uid, folder.gid, {})


def without_bare(live: Folder, like: Folder | None) -> Folder:
    """Return `live` without the folders that hold only left-out entries, unless `like` has them.

    A rollback never touches ignored files, so a folder with some stays in the root when all else in it is removed. It must
    count as no change, whether it is there or not.
    """
    if live is like:
        return live
    kept: dict[str, Entry | Folder] = {}
    for name, entry in live.entries.items():
        same = like.entries.get(name) if like else None
        if isinstance(entry, Folder):
            held = without_bare(entry, same if isinstance(same, Folder) else None)
            left_something = bool(held.left_out) or held.entries.keys() != entry.entries.keys()
            if not held.entries and left_something and not isinstance(same, Folder):
                continue
            entry = held  # noqa: PLW2901 - the same folder, without some
        kept[name] = entry
    return _with(live, kept)


class LeavesOut(Protocol):
    """A function that tells why a name is not captured."""

    def __call__(self, name: str, prefix: str, *, is_folder: bool = False) -> str | None:
        """Return the reason for `name` in the folder `prefix` (`""` or ending in `/`), None if it is captured."""
        ...


def without_ignored(
    target: Folder, live: Folder | None, reason_to_leave_out: LeavesOut, prefix: str = ""
) -> Folder:
    """Return `target` without the names that the present rules leave out, as these are not touched in the root."""
    if target is live:
        return target
    kept: dict[str, Entry | Folder] = {}
    for name, entry in target.entries.items():
        if reason_to_leave_out(name, prefix, is_folder=isinstance(entry, Folder)) is None:
            if isinstance(entry, Folder):
                old = live.entries.get(name) if live else None
                entry = without_ignored(  # noqa: PLW2901 - the same folder, without some
                    entry, old if isinstance(old, Folder) else None, reason_to_leave_out, f"{prefix}{name}/"
                )
            kept[name] = entry
    return _with(target, kept)


def with_possible_owners(
    target: Folder, live: Folder | None, may_give: Callable[[int, int], bool], mine: tuple[int, int]
) -> Folder:
    """Return `target` with owners that this process may set.

    Where `may_give` (uid, gid) denies one, an unchanged entry keeps the owner that it has in `live`. An entry that must be
    created gets the owner `mine` (uid, gid), without set-id bits, as they were meant for another owner.
    """
    if target is live:
        return target
    kept: dict[str, Entry | Folder] = {}
    for name, entry in target.entries.items():
        old = live.entries.get(name) if live else None
        if isinstance(entry, Folder):
            entry = with_possible_owners(entry, old if isinstance(old, Folder) else None, may_give, mine)  # noqa: PLW2901
        elif not may_give(entry.uid, entry.gid):
            stays = isinstance(old, Entry) and old._replace(uid=entry.uid, gid=entry.gid) == entry
            uid, gid = (old.uid, old.gid) if stays and isinstance(old, Entry) else mine
            mode = entry.mode if (uid, gid) == (entry.uid, entry.gid) else entry.mode & ~_SET_ID
            entry = entry._replace(uid=uid, gid=gid, mode=mode)  # noqa: PLW2901
        kept[name] = entry
    uid, gid = target.uid, target.gid
    if not may_give(uid, gid):
        uid, gid = (live.uid, live.gid) if live else mine
    if (uid, gid) == (target.uid, target.gid):
        return _with(target, kept)
    return Folder(target.mode, uid, gid, kept, target.stamps, target.left_out)


def without_set_id(target: Folder, live: Folder | None) -> Folder:
    """Return `target` without the set-id bits of files, except files that are the same in `live`."""
    if target is live:
        return target
    kept: dict[str, Entry | Folder] = {}
    for name, entry in target.entries.items():
        old = live.entries.get(name) if live else None
        if isinstance(entry, Folder):
            entry = without_set_id(entry, old if isinstance(old, Folder) else None)  # noqa: PLW2901
        elif entry.kind is Kind.FILE and entry.mode & _SET_ID and entry != old:
            entry = entry._replace(mode=entry.mode & ~_SET_ID)  # noqa: PLW2901
        kept[name] = entry
    return _with(target, kept)


def _with(folder: Folder, entries: Mapping[str, Entry | Folder]) -> Folder:
    """Return `folder` with these entries; `folder` itself if they are its own."""
    if len(entries) == len(folder.entries) and all(folder.entries[n] is e for n, e in entries.items()):
        return folder
    return Folder(folder.mode, folder.uid, folder.gid, entries, folder.stamps, folder.left_out)
