"""A rollback that is undone unless somebody confirms it in time.

The deadline, the way back and who asked are on disk before the first change (vault/statefiles.py), so neither a crash
nor a reboot loses them. Whoever takes the write lock undoes an overdue one first (after_crash.py); in time it is done
by the daemon, or without one by the command that asked.

The deadline is wall-clock time, for it must outlast a reboot: a clock that is set moves it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from configvault.core.errors import BusyError, ConfigvaultError
from configvault.core.frozen import replace
from configvault.core.model import HealthReport, Patience
from configvault.core.outcome import DeployOutcome, RollbackEnd, RollbackOutcome
from configvault.usecases.loading import turned_out_ill
from configvault.usecases.site import Site
from configvault.usecases.undo import outcome_of, told, undo
from configvault.usecases.writing import writing
from configvault.vault import statefiles
from configvault.vault.statefiles import CONFIRMED, PENDING, UNDONE, Pending

# How often the command that waits looks whether somebody confirmed, and asks the service whether it is well.
LOOK_S = 0.1
CHECK_S = 2.0


def refuse_second(site: Site) -> None:
    """Refuse a rollback while another one waits.

    Raises:
        BusyError: it says which, until when, and who asked.
    """
    pending = statefiles.pending(site.vault.state)
    if pending is not None:
        raise BusyError(
            f"the rollback to {pending.target} is pending until "
            f"{pending.until:%Y-%m-%d %H:%M:%S %z} (requested by {pending.asked_by})",
            "configvault confirm, or configvault cancel",
        )


def due(site: Site) -> datetime | None:
    """Return when the waiting rollback is to be undone, None if none waits; needs no lock."""
    pending = statefiles.pending(site.vault.state)
    return pending.until if pending else None


def expire(site: Site) -> RollbackOutcome | None:
    """Undo the waiting rollback if its time is over; None where there was nothing to undo. Observers are told."""
    before = statefiles.pending(site.vault.state)
    with writing(site):
        return _just_undone(site, before)


def check(site: Site) -> RollbackOutcome | None:
    """Ask the service whether it is well, and undo the waiting rollback at once where a required check fails.

    The questions are put without the lock: they may take their time, but no longer than the rollback waits.
    None where nothing was undone.
    """
    pending = statefiles.pending(site.vault.state)
    if pending is None or not site.settings.health:
        return None
    left_s = max(0.0, (pending.until - site.now()).total_seconds())
    health = site.check_health(patience=Patience(most_s=left_s))
    failed = [report for report in health if report.required and not report.ok]
    if not failed:
        return None
    with writing(site):
        still = statefiles.pending(site.vault.state)
        if still is None or still.token != pending.token:
            return None
        recorded = site.vault.named(still.recorded) if still.recorded else None
        if recorded is not None:
            # It counted as good when the service had just loaded it.
            turned_out_ill(site, recorded)
        outcome = undo(site, still, _why(failed), health)
    site.notify(told(still, outcome))
    return outcome


def _why(failed: Sequence[HealthReport]) -> str:
    return f"the health check {failed[0].name!r} failed: {failed[0].error}"


def confirm(site: Site) -> RollbackOutcome | DeployOutcome:
    """Keep the waiting rollback or deployment; where this comes too late, return what came of undoing it.

    Raises:
        ConfigvaultError: none waits.
    """
    before = statefiles.pending(site.vault.state)
    with writing(site):
        pending = statefiles.pending(site.vault.state)
        if pending is None:
            return _told_undone(site, before)
        statefiles.end_pending(site.vault.state, CONFIRMED, pending.recorded)
    outcome = told(pending, outcome_of(site, pending, RollbackEnd.ROLLED_BACK))
    site.notify(outcome)
    return outcome


def cancel(site: Site) -> RollbackOutcome | DeployOutcome:
    """Undo the waiting rollback or deployment now; raises as `confirm`."""
    before = statefiles.pending(site.vault.state)
    with writing(site):
        pending = statefiles.pending(site.vault.state)
        if pending is None:
            return _told_undone(site, before)
        outcome = told(pending, undo(site, pending, f"cancelled by {site.actor}"))
    site.notify(outcome)
    return outcome


def _told_undone(site: Site, before: Pending | None) -> RollbackOutcome | DeployOutcome:
    """Return what came of `before`, which was undone as its time was over; raises where none was pending."""
    undone = _just_undone(site, before)
    if before is None or undone is None:
        raise ConfigvaultError("no rollback is pending", "configvault status")
    return told(before, undone)


def _just_undone(site: Site, before: Pending | None) -> RollbackOutcome | None:
    """Return what came of `before` where taking the lock has undone it, for its time was over."""
    last = PENDING.read(site.vault.state)
    if before is None or last is None or (last.token, last.ended) != (before.token, UNDONE):
        return None
    return outcome_of(site, last, RollbackEnd.UNDONE)


def wait(site: Site, outcome: RollbackOutcome) -> RollbackOutcome:
    """Wait until somebody confirms or cancels, a required check fails, or the time is over; return how it ended.

    For a command without a daemon. An interrupted one leaves the rollback waiting: the next holder of the lock undoes
    it when it is overdue.
    """
    idle = threading.Event()
    first = statefiles.pending(site.vault.state)
    next_check = time.monotonic() + CHECK_S
    while first is not None:
        pending = statefiles.pending(site.vault.state)
        if pending is None or pending.token != first.token:
            return _just_undone(site, first) or replace(outcome, pending_until=None)
        left_s = (pending.until - site.now()).total_seconds()
        if left_s <= 0:
            expire(site)
        elif time.monotonic() < next_check:
            idle.wait(min(left_s, LOOK_S))
        elif (bad := check(site)) is not None:
            # How the change was loaded in the first place is known here only.
            return replace(bad, reload=outcome.reload)
        else:
            next_check = time.monotonic() + CHECK_S
    return replace(outcome, pending_until=None)


def status_document(site: Site) -> dict[str, Any] | None:
    """Return what `status` says of a waiting rollback, None if none waits."""
    pending = statefiles.pending(site.vault.state)
    if pending is None:
        return None
    return {
        "target": pending.target,
        "safety": pending.safety,
        "recorded": pending.recorded,
        "until": pending.until.isoformat(),
        "seconds_left": max(0.0, round((pending.until - site.now()).total_seconds(), 1)),
        "asked_by": pending.asked_by,
    }
