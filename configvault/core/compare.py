"""How two states differ, and a state with some paths taken from another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from configvault.core.model import Change, ChangeKind, Entry, Folder


def changes(old: Folder | None, new: Folder | None) -> tuple[Change, ...]:
    """Return what differs from `old` to `new`, by path; the root folder itself is `.`.

    Folders are named only where they are empty or where their own mode or owner differs.
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
    """Return `live` with what `target` has at `paths` (which may be nothing) in place of its own."""
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
