"""Put a snapshot back by itself: the latest over an invalid state, the last good one after a failed reload.

Nothing is lost by it: live is in the vault before it is replaced. How often is for the caller to bound.
"""

from __future__ import annotations

from configvault.core import compare
from configvault.core.model import Folder, Snapshot, Trigger
from configvault.core.outcome import RestoreCause, RestoreOutcome
from configvault.core.plan import plan
from configvault.usecases import journal as journal_
from configvault.usecases import live as live_
from configvault.usecases import restore as restore_
from configvault.usecases.journal import Journal
from configvault.usecases.live import Live
from configvault.usecases.loading import Loading, load
from configvault.usecases.rollback import check_owners
from configvault.usecases.site import Site
from configvault.usecases.undo import keep_live
from configvault.usecases.writing import writing
from configvault.vault.stage import Stage


def restore_latest(site: Site, refused: str, known: Folder | None) -> RestoreOutcome | None:
    """Put the latest snapshot back where live still has the tree `refused`; None where it has not.

    `known` is the state captured last. The service is told where it is told of changes, too.
    """
    with writing(site), site.vault.stage() as stage:
        live = live_.look(site, stage, known)
        if live.tree != refused or live.latest is None or live.is_latest:
            return None
        outcome = _restore(
            site, live, live.latest, (), stage, RestoreCause.INVALID, reload=site.settings.changes.reload
        )
    site.tell(outcome)
    return outcome


def restore_good(site: Site, failed: Snapshot, known: Folder | None) -> RestoreOutcome | None:
    """Put the last good snapshot back in place of `failed`, which the service did not take; None if there is none.

    Nor where `failed` is no longer the latest: then somebody else is at work.
    """
    with writing(site), site.vault.stage() as stage:
        live = live_.look(site, stage, known)
        target = _last_good(site, failed)
        if target is None or live.latest is None or live.latest.id != failed.id:
            return None
        left = [s.id for s in _newer(site, target) if s.tree != target.tree]
        outcome = _restore(site, live, target, tuple(left), stage, RestoreCause.RELOAD_FAILED, reload=True)
    site.tell(outcome)
    return outcome


def _restore(
    site: Site,
    live: Live,
    target: Snapshot,
    left: tuple[str, ...],
    stage: Stage,
    cause: RestoreCause,
    *,
    reload: bool,
) -> RestoreOutcome:
    state = site.vault.tree(target.tree, live.state)
    check_owners(plan(live.seen, state))
    kept = keep_live(site, live)
    # What keep_live recorded, if anything, is left behind as well.
    latest = site.vault.latest()
    if latest is not None and live.latest is not None and latest.id != live.latest.id:
        left = (latest.id, *left)
    subject = f"Restore {target.id}: {_reason(cause, kept)}"
    note = site.note(Trigger.RESTORE, subject, None, target.id)
    prepared = site.vault.prepare(state, live.before, stage, note)
    journal = Journal(
        restore_.new_token(), prepared.commit, True, Trigger.RESTORE, kept, left=left, reload=reload
    )
    restored = restore_.restore(site, journal, live.seen, state, stage)
    loading: Loading | None = load(site, restored.snapshot, Trigger.RESTORE) if reload else None
    journal_.drop(site.vault)
    return RestoreOutcome(
        cause,
        target,
        kept,
        restored.snapshot,
        compare.changes(live.state, state),
        loading.reload if loading else None,
        loading.health if loading else (),
    )


def _reason(cause: RestoreCause, kept: str | None) -> str:
    if cause is RestoreCause.INVALID:
        return f"live was invalid and is kept as {kept}"
    return f"the service did not take {kept}"


def _last_good(site: Site, failed: Snapshot) -> Snapshot | None:
    return next((s for s in site.vault.log() if s.good and not s.rolled_back and s.tree != failed.tree), None)


def _newer(site: Site, target: Snapshot) -> list[Snapshot]:
    newer = []
    for snapshot in site.vault.log():
        if snapshot.id == target.id:
            break
        if not snapshot.rolled_back:
            newer.append(snapshot)
    return newer
