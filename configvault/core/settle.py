"""Decide when a change counts as finished, and which part of the root may have changed. Pure: the time is an argument.

Times are seconds of a monotonic clock. A burst is a series of events. The root is looked at when no event has come for
`quiet_s`, but at the latest `max_wait_s` after the first event of the burst.
"""

from __future__ import annotations

from collections.abc import Iterable

from configvault.core.frozen import frozen, replace

# With more places than this, walking over everything is as cheap.
MOST_PLACES = 1000


@frozen
class Burst:
    """The times of the first and the last event of a burst."""

    first_s: float
    last_s: float


def noticed(burst: Burst | None, at_s: float) -> Burst:
    """Return `burst` with one more event at `at_s`; a new burst if it is None."""
    return Burst(at_s, at_s) if burst is None else replace(burst, last_s=max(burst.last_s, at_s))


def due_s(burst: Burst, quiet_s: float, max_wait_s: float) -> float:
    """Return the time at which to look at the root for `burst`."""
    return min(burst.last_s + quiet_s, burst.first_s + max_wait_s)


def has_waited(burst: Burst, at_s: float, max_wait_s: float) -> bool:
    """Return whether the longest wait is over: then files that hold still are captured, without the rest."""
    return at_s >= burst.first_s + max_wait_s


class Dirty:
    """Where the root may differ from the last capture; `""` is the root itself. With too many places: everywhere."""

    __slots__ = ("_around", "folders", "trees")

    def __init__(self, folders: Iterable[str] = (), trees: Iterable[str] = ()) -> None:
        """Take `folders`, which must be listed again, and `trees`, which must be walked with everything below."""
        self.folders = frozenset(folders)
        self.trees = frozenset(trees)
        if len(self.folders) + len(self.trees) > MOST_PLACES:
            self.trees = frozenset([""])
        if "" in self.trees:
            self.folders, self.trees = frozenset(), frozenset([""])
        self._around: frozenset[str] | None = None

    def __bool__(self) -> bool:
        return bool(self.folders or self.trees)

    def __or__(self, other: Dirty) -> Dirty:
        return Dirty(self.folders | other.folders, self.trees | other.trees)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dirty) and (self.folders, self.trees) == (other.folders, other.trees)

    def __hash__(self) -> int:
        return hash((self.folders, self.trees))

    def __repr__(self) -> str:
        return f"Dirty({sorted(self.folders)}, {sorted(self.trees)})"

    def touches(self, path: str) -> bool:
        """Return whether the folder at `path` must be listed: it is dirty, or something below it, or a tree above it."""
        if self._around is None:
            self._around = frozenset(_with_parents(self.folders | self.trees))
        return path in self._around or any(_is_within(path, tree) for tree in self.trees)


EVERYTHING = Dirty(trees=("",))
NOTHING = Dirty()


def _with_parents(paths: Iterable[str]) -> Iterable[str]:
    found = {""}
    for path in paths:
        here = path
        while here not in found:
            found.add(here)
            here = here.rpartition("/")[0]
    return found


def _is_within(path: str, tree: str) -> bool:
    return not tree or path == tree or path.startswith(tree + "/")
