"""A rollback that is undone unless somebody confirms it in time.

The deadline, the way back and who asked are on disk before the first change (see waiting.py), so neither a crash nor a
reboot loses them. Whoever takes the write lock undoes an overdue one first (see recover.py); in time it is done by
the daemon, or without one by the command that asked.

The deadline is wall-clock time, for it must outlast a reboot: a clock that is set moves it.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from configvault.core import compare
from configvault.core.errors import BusyError, ConfigvaultError, UnknownReferenceError
from configvault.core.model import Change, HealthReport, RejectedState, Snapshot
from configvault.core.outcome import RecoveryOutcome, RollbackEnd, RollbackOutcome
from configvault.usecases import references, waiting
from configvault.usecases.site import Site
from configvault.usecases.undo import WayBack, undo, undone
from configvault.usecases.waiting import CONFIRMED, UNDONE, Pending
from configvault.usecases.writing import writing

TOO_LATE = "it was not confirmed in time"
# How often the command that waits looks whether somebody confirmed, and asks the service whether it is well.
LOOK_S = 0.1
CHECK_S = 2.0


def new(site: Site, within_s: float, target: str, safety: str, *, any_owner: bool) -> Pending:
    """Return what will wait for a confirmation."""
    until = site.now() + timedelta(seconds=within_s)
    return Pending(secrets.token_hex(6), until, within_s, site.actor, target, safety, any_owner=any_owner)


def begin(site: Site, asked: dict[str, Any], recorded: str | None) -> Pending:
    """Let the waiting begin, now that the service was told; the journal may go afterwards."""
    pending = waiting.parse(asked)
    until = site.now() + timedelta(seconds=pending.within_s)
    pending = replace(pending, recorded=recorded, until=until)
    waiting.write(site.vault, pending)
    return pending


def way_back(pending: Pending) -> WayBack:
    """Return what there is to undo."""
    return WayBack(pending.target, pending.safety, pending.recorded, pending.any_owner)


def refuse_second(site: Site) -> None:
    """Refuse a rollback while another one waits.

    Raises:
        BusyError: it says which, until when, and who asked.
    """
    pending = waiting.read(site.vault)
    if pending is not None:
        raise BusyError(
            f"the rollback to {pending.target} waits for its confirmation until "
            f"{pending.until:%Y-%m-%d %H:%M:%S %z} (asked for by {pending.asked_by})",
            "configvault confirm, or configvault cancel",
        )


def due(site: Site) -> datetime | None:
    """Return when the waiting rollback is to be undone, None if none waits; needs no lock."""
    pending = waiting.read(site.vault)
    return pending.until if pending else None


def expire(site: Site) -> RollbackOutcome | None:
    """Undo the waiting rollback if its time is over; None where there was nothing to undo. Observers are told."""
    before = waiting.read(site.vault)
    with writing(site):
        return _just_undone(site, before)


def check(site: Site) -> RollbackOutcome | None:
    """Ask the service whether it is well, and undo the waiting rollback at once where a required check fails.

    The questions are put without the lock: they may take their time. None where nothing was undone.
    """
    pending = waiting.read(site.vault)
    if pending is None or not site.settings.health:
        return None
    failed = [report for report in site.check_health() if report.required and not report.ok]
    if not failed:
        return None
    with writing(site):
        still = waiting.read(site.vault)
        if still is None or still.token != pending.token:
            return None
        outcome = _undo(site, still, _why(failed))
    site.tell(outcome)
    return outcome


def _why(failed: Sequence[HealthReport]) -> str:
    return f"the health check {failed[0].name!r} failed: {failed[0].error}"


def confirm(site: Site) -> RollbackOutcome:
    """Keep the waiting rollback; where this comes too late, return what came of undoing it.

    Raises:
        ConfigvaultError: none waits.
    """
    before = waiting.read(site.vault)
    with writing(site):
        pending = waiting.read(site.vault)
        if pending is None:
            return _just_undone(site, before) or _none_waits()
        waiting.end(site.vault, CONFIRMED, pending.recorded)
    outcome = _outcome(site, pending, RollbackEnd.ROLLED_BACK)
    site.tell(outcome)
    return outcome


def cancel(site: Site) -> RollbackOutcome:
    """Undo the waiting rollback now; raises as `confirm`."""
    before = waiting.read(site.vault)
    with writing(site):
        pending = waiting.read(site.vault)
        if pending is None:
            return _just_undone(site, before) or _none_waits()
        outcome = _undo(site, pending, f"cancelled by {site.actor}")
    site.tell(outcome)
    return outcome


def _none_waits() -> RollbackOutcome:
    raise ConfigvaultError("no rollback waits for a confirmation", "configvault status")


def _just_undone(site: Site, before: Pending | None) -> RollbackOutcome | None:
    """Return what came of `before` where taking the lock has undone it, for its time was over."""
    last = waiting.last(site.vault)
    if before is None or last is None or (last.token, last.ended) != (before.token, UNDONE):
        return None
    return _outcome(site, last, RollbackEnd.UNDONE)


def undo_overdue(site: Site) -> None:
    """Undo the waiting rollback if its time is over, and tell of it; the caller holds the lock."""
    pending = waiting.read(site.vault)
    if pending is None or pending.until > site.now():
        return
    try:
        outcome = _undo(site, pending, TOO_LATE)
        words = f"undid the rollback to {pending.target}: {TOO_LATE}"
    except UnknownReferenceError as error:
        # Nobody can do this any more: to try again for ever would keep everybody from writing.
        waiting.end(site.vault, UNDONE, None)
        outcome, words = None, f"cannot undo the rollback to {pending.target}: {error.message}"
    site.tell(RecoveryOutcome(words, outcome))


def _undo(site: Site, pending: Pending, why: str) -> RollbackOutcome:
    was = _outcome(site, pending, RollbackEnd.ROLLED_BACK)
    with site.vault.stage() as stage:
        return undone(was, undo(site, way_back(pending), stage, why))


def _outcome(site: Site, pending: Pending, end: RollbackEnd) -> RollbackOutcome:
    """Return what is known of a rollback that waited."""
    target = references.resolve_any(site, pending.target)
    recorded = site.vault.named(pending.recorded) if pending.recorded else None
    changes = _changes(site, pending.safety, target)
    return RollbackOutcome(end, as_snapshot(target), pending.safety, recorded, changes)


def _changes(site: Site, safety: str, target: Snapshot | RejectedState) -> tuple[Change, ...]:
    before = site.vault.tree(references.resolve_any(site, safety).tree)
    return compare.changes(before, site.vault.tree(target.tree, before))


def as_snapshot(found: Snapshot | RejectedState) -> Snapshot:
    """Return a rejected state as a snapshot, for those who only look at what both have."""
    if isinstance(found, Snapshot):
        return found
    return Snapshot(
        found.id, found.commit, found.tree, None, found.taken_at, found.trigger, found.actor, "", found.subject
    )


def wait(site: Site, outcome: RollbackOutcome) -> RollbackOutcome:
    """Wait until somebody confirms or cancels, a required check fails, or the time is over; return how it ended.

    For a command without a daemon. An interrupted one leaves the rollback waiting: the next holder of the lock undoes
    it when it is overdue.
    """
    idle = threading.Event()
    first = waiting.read(site.vault)
    next_check = time.monotonic() + CHECK_S
    while first is not None:
        pending = waiting.read(site.vault)
        if pending is None or pending.token != first.token:
            return _just_undone(site, first) or replace(outcome, pending_until=None)
        left_s = (pending.until - site.now()).total_seconds()
        if left_s <= 0:
            expire(site)
        elif time.monotonic() < next_check:
            idle.wait(min(left_s, LOOK_S))
        elif (bad := check(site)) is not None:
            return bad
        else:
            next_check = time.monotonic() + CHECK_S
    return replace(outcome, pending_until=None)


def status_document(site: Site) -> dict[str, Any] | None:
    """Return what `status` says of a waiting rollback, None if none waits."""
    pending = waiting.read(site.vault)
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
