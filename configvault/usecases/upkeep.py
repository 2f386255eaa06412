"""Keep the vault in shape: pack what has piled up, let go of what retention no longer keeps, prove that all is whole."""

from __future__ import annotations

import time
from datetime import timedelta

from configvault.core.errors import ConfigvaultError, IntegrityError
from configvault.core.model import RejectedState, Trigger
from configvault.core.outcome import UpkeepOutcome, VerifyOutcome
from configvault.usecases import prune
from configvault.usecases import verify as verify_
from configvault.usecases.prune import Pruned
from configvault.usecases.site import Site
from configvault.usecases.writing import writing
from configvault.vault import maintenance, statefiles

# As git's own gc.auto and gc.autoPackLimit: past these, reading slows down.
MOST_LOOSE = 6700
MOST_PACKS = 50
# Each loose ref is a file to open for whoever reads all of them, as a push does.
MOST_LOOSE_REFS = 500


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
        elif site.vault.refs.loose() > MOST_LOOSE_REFS:
            maintenance.pack_refs(site.vault)
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
    """Drop all but the newest `keep_last` and those within `keep_within`; never a rollback's safety copy.

    Costs a commit for each that there is, two more for each that is older than what is kept, and one process.
    """
    policy = site.settings.retention.rejected
    if policy.keep_last is None and policy.keep_within is None:
        return ()
    since = site.now() - timedelta(seconds=policy.keep_within or 0)
    pending = statefiles.pending(site.vault.state)
    safe = {pending.safety} if pending is not None else set()
    dropped: list[str] = []
    above: str | None = None
    for number, state in enumerate(site.vault.each_rejected()):
        # Of several on one snapshot only the newest can be what a rollback kept.
        is_newest, above = state.parent != above, state.parent
        is_old = number >= (policy.keep_last or 0) and (policy.keep_within is None or state.taken_at < since)
        if is_old and state.id not in safe and not (is_newest and _is_safety_copy(site, state)):
            dropped.append(state.id)
    site.vault.drop_rejected(dropped)
    return tuple(dropped)


def _is_safety_copy(site: Site, state: RejectedState) -> bool:
    """Return whether a refused state, the newest on its snapshot, was live when somebody rolled back.

    Then the snapshot that follows the one it lies on is that rollback's.
    """
    if state.trigger in (Trigger.PRE_ROLLBACK, Trigger.ROLLBACK):
        return True
    parent = site.vault.parent_of(state.commit)
    following = site.vault.following(parent) if parent is not None else None
    return following is not None and following.trigger in (Trigger.ROLLBACK, Trigger.UNDO)
