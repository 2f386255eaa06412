"""One file changed: a durable snapshot with its tag, inside the daemon, beside what others do about it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.measure import Contender, Row, Times, nothing
from benchmarks.ours import Ours
from benchmarks.trees import Tree

FLOOR = "bare writes"


def run(bench: Bench) -> Iterator[Row]:
    """Measure at every size; flatness also in memory, where no disk hides the processor."""
    found = {size: _contest(bench, size) for size in bench.sizes}
    for size, times in found.items():
        what = f"durable one-file snapshot inside the daemon, tag included, {size:,} files"
        goal = {10_000: 0.15, 100_000: 0.05}.get(size)
        yield Row(
            what, "`git add -A; git commit; git tag`, core.fsync=all", times.ratio("configvault", "git"), goal
        )
    for size, times in found.items():
        what = f"durable one-file snapshot, {size:,} files"
        against = "the bare cost of its objects and refs, written and synced"
        yield Row(what, against, times.ratio("configvault", FLOOR), 2)
    small, large = min(bench.sizes), bench.most
    if small < large:
        ratio = found[large].median("configvault") / found[small].median("configvault")
        what = f"snapshot at {large:,} files"
        yield Row(f"{what}, on the disk", f"snapshot at {small}", ratio, bench.goal(3, large))
        ratio = _flatness(bench, small, large)
        yield Row(f"{what}, in memory", f"snapshot at {small}", ratio, bench.goal(3, large))


def _contest(bench: Bench, size: int) -> Times:
    here = bench.field(size)
    floor = Floor(here.ours, bench.disk / f"floor-{size}")

    # One change a round, for all who look at this tree.
    contenders = [
        Contender("configvault", here.ours.snapshot, here.ours.gather),
        Contender(FLOOR, floor.write, floor.take),
    ]
    for name, peer in here.peers.items():
        contenders.append(Contender(name, peer.keep, peer.tree.edit if peer.owns_tree else nothing))
    return bench.contest("snapshot", size, contenders, here.tree.edit)


def _flatness(bench: Bench, small: int, large: int) -> float:
    """Compare two sizes in memory, in turns."""
    contenders = []
    subjects = []
    for size in (small, large):
        place = bench.memory / f"flat-{size}"
        tree = Tree(place / "root" / "conf", size)
        tree.build()
        ours = Ours(tree.root, place / "ours")
        ours.start()
        subjects.append(ours)

        def change(tree: Tree = tree, ours: Ours = ours) -> None:
            tree.edit()
            ours.gather()

        contenders.append(Contender(str(size), ours.snapshot, change))
    times = bench.contest("snapshot in memory", large, contenders)
    for ours in subjects:
        ours.end()
    return times.ratio(str(large), str(small))


class Floor:
    """Writes what the last snapshot added to its vault once more, and nothing else: the least it can cost."""

    def __init__(self, ours: Ours, place: Path) -> None:
        """Write below `place`."""
        self._ours = ours
        self._place = place
        self._seen: set[str] = ours.loose()
        self._files: dict[str, bytes] = {}
        self._number = 0
        for folder in ("refs/heads", "refs/tags"):
            (place / folder).mkdir(parents=True)

    def take(self) -> None:
        """Learn what the last snapshot wrote; without a new one, what the one before did."""
        now = self._ours.loose()
        if new := now - self._seen:
            objects = self._ours.vault / "objects"
            self._files = {name: (objects / name).read_bytes() for name in new}
        self._seen = now
        self._number += 1

    def write(self) -> None:
        """Write each object aside, sync it, rename it, sync the folders; then tag and branch in the same way."""
        place = str(self._place)
        for name, data in self._files.items():
            folder = f"{place}/{self._number}-{name[:2]}"
            if not os.path.isdir(folder):
                os.mkdir(folder)
            _put(f"{folder}/aside", f"{folder}/{name[3:]}", data)
        for folder in {f"{place}/{self._number}-{name[:2]}" for name in self._files}:
            _sync(folder)
        for folder, name in (("refs/heads", "main"), ("refs/tags", str(self._number))):
            _put(f"{place}/{folder}/{name}.lock", f"{place}/{folder}/{name}", b"0" * 41)
            _sync(f"{place}/{folder}")


def _put(aside: str, path: str, data: bytes) -> None:
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    os.write(fd, data)
    os.fsync(fd)
    os.close(fd)
    os.rename(aside, path)


def _sync(folder: str) -> None:
    fd = os.open(folder, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)
