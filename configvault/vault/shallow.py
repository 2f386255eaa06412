"""A lower bound of history: commits below it are gone, those above are what they were.

git calls it shallow: the file `shallow` lists the commits whose parents are not here. No commit is rewritten, so every
replica still fits, and `git fsck` knows.
"""

from __future__ import annotations

import os
from collections.abc import Collection

from configvault.disk import durable
from configvault.vault.git import Git

# Beside the repository while a cut is made: the bytes of what is cut off may still be there.
_CUTTING = "configvault/cutting"


def read(path: str) -> frozenset[str]:
    """Return the commits of the repository at `path` whose parents are cut off."""
    try:
        with open(os.path.join(path, "shallow"), encoding="ascii") as file:
            return frozenset(file.read().split())
    except FileNotFoundError:
        return frozenset()


def cut(path: str, git: Git, below: Collection[str]) -> int:
    """Drop the commits `below`, an old end of main that no ref names; return how many bytes that freed.

    The caller holds the lock, and has closed the vault at `path`: what it has open would be packed away.
    A ref that leads to one of them all the same keeps it and all before it.
    """
    gone = set(below)
    edges = read(path)
    for line in git.run(["rev-list", "--parents", "--all"]).decode().splitlines():
        commit, *parents = line.split()
        if commit not in gone and gone.intersection(parents):
            # The oldest that stays, and refused states that lie on what goes.
            edges |= {commit}
    durable.write(os.path.join(path, _CUTTING), b"")
    durable.write(os.path.join(path, "shallow"), "".join(f"{one}\n" for one in sorted(edges - gone)).encode())
    return finish(path, git)


def is_unfinished(path: str) -> bool:
    """Return whether a cut was begun whose end nobody saw."""
    return os.path.exists(os.path.join(path, _CUTTING))


def finish(path: str, git: Git) -> int:
    """Drop the bytes of what is cut off already; return how many that freed. The caller as for `cut`."""
    before = _size(path)
    git.run(["repack", "-a", "-d", "-q", "-l", "--no-write-bitmap-index"])
    # Whoever writes objects holds the lock, so there are none that somebody is about to name.
    git.run(["prune", "--expire=now"])
    durable.sync_file_system(path)
    durable.remove(os.path.join(path, _CUTTING))
    return max(before - _size(path), 0)


def _size(path: str) -> int:
    """Return the bytes that the objects take on the disk."""
    total = 0
    for folder, _, names in os.walk(os.path.join(path, "objects")):
        total += sum(os.lstat(os.path.join(folder, name)).st_blocks * 512 for name in names)
    return total
