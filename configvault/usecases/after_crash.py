"""Set right what a crash left, before anything else is done under the lock: finish the change, repair the vault.

What comes after a change of the root is carried out, too: the reload, the undoing where that fails and is to be
undone, the confirmation. An overdue confirmation is undone here as well.
"""

from __future__ import annotations

from configvault.core.model import Trigger
from configvault.core.outcome import DeployOutcome, RecoveryOutcome, RollbackEnd, RollbackOutcome
from configvault.usecases import transition
from configvault.usecases.site import Site
from configvault.usecases.transition import Finished
from configvault.usecases.undo import as_deployment, undo_overdue
from configvault.vault.statefiles import JOURNAL, Journal


def after_crash(site: Site, *, ended_well: bool = True) -> None:
    """Finish what was interrupted and notify of it; the caller holds the lock.

    Args:
        site: what to work on.
        ended_well: whether the last holder of the lock let go of it as it should.
    """
    for words in site.vault.repair(ended_well=ended_well):
        site.notify(RecoveryOutcome(words))
    journal = JOURNAL.read(site.vault.state)
    if journal is not None:
        site.notify(_finish(site, journal))
    undo_overdue(site)


def _finish(site: Site, journal: Journal) -> RecoveryOutcome:
    with site.vault.stage() as stage:
        done = transition.finish(site, journal, stage)
    words = _words(journal, done)
    return RecoveryOutcome(f"{words}; so it was undone" if done.undone else words, _change(site, done))


def _change(site: Site, done: Finished) -> RollbackOutcome | DeployOutcome | None:
    """Return what came of a rollback or deployment that was interrupted, None for anything else."""
    snapshot = done.snapshot
    if done.journal.trigger == Trigger.ROLLBACK:
        target = transition.target_of(site, done.journal, snapshot)
        return done.onto(RollbackOutcome(RollbackEnd.ROLLED_BACK, target))
    if snapshot is not None and snapshot.source is not None:
        return as_deployment(done.onto(RollbackOutcome(RollbackEnd.ROLLED_BACK, snapshot)))
    return None


def _words(journal: Journal, done: Finished) -> str:
    what = done.snapshot.subject if done.snapshot else f"restore of commit {journal.commit}"
    words = f"finished an interrupted operation: {what}"
    if done.loading is not None:
        words += (
            "; the service was reloaded"
            if done.loading.loaded
            else f"; the reload failed: {done.loading.failure}"
        )
    return words + (f"; other changes found in the root are kept as {done.found}" if done.found else "")
