"""What has to be done to a root so that it becomes a target: parents before children, removals last.

Every step is one rename in the end: a whole new folder is built aside and appears at once, a whole old
one disappears at once. Only a folder that both states have is entered.
"""

from __future__ import annotations

from collections.abc import Iterator

from configvault.core.frozen import frozen
from configvault.core.leftout import is_missing
from configvault.core.model import Entry, Folder


@frozen
class Step:
    """One path: `old` is what was captured there, `new` what shall be; None is nothing, or what cannot be captured.

    Both folders: only the folder's own mode and owner change, unless `is_whole`: then another folder takes its place.
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
    """The steps in order, and the folders that stay because they hold what is never touched."""

    steps: tuple[Step, ...]
    kept_folders: tuple[str, ...] = ()


def plan(live: Folder, target: Folder) -> RestorePlan:
    """Return the steps from `live` to `target`.

    What stands where something of the target shall be is replaced, whatever it is or holds: what cannot be removed then
    is moved aside (see `root/restore.py`).
    """
    kept: list[str] = []
    steps = list(_steps(live, target, "", kept))
    if live.attributes != target.attributes:
        steps.append(Step("", live, target))
    return RestorePlan(tuple(steps), tuple(kept))


def _steps(live: Folder, target: Folder, prefix: str, kept: list[str]) -> Iterator[Step]:
    if live is target:
        return
    gone = [name for name in sorted(live.entries) if name not in target.entries]
    due = [name for name in sorted(target.entries) if live.entries.get(name) is not target.entries[name]]
    # On a file system that folds case `A` and `a` are one name: the old one has to go first.
    folded = {name.casefold() for name in due}
    for name in gone:
        if name.casefold() in folded:
            yield from _remove(live.entries[name], prefix + name, kept)
    for name in due:
        yield from _place(live.entries.get(name), target.entries[name], prefix + name, kept)
    for name in gone:
        if name.casefold() not in folded:
            yield from _remove(live.entries[name], prefix + name, kept)


def _place(old: Entry | Folder | None, new: Entry | Folder, path: str, kept: list[str]) -> Iterator[Step]:
    if not isinstance(old, Folder) or not isinstance(new, Folder):
        if old != new:
            yield Step(path, old, new)
    elif _gives_away(old, new):
        yield Step(path, old, new, is_whole=True)
    else:
        yield from _steps(old, new, path + "/", kept)
        if old.attributes != new.attributes:
            yield Step(path, old, new)


def _gives_away(old: Folder, new: Folder) -> bool:
    """Return whether somebody would get a hand in files that no snapshot has, if this folder became that one.

    Whoever may write in the root could have given its name to a folder that is not theirs.
    """
    widened = new.mode & 0o022 & ~old.mode
    return (old.uid != new.uid or bool(widened)) and any(old.all_left_out())


def _remove(old: Entry | Folder, path: str, kept: list[str]) -> Iterator[Step]:
    if isinstance(old, Folder) and any(not is_missing(reason) for _, reason in old.all_left_out()):
        kept.append(path)
        for name in sorted(old.entries):
            yield from _remove(old.entries[name], f"{path}/{name}", kept)
    else:
        yield Step(path, old, None)
