"""What has to be done to a root so that it becomes a target: parents before children, removals last.

Every step is one rename in the end: a whole new folder is built aside and appears at once, a whole old
one disappears at once. Only a folder that both states have is entered.
"""

from __future__ import annotations

from collections.abc import Iterator

from configvault.core.errors import ConfigvaultError
from configvault.core.frozen import frozen
from configvault.core.model import Entry, Folder


@frozen
class Step:
    """One path: `old` is what was captured there, `new` what shall be; None is nothing.

    Both folders: only the folder's own mode and owner change.
    """

    path: str
    old: Entry | Folder | None
    new: Entry | Folder | None

    @property
    def attributes_only(self) -> bool:
        """Return whether this step changes a folder's mode or owner and nothing else."""
        return isinstance(self.old, Folder) and isinstance(self.new, Folder)

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

    Raises:
        ConfigvaultError: a file of the target lies where a folder with untouchable files stands.
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
        yield from _place(
            live.entries.get(name), target.entries[name], prefix + name, name in live.left_out, kept
        )
    for name in gone:
        if name.casefold() not in folded:
            yield from _remove(live.entries[name], prefix + name, kept)


def _place(
    old: Entry | Folder | None, new: Entry | Folder, path: str, in_the_way: bool, kept: list[str]
) -> Iterator[Step]:
    if isinstance(old, Folder) and isinstance(new, Folder):
        yield from _steps(old, new, path + "/", kept)
        if old.attributes != new.attributes:
            yield Step(path, old, new)
    elif in_the_way or (isinstance(old, Folder) and any(old.all_left_out())):
        raise ConfigvaultError(
            f"cannot restore {path!r}: what lies there holds entries that are never touched",
            "move the ignored or special files away, then roll back again",
        )
    elif old != new:
        yield Step(path, old, new)


def _remove(old: Entry | Folder, path: str, kept: list[str]) -> Iterator[Step]:
    if isinstance(old, Folder) and any(old.all_left_out()):
        kept.append(path)
        for name in sorted(old.entries):
            yield from _remove(old.entries[name], f"{path}/{name}", kept)
    else:
        yield Step(path, old, None)
