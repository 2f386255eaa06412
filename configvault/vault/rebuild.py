"""Make the refs of a vault again from its commits, which say what each of them is. The caller holds the lock.

A snapshot's commit names its id in a trailer, a rejected state's too, and marks are known by their files. What the
refs cannot have again is that a snapshot was thinned out: it is a snapshot again until the next `prune`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from configvault.core import gitformat, times
from configvault.core.errors import IntegrityError
from configvault.core.frozen import field, frozen
from configvault.core.model import Trigger
from configvault.disk import durable
from configvault.vault import marks as marks_of
from configvault.vault import messages, repair, statefiles
from configvault.vault.refs import MAIN, REJECTED, TAGS
from configvault.vault.repository import Vault, as_log

# What is recorded at once: a commit of another kind may have been prepared, and never have become a snapshot.
_AT_ONCE = {
    Trigger.STARTUP,
    Trigger.CHANGE,
    Trigger.SCHEDULE,
    Trigger.MANUAL,
    Trigger.IMPORT,
    Trigger.PRE_ROLLBACK,
}
_SET_ASIDE = "packed-refs.damaged"


@frozen
class Rebuilt:
    """The refs that are there now: how many snapshots, the newest one's id, and how many rejected states."""

    snapshots: int
    rejected: int
    latest: str | None


@frozen
class _Found:
    """Commits by what they are: snapshots (parent, id, trigger), rejected states (id), marks (parent)."""

    snapshots: dict[str, tuple[str | None, str, str]] = field(default_factory=dict)
    rejected: dict[str, str] = field(default_factory=dict)
    marks: dict[str, str | None] = field(default_factory=dict)


def rebuild(vault: Vault) -> Rebuilt:
    """Make them: main to the end of the longest history that was recorded, a tag for each snapshot on it.

    Repeating it does no harm. Main comes last: until then the vault counts as damaged.

    Raises:
        IntegrityError: commits cannot be read, or there are two ends of history and nothing says which is the right one.
    """
    list(repair.unlock(vault.refs))
    _make_readable(vault)
    found = _commits(vault)
    tip = _tip(vault, found)
    history = list(_history(found, tip))
    wanted = {TAGS + found.snapshots[commit][1]: commit for commit in history}
    wanted |= {REJECTED + id_: commit for commit, id_ in found.rejected.items()}
    if found.marks:
        wanted[marks_of.REF] = max(found.marks, key=_depths(found.marks).__getitem__)
    _point(vault, wanted)
    if tip is not None:
        _point(vault, {MAIN: tip})
    durable.sync_file_system(vault.path)
    vault.recount_refs()
    latest = found.snapshots[tip][1] if tip is not None else None
    return Rebuilt(len(history), len(found.rejected), latest)


def _make_readable(vault: Vault) -> None:
    """Give git a repository that it can read; what cannot be read of the refs is kept beside it."""
    for name in ("refs/heads", "refs/tags"):
        os.makedirs(os.path.join(vault.path, name), 0o700, exist_ok=True)
    if not repair.has_head(vault.path):
        durable.write(os.path.join(vault.path, "HEAD"), f"ref: {MAIN}\n".encode())
    packed = os.path.join(vault.path, "packed-refs")
    try:
        vault.refs.read(MAIN + "/nothing")
    except IntegrityError:
        os.replace(packed, os.path.join(vault.path, _SET_ASIDE))
    for path in list(vault.refs.damaged()):
        os.unlink(path)
    durable.sync_folder(vault.path)


def _commits(vault: Vault) -> _Found:
    listed = vault.git.run(
        ["cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)", "--unordered"]
    )
    found = _Found()
    for row in listed.decode().splitlines():
        commit, type_ = row.split()
        if type_ == "commit":
            _sort(vault, commit, found)
    return found


def _sort(vault: Vault, commit: str, found: _Found) -> None:
    for _, tree, parent, _, _, trailers in messages.parse_log(as_log(commit, vault.objects.read(commit))):
        id_ = trailers.get("Id", "")
        if id_.startswith(times.REJECTED_PREFIX):
            found.rejected[commit] = id_
        elif id_.startswith(times.SNAPSHOT_PREFIX):
            found.snapshots[commit] = parent, id_, trailers.get("Trigger", "")
        elif not id_ and _are_marks(vault, tree):
            found.marks[commit] = parent


def _are_marks(vault: Vault, tree: str) -> bool:
    names = [name for _, name, _ in gitformat.parse_tree(vault.objects.read(tree))]
    beginnings = (marks_of.FILE, marks_of.GOOD, marks_of.ROLLED_BACK)
    return all(name.startswith(beginnings) for name in names)


def _tip(vault: Vault, found: _Found) -> str | None:
    """Return the end of main, None where nothing was recorded."""
    depths = _depths({commit: parent for commit, (parent, _, _) in found.snapshots.items()})
    journal = statefiles.JOURNAL.read(vault.state)
    prepared = journal.commit if journal is not None and journal.publish else None
    known = [commit for commit in _known(vault) if commit in depths]
    # Beyond what is known to have been recorded, only what is recorded as soon as it is made.
    ends = [*known, *(one for one, (_, _, trigger) in found.snapshots.items() if trigger in _AT_ONCE)]
    ends = [one for one in ends if one != prepared] or [one for one in depths if one != prepared]
    if not ends:
        return None
    deepest = max(depths[one] for one in ends)
    last = sorted({one for one in ends if depths[one] == deepest}, key=lambda one: one not in known)
    if len(last) > 1 and last[0] not in known:
        last.sort(key=lambda one: found.snapshots[one][1])
        return last[-1]
    return last[0]


def _known(vault: Vault) -> Iterable[str]:
    """Yield commits that were main, or are a snapshot's, as far as anything says so still."""
    noted = statefiles.TIP.read(vault.state)
    if noted is not None and noted.main is not None:
        yield noted.main
    if (main := vault.refs.read(MAIN)) is not None:
        yield main
    for name, commit in vault.refs.below(TAGS).items():
        if name.startswith(TAGS + times.SNAPSHOT_PREFIX):
            yield commit


def _depths(parents: Mapping[str, str | None]) -> dict[str, int]:
    """Return how many commits lie before each, itself counted."""
    depths: dict[str, int] = {}
    for commit in parents:
        chain, here = [], commit
        while here in parents and here not in depths:
            chain.append(here)
            here = parents[here] or ""
        depth = depths.get(here, 0)
        for one in reversed(chain):
            depth += 1
            depths[one] = depth
    return depths


def _history(found: _Found, tip: str | None) -> Iterable[str]:
    while tip in found.snapshots:
        yield tip
        tip = found.snapshots[tip][0]


def _point(vault: Vault, wanted: Mapping[str, str]) -> None:
    if wanted:
        lines = [f"update {name} {commit}\n" for name, commit in wanted.items()]
        vault.git.run(["update-ref", "--stdin"], stdin="".join(lines).encode())
