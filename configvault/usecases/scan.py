"""Scan the root: live as captured, beside the latest snapshot's state, reading only what is new."""

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

# So many files are read again rather than kept.
_FEW = 20
LEFT_OUT_RULE = "left-out"


@frozen
class Live:
    """Live as captured; `latest` and `before` are the newest snapshot and its state, None in an empty vault.

    `state` is what counts; `captured` has, besides, the folders that hold nothing but ignored files (None: no others).
    `kept` is what other processes know of it as yet.
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
        """Return all that is there: what a restore starts from."""
        return self.state if self.captured is None else self.captured

    @property
    def tree(self) -> str:
        """Return the id of the tree that a snapshot of live has."""
        return metadata.snapshot_tree(self.state).id

    @property
    def lacks_something(self) -> bool:
        """Return whether something that is there could not be captured, or is above a limit."""
        return any(is_missing(reason) for _, reason in self.seen.all_left_out())

    @property
    def is_latest(self) -> bool:
        """Return whether live is exactly the latest snapshot."""
        return self.latest is not None and self.tree == self.latest.tree

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """Return what differs from the latest snapshot to live."""
        return compare.changes(self.before, self.state)

    def read(self, blob: str) -> bytes:
        """Return the bytes of a blob of live: those captured, or the same in the vault."""
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
    """Capture live; bytes that are read go to `stage` (None: nowhere). `known` is a state captured before.

    With `whole` false what cannot be captured is left out: to leave a state, nobody needs to be able to read all of it.
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
    """Return live where the root was captured as `seen`, beside the latest snapshot and its state."""
    return Live(compare.without_bare(seen, before), latest, before, stage, site.vault.objects.read, seen)


def missing_root(site: Site) -> Live:
    """Return live where the root itself is missing: an empty folder that nobody has to keep."""
    latest, before = latest_beside(site, remembered(site))
    like = before or Folder(0o755, os.geteuid(), os.getegid(), {})
    empty = Folder(like.mode, like.uid, like.gid, {})
    return Live(empty, latest, before, None, site.vault.objects.read)


def latest_beside(site: Site, known: Folder | None) -> tuple[Snapshot | None, Folder | None]:
    """Return the latest snapshot and its state, which shares with `known`, captured before, what is the same."""
    latest = site.vault.latest()
    if latest is None:
        return None, None
    if known is not None and metadata.snapshot_tree(known).id == latest.tree:
        return latest, known
    return latest, site.vault.tree(latest.tree, known)


def validate(site: Site, live: Live, within_s: float | None = None) -> Verdict:
    """Return the verdict on live, with a warning for everything that is there and cannot be kept.

    Past `within_s` seconds it is not validated to the end, and so not accepted.
    """
    left = tuple(live.seen.all_left_out())
    verdict = site.validator.validate(State(live.state, live.read, live.before, left), within_s)
    return Verdict((*verdict.findings, *left_out(live.seen)))


def ignored(state: Folder) -> tuple[str, ...]:
    """Return what is there and left out because `watch.ignore` says so."""
    return tuple(path for path, reason in state.all_left_out() if reason == IGNORED)


def left_out(state: Folder) -> tuple[Finding, ...]:
    """Return a finding for each entry that a snapshot of `state` lacks, but for those that are ignored on purpose.

    It is an error where the state is not all that was there. What is above a limit is for the validator to report.
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
    """Keep the stamps of `state`, which has been recorded, and the verdicts, for the next process.

    Not where `kept`, which it finds now, is nearly the same: to read a few files costs less than to write all stamps.
    Returns what is kept then.
    """
    site.validator.remember()
    if kept is not None and len(compare.changes(kept, state)) + _unstamped(kept) <= _FEW:
        return kept
    statcache.save(statefiles.path(site.vault.state, statefiles.STAT_CACHE), state)
    return state


def _unstamped(state: Folder) -> int:
    """Return how many files have to be read again whatever they hold."""
    return state.count("file", "executable", "link") - sum(len(folder.stamps) for folder in _folders(state))


def _folders(state: Folder) -> Iterator[Folder]:
    yield state
    for entry in state.entries.values():
        if isinstance(entry, Folder):
            yield from _folders(entry)


def remembered(site: Site) -> Folder | None:
    """Return the state that was kept last, of the latest snapshot or one before; its stamps tell what need not be read."""
    return statcache.load(statefiles.path(site.vault.state, statefiles.STAT_CACHE))
