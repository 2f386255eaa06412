"""What many snapshots take on the disk, once the vault was maintained, beside a copy for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.measure import Row
from benchmarks.ours import Ours
from benchmarks.trees import Tree

FILES = 1_000
CHANGES = 200


def run(bench: Bench) -> Iterator[Row]:
    """Record one-file changes; the copies are not made: each takes what the tree takes."""
    changes = 20 if bench.quick else CHANGES
    place = bench.disk / "storage"
    files = 100 if bench.quick else FILES
    tree = Tree(place / "root" / "conf", files)
    tree.build()
    ours = Ours(tree.root, place / "ours")
    ours.start()
    for _ in range(changes):
        tree.edit()
        ours.gather()
        ours.snapshot()
    loose = taken(ours.vault)
    ours.maintain()
    packed, copy = taken(ours.vault), taken(tree.root)
    ours.end()
    bench.say(f"{changes} changes: {loose} bytes as written, {packed} maintained, {copy} for one copy")
    copies = changes * copy
    what = f"bytes after {changes} one-file changes to {files:,} files"
    goal = bench.goal(0.002, changes, CHANGES)
    yield Row(f"{what}, maintained", f"{changes} x `cp -r`", packed / copies, goal)
    yield Row(f"{what}, before maintenance", f"{changes} x `cp -r`", loose / copies)


def taken(place: Path) -> int:
    """Return the bytes that a directory takes on the disk."""
    return sum(path.lstat().st_blocks * 512 for path in (place, *place.rglob("*")))
