"""Capture live and compare it with the latest snapshot, reading only what is new."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cached_property

from configvault.core import compare, metadata
from configvault.core.frozen import frozen, replace
from configvault.core.leftout import IGNORED, is_bounded, is_missing
from configvault.core.model import Change, Finding, Folder, Severity, Snapshot, State, Verdict
from configvault.usecases.site import Site
from configvault.vault import statcache, statefiles
from configvault.vault.stage import Stage

# With at most this many new files, reading them again costs less than writing all stamps.
_FEW = 20
LEFT_OUT_RULE = "left-out"


@frozen
class Live:
    """Live as captured.

    Attributes:
        state: the state, without folders that hold only ignored files.
        latest: the newest snapshot, None in an empty vault.
        before: the state of that snapshot.
        stage: has the bytes that were read; None if they were not kept.
        read_kept: returns the bytes of a blob in the vault.
        captured: the state with folders that hold only ignored files; None if it is the same.
        kept: the state whose stamps are kept for other processes.
    """

    state: Folder
    latest: Snapshot | None
    before: Folder | None
    stage: Stage | None
    read_kept: Callable[[str], bytes]
    captured: Folder | None = None
    kept: Folder | None = None

    @property
    def seen(self) -> Folder:
        """Return the whole captured state, from which a restore starts."""
        return self.state if self.captured is None else self.captured

    @property
    def tree(self) -> str:
        """Return the id of the tree that a snapshot of live would have."""
        return metadata.snapshot_tree(self.state).id

    @property
    def lacks_something(self) -> bool:
        """Return whether something could not be captured, or is above a limit."""
        return any(is_missing(reason) for _, reason in self.seen.all_left_out())

    @property
    def is_latest(self) -> bool:
        """Return whether live is exactly the latest snapshot."""
        return self.latest is not None and self.tree == self.latest.tree

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """Return the differences from the latest snapshot to live."""
        return compare.changes(self.before, self.state)

    def read(self, blob: str) -> bytes:
        """Return the bytes of a blob of live, from the stage or from the vault."""
        if self.stage is not None and blob in self.stage:
            return self.stage.read(blob)
        return self.read_kept(blob)


def live(
    site: Site,
    stage: Stage | None,
    known: Folder | None = None,
    patience_s: float = 5.0,
    *,
    whole: bool = True,
) -> Live:
    """Capture live.

    Args:
        site: whose root.
        stage: takes the bytes that are read; None to drop them.
        known: an earlier state; None for the one that another process has kept.
        patience_s: how many seconds to wait for files that change while they are read.
        whole: false to leave out what cannot be captured, instead of raising: a rollback need not read everything that it
            replaces.

    Raises:
        ConfigvaultError: as `Root.capture`.
    """
    kept = remembered(site) if known is None else None
    known = known if known is not None else kept
    latest, before = latest_beside(site, known)
    base = known if known is not None else before
    seen = site.root.capture(base, stage, patience_s=patience_s, whole=whole)
    return replace(live_of(site, seen, latest, before, stage), kept=kept)


def live_of(
    site: Site, seen: Folder, latest: Snapshot | None, before: Folder | None, stage: Stage | None
) -> Live:
    """Return live from the captured state `seen`, the latest snapshot and its state."""
    return Live(compare.without_bare(seen, before), latest, before, stage, site.vault.objects.read, seen)


def missing_root(site: Site) -> Live:
    """Return live if the root itself is missing: an empty folder, which need not be kept in the vault."""
    latest, before = latest_beside(site, remembered(site))
    like = before or Folder(0o755, os.geteuid(), os.getegid(), {})
    empty = Folder(like.mode, like.uid, like.gid, {})
    return Live(empty, latest, before, None, site.vault.objects.read)


def latest_beside(site: Site, known: Folder | None) -> tuple[Snapshot | None, Folder | None]:
    """Return the latest snapshot and its state, which shares unchanged folders with the earlier state `known`."""
    latest = site.vault.latest()
    if latest is None:
        return None, None
    if known is not None and metadata.snapshot_tree(known).id == latest.tree:
        return latest, known
    return latest, site.vault.tree(latest.tree, known)


def validate(site: Site, live: Live, within_s: float | None = None) -> Verdict:
    """Return the verdict on live, with a finding for everything that could not be captured.

    If validation takes longer than `within_s` seconds it is cut short, and live is not accepted.
    """
    left = tuple(live.seen.all_left_out())
    verdict = site.validator.validate(State(live.state, live.read, live.before, left), within_s)
    return Verdict((*verdict.findings, *left_out(live.seen)))


def ignored(state: Folder) -> tuple[str, ...]:
    """Return the paths that are left out because of `watch.ignore`."""
    return tuple(path for path, reason in state.all_left_out() if reason == IGNORED)


def left_out(state: Folder) -> tuple[Finding, ...]:
    """Return a finding for each entry that was left out of `state`, except ignored ones and those above a limit.

    It is an error if the state is incomplete without the entry. The validator reports what is above a limit.
    """
    return tuple(
        Finding(
            LEFT_OUT_RULE,
            Severity.ERROR if is_missing(reason) else Severity.WARNING,
            path,
            None,
            None,
            f"is left out: {reason}",
        )
        for path, reason in state.all_left_out()
        if reason != IGNORED and not is_bounded(reason)
    )


def remember(site: Site, state: Folder, kept: Folder | None = None) -> Folder:
    """Write the stamps of the recorded `state`, and the verdicts, to disk for the next process.

    Not if `kept`, the state whose stamps are on disk, is nearly the same: reading a few files costs less than writing all
    stamps.

    Returns:
        The state whose stamps are on disk now.
    """
    site.validator.remember()
    if kept is not None and len(compare.changes(kept, state)) + _unstamped(kept) <= _FEW:
        return kept
    statcache.save(statefiles.path(site.vault.state, statefiles.STAT_CACHE), state)
    return state


def _unstamped(state: Folder) -> int:
    """Return how many files have no stamp and must be read again."""
    return state.count("file", "executable", "link") - sum(len(folder.stamps) for folder in _folders(state))


def _folders(state: Folder) -> Iterator[Folder]:
    yield state
    for entry in state.entries.values():
        if isinstance(entry, Folder):
            yield from _folders(entry)


def remembered(site: Site) -> Folder | None:
    """Return the state whose stamps were kept last, of the latest snapshot or an earlier one; None if there is none."""
    return statcache.load(statefiles.path(site.vault.state, statefiles.STAT_CACHE))
