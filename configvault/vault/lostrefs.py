"""Notice that refs are lost: without them history begins anew, or goes on from an old end, and nobody is told.

A power cut while refs are packed may leave `packed-refs` empty; a copy may lack the folder `refs`. What refs there were is
noted beside the repository (`statefiles.TIP`) after each change of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from configvault.core import times
from configvault.vault import marks, statefiles
from configvault.vault.git import Git
from configvault.vault.refs import MAIN, REJECTED, TAGS, Refs

SNAPSHOT = times.SNAPSHOT_PREFIX + "[0-9]{8}_[0-9]{6}"
# So many commits are looked at before git is asked.
_NEAR = 50
# Files that a vault has once something was recorded in it, and may have where all was refused.
_SIGNS = (statefiles.STAT_CACHE, statefiles.PENDING.name, statefiles.JOURNAL.name, statefiles.SOURCE.name)


def tags(refs: Refs) -> int:
    """Return how many snapshots have their tag."""
    return refs.count(TAGS, SNAPSHOT)


def lost(path: str, state: str, refs: Refs, read: Callable[[str], bytes], git: Git) -> str | None:
    """Return what is missing in the repository at `path`, in words; None if nothing is. Tags are not counted.

    Costs a small file and two refs. Needs no lock: what was noted is read first.
    """
    if not os.path.isdir(os.path.join(path, "refs")):
        return "the folder refs is gone"
    # Whoever writes meanwhile changes first one, then the other.
    return _lost(path, state, refs, read, git) and _lost(path, state, refs, read, git)


def _lost(path: str, state: str, refs: Refs, read: Callable[[str], bytes], git: Git) -> str | None:
    known = statefiles.TIP.read(state)
    main = refs.read(MAIN)
    if known is None:
        return _lost_unnoted(path, state, refs) if main is None else None
    if main is None:
        return "the branch main is gone" if known.main is not None or _is_recorded(refs) else None
    if known.main is not None and not _is_reached(known.main, main, read, git):
        return f"the branch main does not lead to the latest snapshot, commit {known.main[:12]}, any more"
    return None


def lost_tags(state: str, refs: Refs) -> str | None:
    """Return how many tags are missing, in words; None if none is. Costs a look at the names of all tags."""
    # Whoever thins out meanwhile has changed the one and not yet the other.
    return _lost_tags(state, refs) and _lost_tags(state, refs)


def _lost_tags(state: str, refs: Refs) -> str | None:
    known = statefiles.TIP.read(state)
    there = tags(refs)
    if known is None or there >= known.tags:
        return None
    return f"{known.tags - there} of {known.tags} tags of snapshots are gone"


def _lost_unnoted(path: str, state: str, refs: Refs) -> str | None:
    """Return the same of a vault of an older version, or one whose note is lost as well."""
    if _is_recorded(refs):
        return "the branch main is gone"
    if any(refs.below(REJECTED)):
        return None
    if _holds_objects(path):
        return "there is none, although there are objects"
    if any(os.path.exists(os.path.join(state, name)) for name in _SIGNS):
        return "there is none, although snapshots were recorded"
    return None


def _is_recorded(refs: Refs) -> bool:
    return tags(refs) > 0 or refs.read(marks.REF) is not None


def _holds_objects(path: str) -> bool:
    objects = os.path.join(path, "objects")
    folders = os.listdir(objects) if os.path.isdir(objects) else []
    return any(os.listdir(os.path.join(objects, name)) for name in folders if len(name) == 2 or name == "pack")


def _is_reached(commit: str, tip: str, read: Callable[[str], bytes], git: Git) -> bool:
    """Return whether the history that ends in `tip` holds `commit`."""
    here: str | None = tip
    for _ in range(_NEAR):
        if here == commit:
            return True
        if here is None:
            return False
        here = _parent(read(here))
    asked = git.result(["merge-base", "--is-ancestor", commit, tip], ok=range(-255, 256))
    return asked.returncode == 0


def _parent(body: bytes) -> str | None:
    head = body.partition(b"\n\n")[0]
    lines = (line for line in head.split(b"\n") if line.startswith(b"parent "))
    return next((line[7:].decode() for line in lines), None)
