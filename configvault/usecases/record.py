"""Record what is live now: the verb behind `snapshot` and `init`."""

from __future__ import annotations

from configvault.core.frozen import replace
from configvault.core.outcome import Recording, RecordOutcome
from configvault.usecases import labels, scan
from configvault.usecases.recording import record_live
from configvault.usecases.site import Site
from configvault.usecases.writing import writing


def record(
    site: Site, trigger: str, *, reason: str | None = None, pin: str | None = None, force: bool = False
) -> RecordOutcome:
    """Record what is live now, under the vault's lock.

    Args:
        site: what to work on.
        trigger: why (a `Trigger`).
        reason: the operator's words; added to what is said of the latest snapshot where nothing is new, since the
            daemon may have been faster.
        pin: a name for the snapshot.
        force: record although most of the files are gone; never an invalid state.
    """
    with writing(site), site.vault.stage() as stage:
        live = scan.live(site, stage)
        if pin is not None:
            labels.check_free(site, pin, live.latest.id if live.latest and live.is_latest else None)
        outcome = record_live(site, trigger, live, reason=reason, force=force)
        if outcome.outcome is not Recording.REJECTED and live.state is not live.before:
            scan.remember(site, live.state, live.kept)
        if pin is not None and outcome.snapshot is not None and outcome.rejected is None:
            outcome = _pinned(site, outcome, pin)
        if reason is not None and outcome.outcome is Recording.UNCHANGED:
            outcome = _annotated(site, outcome, reason.strip())
    site.notify(outcome)
    return outcome


def _pinned(site: Site, outcome: RecordOutcome, pin: str) -> RecordOutcome:
    assert outcome.snapshot is not None
    labels.pin_snapshot(site, outcome.snapshot, pin)
    return replace(outcome, snapshot=site.vault.at(outcome.snapshot.commit))


def _annotated(site: Site, outcome: RecordOutcome, reason: str) -> RecordOutcome:
    """Add `reason` to what is said of the latest snapshot, unless it is said already."""
    latest = outcome.snapshot
    assert latest is not None
    if not reason or reason in (latest.reason, *latest.annotations):
        return outcome
    labels.annotate_snapshot(site, latest, reason)
    return replace(outcome, snapshot=site.vault.at(latest.commit), annotated=True)
