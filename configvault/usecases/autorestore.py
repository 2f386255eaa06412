"""Restore a snapshot automatically: the latest over an invalid state, the last good one after a failed reload.

Nothing is lost by it: live is in the vault before it is replaced. How often is for the caller to bound.
"""

from __future__ import annotations

from configvault.core.model import Folder, Snapshot, Trigger
from configvault.core.outcome import RestoreCause, RestoreOutcome
from configvault.usecases import scan, transition
from configvault.usecases.scan import Live
from configvault.usecases.site import Site
from configvault.usecases.transition import Purpose
from configvault.usecases.writing import writing
from configvault.vault.stage import Stage


def restore_latest(site: Site, rejected: str, known: Folder | None) -> RestoreOutcome | None:
    """Restore the latest snapshot where live still has the tree `rejected`; None where it has not.

    `known` is the state captured last. The service is told where it is told of changes, too.
    """
    with writing(site), site.vault.stage() as stage:
        live = scan.live(site, stage, known, whole=False)
        if live.tree != rejected or live.latest is None or live.is_latest:
            return None
        outcome = _restore(
            site, live, live.latest, stage, RestoreCause.INVALID, reload=site.settings.changes.reload
        )
    site.notify(outcome)
    return outcome


def restore_good(site: Site, failed: Snapshot, known: Folder | None) -> RestoreOutcome | None:
    """Restore the last good snapshot in place of `failed`, which the service did not take; None if there is none.

    Nor where `failed` is no longer the latest: then somebody else is at work.
    """
    with writing(site), site.vault.stage() as stage:
        live = scan.live(site, stage, known, whole=False)
        target = _last_good(site, failed)
        if target is None or live.latest is None or live.latest.id != failed.id:
            return None
        outcome = _restore(site, live, target, stage, RestoreCause.RELOAD_FAILED, reload=True)
    site.notify(outcome)
    return outcome


def _restore(
    site: Site, live: Live, target: Snapshot, stage: Stage, cause: RestoreCause, *, reload: bool
) -> RestoreOutcome:
    wanted = site.vault.tree(target.tree, live.state)
    aimed = transition.aim(site, live, wanted, allow_setid=site.settings.changes.allow_setid)
    purpose = Purpose(
        Trigger.RESTORE,
        lambda kept: f"Restore {target.id}: {_reason(cause, kept)}",
        target=target.id,
        back_to=target,
        reload=reload,
    )
    done = transition.finish(site, transition.begin(site, aimed, purpose), stage, aimed)
    return RestoreOutcome(
        cause,
        target,
        done.journal.safety,
        done.snapshot,
        aimed.changes,
        done.loading.reload if done.loading else None,
        done.loading.health if done.loading else (),
        aimed.no_set_id,
        tuple(sorted(done.restored.aside.values())),
    )


def _reason(cause: RestoreCause, kept: str | None) -> str:
    if cause is RestoreCause.INVALID:
        return f"live was invalid and is kept as {kept}"
    return f"the service failed to load {kept}"


def _last_good(site: Site, failed: Snapshot) -> Snapshot | None:
    return next((s for s in site.vault.log() if s.good and not s.rolled_back and s.tree != failed.tree), None)
