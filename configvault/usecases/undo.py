"""Undo a rollback that waits for its confirmation: asked to, or because its time is over. The caller holds the lock."""

from __future__ import annotations

from configvault.core import compare
from configvault.core.candidates import Source
from configvault.core.errors import UnknownReferenceError
from configvault.core.frozen import replace
from configvault.core.model import Change, HealthReport, RejectedState, Snapshot
from configvault.core.outcome import DeployEnd, DeployOutcome, RecoveryOutcome, RollbackEnd, RollbackOutcome
from configvault.usecases import references, transition
from configvault.usecases.site import Site
from configvault.usecases.transition import WayBack
from configvault.vault import statefiles
from configvault.vault.statefiles import UNDONE, Pending

TOO_LATE = "it was not confirmed in time"


def undo_overdue(site: Site) -> None:
    """Undo the pending rollback if its time is over, and notify of it."""
    pending = statefiles.pending(site.vault.state)
    if pending is None or pending.until > site.now():
        return
    what = transition.what_of(pending.target, pending.recorded)
    outcome: RollbackOutcome | DeployOutcome | None
    try:
        outcome = told(pending, undo(site, pending, TOO_LATE))
        words = f"undid {what}: {TOO_LATE}"
    except UnknownReferenceError as error:
        # Nobody can do this any more: to try again for ever would keep everybody from writing.
        statefiles.end_pending(site.vault.state, UNDONE, None)
        outcome, words = None, f"cannot undo {what}: {error.message}"
    site.notify(RecoveryOutcome(words, outcome))


def undo(site: Site, pending: Pending, why: str, health: tuple[HealthReport, ...] = ()) -> RollbackOutcome:
    """Undo the pending rollback now, since `health` says so where there is any, and return what came of it."""
    was = replace(outcome_of(site, pending, RollbackEnd.ROLLED_BACK), health=health)
    way = WayBack(pending.target, pending.safety, pending.recorded, pending.any_owner, pending.allow_setid)
    with site.vault.stage() as stage:
        return transition.undo(site, way, stage, why).onto_undone(was)


def outcome_of(site: Site, pending: Pending, end: RollbackEnd) -> RollbackOutcome:
    """Return what is known of a rollback that waits or waited."""
    target = references.recorded(site, pending.target)
    recorded = site.vault.named(pending.recorded) if pending.recorded else None
    changes = _changes(site, pending.safety, target)
    return RollbackOutcome(end, target.as_snapshot(), pending.safety, recorded, changes)


def told(pending: Pending, outcome: RollbackOutcome) -> RollbackOutcome | DeployOutcome:
    """Return `outcome` as it is logged, counted and notified: where a deployment was pending, as one of that."""
    return as_deployment(outcome) if pending.target == pending.recorded else outcome


def as_deployment(outcome: RollbackOutcome) -> DeployOutcome:
    """Return what came of a deployment, given what came of the change to its snapshot."""
    source = Source.parse(outcome.target.source or "")
    end = DeployEnd.of(outcome.outcome)
    return DeployOutcome(end, source, outcome.changes, (), deployed=outcome.target, change=outcome)


def _changes(site: Site, safety: str, target: Snapshot | RejectedState) -> tuple[Change, ...]:
    before = site.vault.tree(references.recorded(site, safety).tree)
    return compare.changes(before, site.vault.tree(target.tree, before))
