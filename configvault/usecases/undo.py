"""Put back what was live before a rollback. What was edited by hand since is kept in the vault first."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

from configvault.core.frozen import frozen
from configvault.core.model import Folder, HealthReport, ReloadReport, Snapshot, Trigger
from configvault.core.outcome import Recording, RollbackEnd, RollbackOutcome
from configvault.usecases import journal as journal_
from configvault.usecases import live as live_
from configvault.usecases import references, waiting
from configvault.usecases import restore as restore_
from configvault.usecases.journal import Journal
from configvault.usecases.live import Live
from configvault.usecases.loading import load
from configvault.usecases.site import Site
from configvault.vault.stage import Stage


@frozen
class WayBack:
    """A rollback that may be undone: where it went, the id of what it left, the id of the snapshot it recorded."""

    target: str
    safety: str
    recorded: str | None
    any_owner: bool = False


@frozen
class PutBack:
    """What came of it: the snapshot that records it (None where that is a rejected state), how the service took it.

    `edits` is the id under which hand edits since the rollback are kept.
    """

    snapshot: Snapshot | None
    reload: ReloadReport
    health: tuple[HealthReport, ...]
    loaded: bool
    edits: str | None


def undo(site: Site, way: WayBack, stage: Stage, why: str) -> PutBack:
    """Make the root what it was before the rollback and have the service load it; the caller holds the lock.

    The journal is dropped at the end, once the rollback waits for no confirmation any more.
    """
    back = references.resolve_any(site, way.safety)
    live = live_.look(site, stage) if site.root.exists() else nothing(site)
    kept = keep_live(site, live)
    state = restore_.attainable(site, site.vault.tree(back.tree), live.seen, any_owner=way.any_owner)
    commit, left = back.commit, tuple(filter(None, [way.recorded]))
    if isinstance(back, Snapshot):
        note = site.note(Trigger.UNDO, f"Undo the rollback to {way.target}: {why}", None, back.id)
        commit = site.vault.prepare(state, live.before, None, note).commit
        left = tuple(left_behind(site, back))
    journal = Journal(
        restore_.new_token(),
        commit,
        isinstance(back, Snapshot),
        Trigger.UNDO,
        kept,
        left,
        way.recorded,
        any_owner=way.any_owner,
    )
    restored = restore_.restore(site, journal, live.seen, state, stage)
    loading = load(site, restored.snapshot, Trigger.UNDO)
    waiting.end(site.vault, waiting.UNDONE, restored.snapshot.id if restored.snapshot else None)
    journal_.drop(site.vault)
    edits = kept if kept not in {way.recorded, way.safety, way.target} else None
    return PutBack(restored.snapshot, loading.reload, loading.health, loading.loaded, restored.foreign or edits)


def undone(outcome: RollbackOutcome, put_back: PutBack) -> RollbackOutcome:
    """Return `outcome` as what it became."""
    return replace(
        outcome,
        outcome=RollbackEnd.UNDONE,
        recorded=put_back.snapshot,
        reload=put_back.reload,
        health=put_back.health,
        foreign=put_back.edits or outcome.foreign,
        pending_until=None,
    )


def left_behind(site: Site, target: Snapshot) -> Iterator[str]:
    """Yield the snapshots newer than `target` with another content: the ones a rollback to it leaves."""
    for snapshot in site.vault.log():
        if snapshot.commit == target.commit:
            return
        if snapshot.tree != target.tree and not snapshot.rolled_back:
            yield snapshot.id


def keep_live(site: Site, live: Live) -> str | None:
    """Put live into the vault unless it is there; return the id it has, None where there is no root to keep."""
    # Recording takes the lock by itself in general, and so knows the recovery, which comes here.
    from configvault.usecases import record as record_

    if live.is_latest or live.stage is None:
        return live.latest.id if live.latest and live.is_latest else None
    outcome = record_.record_live(site, Trigger.PRE_ROLLBACK, live)
    if outcome.outcome is Recording.REJECTED:
        assert outcome.rejected is not None
        return outcome.rejected.id
    assert outcome.snapshot is not None
    return outcome.snapshot.id


def nothing(site: Site) -> Live:
    """Return live where the root itself is missing: an empty folder that nobody has to keep."""
    latest, before = live_.latest_beside(site, live_.remembered(site))
    like = before or Folder(0o755, os.geteuid(), os.getegid(), {})
    empty = Folder(like.mode, like.uid, like.gid, {})
    return Live(empty, latest, before, None, site.vault.objects.read)
