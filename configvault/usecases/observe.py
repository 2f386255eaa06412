"""Record what a watcher woke us for: only what has settled, reading only where something may have changed."""

from __future__ import annotations

import threading
from collections.abc import Callable

from configvault.core.frozen import frozen
from configvault.core.model import Folder
from configvault.core.outcome import RecordOutcome
from configvault.core.settle import EVERYTHING, Dirty
from configvault.root.capture import UnsettledError
from configvault.usecases import scan
from configvault.usecases.recording import record_live
from configvault.usecases.site import Site
from configvault.usecases.writing import writing


@frozen
class Look:
    """How to look at live.

    Args:
        known: the state captured last, None to begin with the latest snapshot's.
        dirty: where live may differ from `known`.
        refused: the tree of the state that was refused last; it is not validated again.
        waited: the longest wait is over, so take what stands still for `quiet_s` seconds, and leave the rest.
        quiet_s: how long something must stand still then.
        patience_s: how long to look again and again at files that change while they are read.
        is_all: asked after the look whether nothing has happened meanwhile, anywhere; without it a look that is not
            at everything could mix what it read with a state of other places that was over by then.
    """

    known: Folder | None = None
    dirty: Dirty = EVERYTHING
    rejected: str | None = None
    waited: bool = False
    quiet_s: float = 1.0
    patience_s: float = 0.1
    is_all: Callable[[], bool] | None = None


@frozen
class Seen:
    """What was there: `outcome` is None where it is what was refused last; `moving` was still being written."""

    state: Folder
    tree: str
    outcome: RecordOutcome | None
    moving: frozenset[str] = frozenset()


def observe(site: Site, trigger: str, look: Look, stop: threading.Event) -> Seen:
    """Record live if it has settled, and tell what came of it.

    Raises:
        UnsettledError: something is still being written, and the longest wait is not over.
        BusyError: somebody else holds the vault's lock.
        ConfigvaultError: the root cannot be read, or the vault not be written.
    """
    dirty = EVERYTHING if look.known is None else look.dirty
    stood = None
    if look.waited:
        stood = site.root.survey(look.known, dirty)
        stop.wait(look.quiet_s)
    with writing(site), site.vault.stage() as stage:
        known = look.known if look.known is not None else scan.remembered(site)
        latest, before = scan.latest_beside(site, known)
        base = before if known is None else known
        moving: frozenset[str] = frozenset()
        if stood is None:
            state = site.root.capture(
                base, stage, dirty=dirty, patience_s=look.patience_s, leases=True, steady=True
            )
            if look.is_all is not None and not look.is_all():
                raise UnsettledError({"."})
        else:
            state, moving = site.root.capture_still(base, stage, stood, dirty=dirty)
        live = scan.live_of(site, state, latest, before, stage)
        if live.tree == look.rejected and (not live.is_latest or live.lacks_something):
            return Seen(state, live.tree, None, moving)
        outcome = record_live(site, trigger, live)
    site.notify(outcome)
    return Seen(state, live.tree, outcome, moving)
