"""Set right what a crash left, before anything else is done under the lock: finish the restore, mend the vault.

It only rolls forward: the state to be restored was in the vault and validated before the root was touched. What comes
after a restore is carried out, too: the reload, the undoing where that fails and is to be undone, the confirmation.
"""

from __future__ import annotations

import contextlib

from configvault.core.errors import UnknownReferenceError
from configvault.core.model import Folder, Snapshot, Trigger
from configvault.core.outcome import RecoveryOutcome, RollbackEnd, RollbackOutcome
from configvault.root import leftovers
from configvault.usecases import journal as journal_
from configvault.usecases import pending as pending_
from configvault.usecases import references, waiting
from configvault.usecases import restore as restore_
from configvault.usecases.journal import Journal
from configvault.usecases.loading import Loading, load
from configvault.usecases.restore import Restored
from configvault.usecases.site import Site
from configvault.usecases.undo import WayBack, undo, undone
from configvault.vault.stage import Stage


def recover(site: Site, *, ended_well: bool = True) -> None:
    """Finish what was cut off and tell of it; the caller holds the lock.

    Args:
        site: what to work on.
        ended_well: whether the last holder of the lock let go of it as it should.
    """
    for words in site.vault.mend(ended_well=ended_well):
        site.tell(RecoveryOutcome(words))
    journal = journal_.read(site.vault)
    if journal is not None:
        site.tell(_finish(site, journal))
    pending_.undo_overdue(site)


def _finish(site: Site, journal: Journal) -> RecoveryOutcome:
    with site.vault.stage() as stage:
        state = site.vault.state_at(journal.commit)
        kept = None
        if site.root.exists():
            # Whoever was killed may not have synced what it renamed.
            try:
                leftovers.sync_file_system(site.root.path)
                kept = _clear(site, journal, state, stage)
            except OSError as error:
                raise restore_.failure(site, error, "the next command that writes will finish it") from error
        restored = restore_.restore(site, journal, None, state, stage)
        restored.foreign = restored.foreign or kept
        loading = load(site, restored.snapshot, journal.trigger) if journal.reload else None
        outcome = _rollback_outcome(site, journal, restored, loading)
        words = _words(journal, restored, loading)
        if (
            outcome is not None
            and loading is not None
            and not loading.loaded
            and _shall_be_undone(site, journal)
        ):
            assert journal.safety is not None
            recorded = restored.snapshot.id if restored.snapshot else None
            way = WayBack(outcome.target.id, journal.safety, recorded, journal.any_owner)
            outcome = undone(outcome, undo(site, way, stage, "the service did not take it"))
            return RecoveryOutcome(f"{words}; so it was undone", outcome)
    if journal.trigger == Trigger.UNDO:
        waiting.end(site.vault, waiting.UNDONE, restored.snapshot.id if restored.snapshot else None)
    journal_.drop(site.vault)
    return RecoveryOutcome(words, outcome)


def _shall_be_undone(site: Site, journal: Journal) -> bool:
    if journal.trigger != Trigger.ROLLBACK or journal.safety is None:
        return False
    return journal.confirm is not None or site.settings.rollback.on_reload_failure == "undo"


def _rollback_outcome(
    site: Site, journal: Journal, restored: Restored, loading: Loading | None
) -> RollbackOutcome | None:
    """Return what came of a rollback that was cut off, None for anything else; it waits from now on if it was to."""
    if journal.trigger != Trigger.ROLLBACK:
        return None
    snapshot = restored.snapshot
    until = None
    if journal.confirm is not None:
        until = pending_.begin(site, journal.confirm, snapshot.id if snapshot else None).until
    end = RollbackEnd.ROLLED_BACK if loading is None or loading.loaded else RollbackEnd.RELOAD_FAILED
    return RollbackOutcome(
        end,
        _target(site, journal, snapshot),
        journal.safety,
        snapshot,
        left=journal.left,
        reload=loading.reload if loading else None,
        health=loading.health if loading else (),
        pending_until=until,
        in_place=tuple(restored.in_place),
        hard_links=tuple(restored.hard_links),
        kept_folders=restored.kept_folders,
        foreign=restored.foreign,
        aside=tuple(sorted(restored.aside.items())),
    )


def _target(site: Site, journal: Journal, snapshot: Snapshot | None) -> Snapshot:
    if snapshot is not None and snapshot.target is not None:
        with contextlib.suppress(UnknownReferenceError):  # pruned since
            return pending_.as_snapshot(references.resolve_any(site, snapshot.target))
    rejected = next((one for one in site.vault.rejected() if one.commit == journal.commit), None)
    return pending_.as_snapshot(rejected) if rejected else site.vault.at(journal.commit)


def _words(journal: Journal, restored: Restored, loading: Loading | None) -> str:
    what = restored.snapshot.subject if restored.snapshot else f"restore of commit {journal.commit}"
    words = f"finished what was cut off: {what}"
    if loading is not None:
        words += "; the service was reloaded" if loading.loaded else f"; the reload failed: {loading.failure}"
    return words + (f"; what else was found in the root is in {restored.foreign}" if restored.foreign else "")


def _clear(site: Site, journal: Journal, target: Folder, stage: Stage) -> str | None:
    """Remove what the restore left in its staging folder; keep in the vault what is in it nowhere else."""
    kept: list[str] = []
    leftovers.clear(
        site.root,
        journal.token,
        stage,
        site.vault.has_content,
        lambda foreign: kept.append(restore_.keep_foreign(site, target, foreign, stage)),
        switching=journal.switching,
    )
    return kept[0] if kept else None
