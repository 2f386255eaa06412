"""One run: its sizes, its places, the trees with a store for everybody on them, and what was measured so far."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import measure, peers
from benchmarks.measure import Row
from benchmarks.ours import Ours
from benchmarks.trees import Tree
from configvault.disk import durable

MEMORY = Path("/dev/shm")  # noqa: S108 - a tmpfs is what is wanted
GOAL_SIZE = 10_000
# No contest takes much longer than this.
BUDGET_S = 60.0
ROUNDS = {20: 15, 1_000: 15, 10_000: 11, 100_000: 3}


class Field:
    """A tree of so many files, with configvault and its peers on it."""

    def __init__(
        self, place: Path, files: int, kinds: list[type[peers.Peer]], say: Callable[[str], None]
    ) -> None:
        """Build the tree, and let everybody take the first copy."""
        self.files = files
        self.tree = Tree(place / "root" / "conf", files)
        self.tree.build()
        self.ours = Ours(self.tree.root, place / "ours")
        self.first_s: dict[str, float] = {"configvault": self.ours.start()}
        say(f"{files} files: first snapshot of configvault {self.first_s['configvault']:.2f} s")
        self.peers: dict[str, peers.Peer] = {}
        for kind in kinds:
            tree = self.tree
            if kind.owns_tree:
                tree = Tree(place / "own" / kind.name, files)
                tree.build()
            contender = measure.Contender(
                kind.name, lambda kind=kind, tree=tree: self._begin(kind, tree, place)
            )
            self.first_s[kind.name] = measure.once(contender)
            say(f"{files} files: first copy of {kind.name} {self.first_s[kind.name]:.2f} s")

    def _begin(self, kind: type[peers.Peer], tree: Tree, place: Path) -> None:
        self.peers[kind.name] = kind(tree, place / "stores" / kind.program)

    @property
    def git(self) -> peers.Git:
        """Return the git command line's store."""
        found = self.peers["git"]
        assert isinstance(found, peers.Git)
        return found


@dataclass
class Bench:
    """What the topics share. `series` holds seconds by topic, contender and size, for the plots."""

    sizes: list[int]
    quick: bool
    disk: Path
    memory: Path
    directory: Path | None
    kinds: list[type[peers.Peer]]
    say: Callable[[str], None]
    series: dict[str, dict[str, dict[int, float]]] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    _fields: dict[int, Field] = field(default_factory=dict)

    def field(self, size: int) -> Field:
        """Return the tree of this size on the disk, built when first asked for."""
        if size not in self._fields:
            self._fields[size] = Field(self.disk / str(size), size, self.kinds, self.say)
            for name, seconds in self._fields[size].first_s.items():
                self.note("first", name, size, seconds)
        return self._fields[size]

    @property
    def most(self) -> int:
        """Return the largest size that goals are about, or the largest of this run."""
        return max(size for size in self.sizes if size <= GOAL_SIZE)

    def goal(self, value: float, size: int, of: int = GOAL_SIZE) -> float | None:
        """Return the goal `value` where `size` is the one it is about."""
        return value if size == of else None

    def rounds(self, size: int) -> int:
        """Return how many rounds a contest at this size has."""
        usual = ROUNDS.get(size, 3 if size > GOAL_SIZE else 11)
        return 1 if self.quick else usual

    def settle(self) -> None:
        """Have the disk write what somebody left to be written: it must not be written at another one's expense."""
        durable.sync_file_system(str(self.disk))

    def note(self, topic: str, name: str, size: int, seconds: float) -> None:
        """Keep a point of a plot."""
        self.series.setdefault(topic, {}).setdefault(name, {})[size] = seconds

    def contest(
        self,
        topic: str,
        size: int,
        contenders: list[measure.Contender],
        each: Callable[[], object] = measure.nothing,
    ) -> measure.Times:
        """Hold a contest, each round of it begun by `each`, and keep its medians."""
        times = measure.contest(contenders, self.rounds(size), BUDGET_S, self.settle, each)
        for name in times.taken:
            self.note(topic, name, size, times.median(name))
        said = ", ".join(f"{name} {times.median(name) * 1000:.1f}" for name in times.taken)
        self.say(f"{topic}, {size} files, ms: {said}")
        return times

    def end(self) -> None:
        """Stop what runs."""
        for one in self._fields.values():
            one.ours.end()


@contextmanager
def places(disk: Path | None) -> Iterator[tuple[Path, Path]]:
    """Yield a new directory on a disk and one in memory; both are removed in the end, not before."""
    on_disk = Path(tempfile.mkdtemp(prefix="configvault-bench-", dir=disk))
    in_memory = Path(tempfile.mkdtemp(prefix="configvault-bench-", dir=MEMORY if MEMORY.is_dir() else disk))
    try:
        yield on_disk, in_memory
    finally:
        for place in (on_disk, in_memory):
            shutil.rmtree(place, ignore_errors=True)
