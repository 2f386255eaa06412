"""Keep the vault in shape: pack what has piled up, let go of what retention no longer keeps, prove that all is whole."""

from __future__ import annotations

import time

from configvault.core.errors import ConfigvaultError, IntegrityError
from configvault.core.outcome import UpkeepOutcome, VerifyOutcome
from configvault.usecases import prune, rejects
from configvault.usecases import verify as verify_
from configvault.usecases.prune import Pruned
from configvault.usecases.site import Site
from configvault.usecases.writing import writing
from configvault.vault import maintenance

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
    site.notify(outcome)
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
        dropped = rejects.drop(site)
        loose, packs = maintenance.counts(site.vault)
        packed = loose > MOST_LOOSE or packs > MOST_PACKS
        if packed:
            maintenance.pack(site.vault, all_into_one=packs > MOST_PACKS)
        elif site.vault.refs.loose() > MOST_LOOSE_REFS:
            maintenance.pack_refs(site.vault)
    outcome = _outcome(packed, dropped, pruned)
    if outcome != UpkeepOutcome(packed=False, dropped=()):
        site.notify(outcome)
    return outcome


def pack_refs(site: Site) -> None:
    """Pack the loose refs where there are many, for who records much between two times of the schedule."""
    if site.vault.refs.loose() > MOST_LOOSE_REFS:
        with writing(site):
            maintenance.pack_refs(site.vault)


def _outcome(packed: bool, dropped: tuple[str, ...], pruned: Pruned | None) -> UpkeepOutcome:
    if pruned is None:
        return UpkeepOutcome(packed, dropped)
    cut = pruned.cut
    ids = tuple(one.id for one in pruned.removed)
    return UpkeepOutcome(packed, dropped, ids, cut.commits if cut else 0, cut.refused if cut else None)
