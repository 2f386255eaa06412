"""Record a captured state: validate it and commit those very bytes, or keep it as rejected. The caller holds the lock."""

from __future__ import annotations

from configvault.core.frozen import replace
from configvault.core.model import Change, Finding, Trigger, Verdict
from configvault.core.outcome import Recording, RecordOutcome
from configvault.core.rendering.subject import describe, plugins_touched
from configvault.usecases import rejects, scan
from configvault.usecases.again import rolled_back_content
from configvault.usecases.scan import Live
from configvault.usecases.site import Site
from configvault.usecases.standing import divide
from configvault.vault.trees import StaleCaptureError

OVERRIDABLE = frozenset({"mass-removal"})
# So long live is validated before a rollback; then it is kept as a rejected state.
KEEPING_S = 30.0


def record_live(
    site: Site, trigger: str, live: Live, *, reason: str | None = None, force: bool = False
) -> RecordOutcome:
    """Record live, or reject it; `force` overrides only that most of the files are gone."""
    if live.is_latest and not live.lacks_something:
        standing = len(scan.left_out(live.seen))
        return RecordOutcome(Recording.UNCHANGED, trigger, live.latest, None, (), (), standing=standing)
    # What is about to be left has to be kept, not understood: a rollback does not wait for it.
    leaving = trigger == Trigger.PRE_ROLLBACK
    verdict = scan.validate(site, live, KEEPING_S if leaving else None)
    blocking = [f for f in verdict.errors if not (force and f.rule in OVERRIDABLE)]
    found, standing = verdict.findings, 0
    if not leaving:
        found, standing = divide(site, verdict.findings, live.before, live.read)
    outcome = (_reject if blocking else _commit)(site, trigger, live, Verdict(found), reason)
    return replace(outcome, standing=standing)


def _commit(site: Site, trigger: str, live: Live, verdict: Verdict, reason: str | None) -> RecordOutcome:
    changes = live.changes
    subject = describe(changes, live.read, live.before, live.state)
    touched = plugins_touched(changes, live.read, live.before, live.state)
    actor = site.actor_of(trigger, changes, live.state)
    note = site.note(trigger, subject, reason, plugins=touched, actor=actor)
    reported = (*verdict.findings, *rolled_back_content(site, live), *_new_secrets(site, live, changes))
    try:
        snapshot = site.vault.record(live.state, live.before, live.stage, note)
    except StaleCaptureError:
        # The cache knew of bytes that are in the vault no more: read everything again, believing nothing.
        seen = site.root.capture(None, live.stage)
        fresh = scan.live_of(site, seen, live.latest, None, live.stage)
        snapshot = site.vault.record(fresh.state, None, fresh.stage, note)
    return RecordOutcome(Recording.RECORDED, trigger, snapshot, None, changes, reported)


def _new_secrets(site: Site, live: Live, changes: tuple[Change, ...]) -> tuple[Finding, ...]:
    """Return a warning for each secret that is new; not of the first state, where every one would be."""
    if live.before is None:
        return ()
    from configvault.core.secrets.entering import new_secrets
    from configvault.core.secrets.redactor import Redactor

    return new_secrets(changes, live.read, Redactor(site.vault.redaction_key()))


def _reject(site: Site, trigger: str, live: Live, verdict: Verdict, reason: str | None) -> RecordOutcome:
    changes = live.changes
    subject = f"Refuse: {summary(verdict.errors[0])}"
    newest = site.vault.rejected(1)
    touched = plugins_touched(changes, live.read, live.before, live.state)
    actor = site.actor_of(trigger, changes, live.state)
    note = site.note(trigger, subject, reason, plugins=touched, actor=actor)
    state = site.vault.reject(live.state, live.before, live.stage, note, verdict.findings)
    repeated = any(state.id == kept.id for kept in newest)
    # Not where the root is about to change: what it changes to may be a rejected state as well.
    if not repeated and trigger != Trigger.PRE_ROLLBACK:
        rejects.bound(site)
    return RecordOutcome(Recording.REJECTED, trigger, live.latest, state, changes, verdict.findings, repeated)


def summary(finding: Finding) -> str:
    """Return a finding in a few words: its rule, and its place where it has one."""
    place = f"{finding.path}:{finding.line}" if finding.line else finding.path
    return f"{finding.rule} in {place}" if place else finding.rule


def keep_live(site: Site, live: Live) -> str | None:
    """Put live into the vault unless it is there; return the id it has, None where there is no root to keep."""
    if live.is_latest or live.stage is None:
        return live.latest.id if live.latest and live.is_latest else None
    outcome = record_live(site, Trigger.PRE_ROLLBACK, live)
    kept = outcome.rejected if outcome.outcome is Recording.REJECTED else outcome.snapshot
    assert kept is not None
    return kept.id
