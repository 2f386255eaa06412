"""Keep the vault in shape: pack what has piled up, let go of what retention no longer keeps, prove that all is whole."""

from __future__ import annotations

import time
from datetime import timedelta

from configvault.core.errors import ConfigvaultError, IntegrityError
from configvault.core.model import RejectedState, Trigger
from configvault.core.outcome import UpkeepOutcome, VerifyOutcome
from configvault.usecases import prune, waiting
from configvault.usecases import verify as verify_
from configvault.usecases.prune import Pruned
from configvault.usecases.site import Site
from configvault.usecases.writing import writing
from configvault.vault import maintenance

# As git's own gc.auto and gc.autoPackLimit: past these, reading slows down.
MOST_LOOSE = 6700
MOST_PACKS = 50


def verify(site: Site) -> VerifyOutcome:
    """Check every object, ref, snapshot and signature of the vault, and tell what was found."""
    began_s = time.monotonic()
    message = None
    allowed = _signers(site)
    try:
        verify_.verify(site, allowed)
    except IntegrityError:
        # A writer may have been in the middle of something: only what is damaged while nobody writes is damaged.
        try:
            with writing(site):
                verify_.verify(site, allowed)
        except IntegrityError as error:
            message = error.message
    outcome = VerifyOutcome(message is None, message, round(time.monotonic() - began_s, 3))
    site.tell(outcome)
    return outcome


def _signers(site: Site) -> str:
    """Return whose signatures count. Without a usable key the rest is proven all the same: `status` tells of the key."""
    try:
        return site.signers()
    except ConfigvaultError:
        return ""


def keep_up(site: Site) -> UpkeepOutcome:
    """Drop and prune what `retention` no longer keeps, and pack where enough has piled up."""
    pruned = prune.keep_up(site)
    with writing(site):
        dropped = _drop_rejected(site)
        loose, packs = maintenance.counts(site.vault)
        packed = loose > MOST_LOOSE or packs > MOST_PACKS
        if packed:
            maintenance.pack(site.vault, all_into_one=packs > MOST_PACKS)
    outcome = _outcome(packed, dropped, pruned)
    if outcome != UpkeepOutcome(packed=False, dropped=()):
        site.tell(outcome)
    return outcome


def _outcome(packed: bool, dropped: tuple[str, ...], pruned: Pruned | None) -> UpkeepOutcome:
    if pruned is None:
        return UpkeepOutcome(packed, dropped)
    cut = pruned.cut
    ids = tuple(one.id for one in pruned.removed)
    return UpkeepOutcome(packed, dropped, ids, cut.commits if cut else 0, cut.refused if cut else None)


def _drop_rejected(site: Site) -> tuple[str, ...]:
    """Drop all but the newest `keep_last` and those within `keep_within`; never a rollback's safety copy."""
    policy = site.settings.retention.rejected
    if policy.keep_last is None and policy.keep_within is None:
        return ()
    kept = site.vault.rejected()
    since = site.now() - timedelta(seconds=policy.keep_within or 0)
    old = [
        state for state in kept[policy.keep_last or 0 :] if policy.keep_within is None or state.taken_at < since
    ]
    if not old:
        return ()
    safety = _safety_copies(site, kept)
    dropped = tuple(state.id for state in old if state.id not in safety)
    for id_ in dropped:
        site.vault.drop_rejected(id_)
    return dropped


def _safety_copies(site: Site, kept: list[RejectedState]) -> set[str]:
    """Return the ids of the refused states that were live when somebody rolled back.

    Such a state lies on top of the snapshot that the rollback's own lies on, and is the newest there that is older.
    """
    rollbacks = {
        snapshot.parent: snapshot
        for snapshot in site.vault.log()
        if snapshot.trigger in (Trigger.ROLLBACK, Trigger.UNDO)
    }
    found = {state.id for state in kept if state.trigger in (Trigger.PRE_ROLLBACK, Trigger.ROLLBACK)}
    pending = waiting.read(site.vault)
    if pending is not None:
        found.add(pending.safety)
    for parent, rollback in rollbacks.items():
        below = (s for s in kept if _parent(site, s) == parent and s.taken_at <= rollback.taken_at)
        newest = next(below, None)
        if newest is not None:
            found.add(newest.id)
    return found


def _parent(site: Site, state: RejectedState) -> str | None:
    head = site.vault.objects.read(state.commit).split(b"\n\n", 1)[0].decode("ascii", "replace")
    return next((line.removeprefix("parent ") for line in head.split("\n") if line.startswith("parent ")), None)
