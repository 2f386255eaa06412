"""Record live: capture, validate, and commit those very bytes, or keep the refused state with the reasons."""

from __future__ import annotations

from dataclasses import replace

from configvault.core.model import Change, Finding, Verdict
from configvault.core.outcome import Recording, RecordOutcome
from configvault.core.rendering.subject import describe, plugins_touched
from configvault.usecases import live as live_
from configvault.usecases import notes
from configvault.usecases.again import rolled_back_content
from configvault.usecases.live import Live
from configvault.usecases.site import Site
from configvault.usecases.writing import writing
from configvault.vault.trees import StaleCaptureError

OVERRIDABLE = frozenset({"mass-removal"})


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
        live = live_.look(site, stage)
        if pin is not None:
            notes.check_free(site, pin, live.latest.id if live.latest and live.is_latest else None)
        outcome = record_live(site, trigger, live, reason=reason, force=force)
        if outcome.outcome is not Recording.REJECTED and live.state is not live.before:
            live_.remember(site, live.state, live.kept)
        if pin is not None and outcome.snapshot is not None and outcome.rejected is None:
            outcome = _pinned(site, outcome, pin)
        if reason is not None and outcome.outcome is Recording.UNCHANGED:
            outcome = _annotated(site, outcome, reason.strip())
    site.tell(outcome)
    return outcome


def record_live(
    site: Site, trigger: str, live: Live, *, reason: str | None = None, force: bool = False
) -> RecordOutcome:
    """Record a captured state; the caller holds the lock."""
    if live.is_latest:
        return RecordOutcome(Recording.UNCHANGED, trigger, live.latest, None, (), live_.left_out(live.seen))
    verdict = live_.validate(site, live)
    refused = [f for f in verdict.errors if not (force and f.rule in OVERRIDABLE)]
    return (_reject if refused else _commit)(site, trigger, live, verdict, reason)


def _commit(site: Site, trigger: str, live: Live, verdict: Verdict, reason: str | None) -> RecordOutcome:
    changes = live.changes
    subject = describe(changes, live.read, live.before, live.state)
    touched = plugins_touched(changes, live.read, live.before, live.state)
    actor = site.actor_of(trigger, changes, live.state)
    note = site.note(trigger, subject, reason, plugins=touched, actor=actor)
    told = (*verdict.findings, *rolled_back_content(site, live), *_new_secrets(site, live, changes))
    try:
        snapshot = site.vault.record(live.state, live.before, live.stage, note)
    except StaleCaptureError:
        # The cache knew of bytes that are in the vault no more: read everything again, believing nothing.
        seen = site.root.capture(None, live.stage)
        fresh = live_.of(site, seen, live.latest, None, live.stage)
        snapshot = site.vault.record(fresh.state, None, fresh.stage, note)
    return RecordOutcome(Recording.RECORDED, trigger, snapshot, None, changes, told)


def _new_secrets(site: Site, live: Live, changes: tuple[Change, ...]) -> tuple[Finding, ...]:
    """Return a warning for each secret that is new; not of the first state, where every one would be."""
    if live.before is None:
        return ()
    from configvault.core.secrets.entering import new_secrets
    from configvault.core.secrets.redactor import Redactor

    return new_secrets(changes, live.read, Redactor(site.vault.redaction_key()))


def _reject(site: Site, trigger: str, live: Live, verdict: Verdict, reason: str | None) -> RecordOutcome:
    changes = live.changes
    subject = f"Refuse: {_summary(verdict.errors[0])}"
    newest = site.vault.rejected(1)
    touched = plugins_touched(changes, live.read, live.before, live.state)
    actor = site.actor_of(trigger, changes, live.state)
    note = site.note(trigger, subject, reason, plugins=touched, actor=actor)
    state = site.vault.reject(live.state, live.before, live.stage, note, verdict.findings)
    repeated = any(state.id == kept.id for kept in newest)
    return RecordOutcome(Recording.REJECTED, trigger, live.latest, state, changes, verdict.findings, repeated)


def _summary(finding: Finding) -> str:
    place = f"{finding.path}:{finding.line}" if finding.line else finding.path
    return f"{finding.rule} in {place}"


def _pinned(site: Site, outcome: RecordOutcome, pin: str) -> RecordOutcome:
    assert outcome.snapshot is not None
    notes.pin_snapshot(site, outcome.snapshot, pin)
    return replace(outcome, snapshot=site.vault.at(outcome.snapshot.commit))


def _annotated(site: Site, outcome: RecordOutcome, reason: str) -> RecordOutcome:
    """Add `reason` to what is said of the latest snapshot, unless it is said already."""
    latest = outcome.snapshot
    assert latest is not None
    if not reason or reason in (latest.reason, *latest.annotations):
        return outcome
    notes.annotate_snapshot(site, latest, reason)
    return replace(outcome, snapshot=site.vault.at(latest.commit), annotated=True)
