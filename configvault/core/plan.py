"""Plan the steps that turn a root into a target state: parents before children, removals last.

Each step becomes one rename: a new folder is built aside and appears with all its content at once; an old one disappears
at once. Only a folder that both states have is worked on from inside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from configvault.core.frozen import frozen
from configvault.core.leftout import is_missing
from configvault.core.model import Entry, Folder


@frozen
class Step:
    """One step, for one path.

    If both `old` and `new` are folders, only the folder's own mode and owner change, unless `is_whole`.

    Attributes:
        path: where.
        old: what was captured there; None if nothing was, or it cannot be captured.
        new: what the target has there; None if nothing.
        is_whole: a new folder with all its content replaces the old one.
    """

    path: str
    old: Entry | Folder | None
    new: Entry | Folder | None
    is_whole: bool = False

    @property
    def attributes_only(self) -> bool:
        """Return whether this step changes a folder's mode or owner and nothing else."""
        return isinstance(self.old, Folder) and isinstance(self.new, Folder) and not self.is_whole

    @property
    def parent(self) -> str:
        """Return the path of the folder this step works in, `""` for the root."""
        return self.path.rpartition("/")[0]

    @property
    def name(self) -> str:
        """Return the last part of the path."""
        return self.path.rpartition("/")[2]


@frozen
class RestorePlan:
    """The steps in order, and the paths of folders that stay because they hold something that is never touched."""

    steps: tuple[Step, ...]
    kept_folders: tuple[str, ...] = ()


def plan(live: Folder, target: Folder) -> RestorePlan:
    """Return the steps from `live` to `target`.

    Whatever is at a path of the target is replaced; what cannot be removed is moved aside (see `root/restore.py`). A folder
    with another owner or mode is changed in place only if nobody could have put another user's folder under its name.
    Otherwise a new folder replaces it.
    """
    kept: list[str] = []
    steps = list(_steps(live, target, "", kept, _Hands()))
    if live.attributes != target.attributes:
        steps = list(_with_attributes("", live, target, steps))
    return RestorePlan(tuple(steps), tuple(kept))


@frozen
class _Hands:
    """Who can rename things in a folder: the owners of it and of all folders above, anybody else if `is_open`."""

    owners: frozenset[int] = frozenset()
    is_open: bool = False

    def within(self, folder: Folder) -> _Hands:
        """Return who can rename things in `folder`, which is inside this one."""
        return _Hands(self.owners | {folder.uid}, self.is_open or bool(folder.mode & 0o022))

    def may_mislead(self, old: Folder, new: Folder) -> bool:
        """Return whether somebody gains something by putting another folder in the place of `old`, to get it made `new`."""
        # The user root, and a user who owns both, gain nothing.
        return self.is_open or not self.owners <= {0} | ({old.uid} & {new.uid})


def _steps(live: Folder, target: Folder, prefix: str, kept: list[str], above: _Hands) -> Iterator[Step]:
    if live is target:
        return
    gone = [name for name in sorted(live.entries) if name not in target.entries]
    due = [name for name in sorted(target.entries) if live.entries.get(name) is not target.entries[name]]
    # If the file system ignores case, `A` and `a` are one name: remove the old one first.
    folded = {name.casefold() for name in due}
    for name in gone:
        if name.casefold() in folded:
            yield from _remove(live.entries[name], prefix + name, kept)
    hands = above.within(live)
    for name in due:
        yield from _place(live.entries.get(name), target.entries[name], prefix + name, kept, hands)
    for name in gone:
        if name.casefold() not in folded:
            yield from _remove(live.entries[name], prefix + name, kept)


def _place(
    old: Entry | Folder | None, new: Entry | Folder, path: str, kept: list[str], hands: _Hands
) -> Iterator[Step]:
    if not isinstance(old, Folder) or not isinstance(new, Folder):
        if old != new:
            yield Step(path, old, new)
    elif old.attributes == new.attributes:
        yield from _steps(old, new, path + "/", kept, hands)
    elif hands.may_mislead(old, new):
        # In place, its content could be seen or changed under the wrong owner while somebody exchanges the folder.
        yield Step(path, old, new, is_whole=True)
    else:
        yield from _with_attributes(path, old, new, list(_steps(old, new, path + "/", kept, hands)))


def _with_attributes(path: str, old: Folder, new: Folder, below: Sequence[Step]) -> Iterator[Step]:
    """Yield the steps `below` a folder, and those that give it its own attributes.

    While content is added, nobody gets access who has none in the end.
    """
    closed = _narrower(old, new) if below else old
    if closed.attributes != old.attributes:
        yield Step(path, old, closed)
    yield from below
    if closed.attributes != new.attributes:
        yield Step(path, closed, new)


def _narrower(old: Folder, new: Folder) -> Folder:
    """Return `old` with only the access that both modes give; owned by root already if `new` is."""
    uid, gid = (new.uid, new.gid) if new.uid == 0 else (old.uid, old.gid)
    return Folder(old.mode & new.mode | old.mode & 0o300, uid, gid, old.entries)


def _remove(old: Entry | Folder, path: str, kept: list[str]) -> Iterator[Step]:
    if isinstance(old, Folder) and any(not is_missing(reason) for _, reason in old.all_left_out()):
        kept.append(path)
        for name in sorted(old.entries):
            yield from _remove(old.entries[name], f"{path}/{name}", kept)
    else:
        yield Step(path, old, None)
