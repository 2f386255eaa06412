"""What a notification says of an outcome: one row for each type of outcome.

Its name and its level come from `called`. A name of `settings.EVENTS` can be asked for under `notify`;
the quieter ones (`unchanged`, `planned`, `reloaded`, `well`, ...) never leave the log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from configvault.core.frozen import as_dict, frozen
from configvault.core.outcome import (
    CommandOutcome,
    DaemonOutcome,
    DegradedOutcome,
    DeployEnd,
    DeployOutcome,
    DrillOutcome,
    FailureOutcome,
    LookOutcome,
    Outcome,
    PostponedOutcome,
    ProbationOutcome,
    Recording,
    RecordOutcome,
    RecoveryOutcome,
    ReloadOutcome,
    RestoreOutcome,
    RollbackEnd,
    RollbackOutcome,
    RolloutOutcome,
    UpkeepOutcome,
    VerifyOutcome,
    WatchOutcome,
)
from configvault.core.rendering import documents
from configvault.core.rendering.called import ENDS, called, not_loaded

Said = tuple[str, documents.Document]
"""The title and the document of a notification."""

# Words of people and of other programs, wherever they stand in a document: a secret may have slipped into them.
_SPOKEN = frozenset(
    {"subject", "reason", "actor", "annotations", "error", "message", "hint", "excerpt", "words"}
)


@frozen
class Event:
    """One outcome as a notification: `title` is one line for people, `document` the JSON of the contract."""

    name: str
    level: str
    title: str
    document: documents.Document


def event(outcome: Outcome) -> Event:
    """Return the notification of `outcome`."""
    by = called(outcome)
    title, document = ROWS[type(outcome)](outcome)
    return Event(by.name, by.level, title, document)


def discreet(value: Any, hide: Callable[[str], str], key: str = "") -> Any:
    """Return a document with `hide` applied to every text in it that people or other programs wrote."""
    if isinstance(value, Mapping):
        return {name: discreet(one, hide, name) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [discreet(one, hide, key) for one in value]
    return hide(value) if isinstance(value, str) and key in _SPOKEN else value


def _recorded(outcome: RecordOutcome) -> Said:
    document = documents.recorded(outcome)
    if outcome.outcome is Recording.REJECTED:
        assert outcome.rejected is not None
        again = " again" if outcome.repeated else ""
        title = f"rejected{again}, kept as {outcome.rejected.id}: {outcome.rejected.subject}"
        return (title, document)
    said = f"{outcome.snapshot.id}: {outcome.snapshot.subject}" if outcome.snapshot else "nothing to record"
    return (f"{outcome.outcome.value} {said}", document)


def _postponed(outcome: PostponedOutcome) -> Said:
    document = {"trigger": outcome.trigger, "paths": list(outcome.paths), "message": outcome.message}
    return (outcome.message or "live is still being written", document)


def _rolled_back(outcome: RollbackOutcome) -> Said:
    title = f"{called(outcome).words} {outcome.target.id}: {outcome.target.subject}"
    if why := not_loaded(outcome.reload, outcome.health):
        title = f"{title} ({why})"
    return (title, documents.rolled_back(outcome))


def _deployed(outcome: DeployOutcome) -> Said:
    change = outcome.change
    title = f"{called(outcome).words} {outcome.source}"
    if outcome.rejected is not None:
        title = f"{title}, kept as {outcome.rejected.id}: {outcome.rejected.subject}"
    elif outcome.deployed is not None:
        title = f"{title} as {outcome.deployed.id}: {outcome.deployed.subject}"
    if change is not None and (why := not_loaded(change.reload, change.health)):
        title = f"{title} ({why})"
    return (title, documents.deployed(outcome))


PHRASES = tuple(row.words for of in (RollbackEnd, DeployEnd) for row in ENDS[of].values())
"""What a title begins with where a name follows."""


def _reloaded(outcome: ReloadOutcome) -> Said:
    of = outcome.snapshot or "what is live"
    why = not_loaded(outcome.reload, outcome.health)
    document = documents.reloaded(outcome)
    if why is None:
        return (f"the service loaded {of}", document)
    return (f"the service failed to load {of}: {why}", document)


def _stands(outcome: ProbationOutcome) -> Said:
    title = f"{outcome.snapshot} was watched for {outcome.seconds:.0f}s"
    undecided = [f"health check {one.name!r}: {one.note}" for one in outcome.health if one.note]
    document = {"snapshot": outcome.snapshot, "health": [as_dict(one) for one in outcome.health]}
    return (", undecided: ".join([title, *undecided]), document)


def _rolled_out(outcome: RolloutOutcome) -> Said:
    document = documents.rollout(outcome)
    if outcome.error is not None:
        return (f"the service did not go back to {outcome.to}: {outcome.error}", document)
    if not outcome.ok:
        ill = "; ".join(
            f"health check {h.name!r}: {h.error}" for h in outcome.health if h.required and not h.ok
        )
        return (
            f"the service went back to {outcome.to} but is not healthy: {ill}",
            document,
        )
    return (f"the service went back to {outcome.to}", document)


def _recovered(outcome: RecoveryOutcome) -> Said:
    document = {"words": outcome.words, "rollback": None}
    if outcome.rollback is None:
        return (outcome.words, document)
    inner = event(outcome.rollback)
    return (outcome.words, document | {"rollback": inner.document})


def _restored(outcome: RestoreOutcome) -> Said:
    title = f"restored automatically: {outcome.target.id}: {outcome.target.subject}"
    why = not_loaded(outcome.reload, outcome.health)
    document = {
        "cause": outcome.cause.value,
        "target": documents.snapshot(outcome.target),
        "kept": outcome.kept,
        "recorded": documents.snapshot(outcome.recorded, outcome.changes) if outcome.recorded else None,
        "changes": [documents.change(one) for one in outcome.changes],
        "reload": as_dict(outcome.reload) if outcome.reload else None,
        "health": [as_dict(one) for one in outcome.health],
        "without_setid": list(outcome.no_set_id),
        "aside": list(outcome.aside),
    }
    return (f"{title} ({why})" if why else title, document)


def _failed(outcome: FailureOutcome) -> Said:
    return (f"{outcome.doing} failed: {outcome.message}", as_dict(outcome))


def _degraded(outcome: DegradedOutcome) -> Said:
    if outcome.cleared:
        return (f"no longer {outcome.reason}", as_dict(outcome))
    return (f"{outcome.reason}: {outcome.message}", as_dict(outcome))


def _watched(outcome: WatchOutcome) -> Said:
    document = {"what": outcome.what.value, "message": outcome.message}
    return (f"watch {outcome.what.value}: {outcome.message}", document)


def _looked(outcome: LookOutcome) -> Said:
    return (f"scanned after {outcome.events} events", as_dict(outcome))


def _lived(outcome: DaemonOutcome) -> Said:
    document = {"phase": outcome.phase.value, "message": outcome.message}
    return (f"daemon {outcome.phase.value}: {outcome.message}", document)


def _verified(outcome: VerifyOutcome) -> Said:
    if outcome.ok:
        return ("the vault is intact", as_dict(outcome))
    return (f"the vault is damaged: {outcome.message}", as_dict(outcome))


def _drilled(outcome: DrillOutcome) -> Said:
    document = as_dict(outcome) | {"replicas": [as_dict(one) for one in outcome.replicas], "ok": outcome.ok}
    if outcome.ok:
        count = len(outcome.replicas)
        return (f"recovered from {count} replica{'' if count == 1 else 's'} and compared", document)
    return (f"a replica cannot be recovered from: {outcome.message}", document)


def _kept_up(outcome: UpkeepOutcome) -> Said:
    document = as_dict(outcome) | {"dropped": list(outcome.dropped), "pruned": list(outcome.pruned)}
    done = (
        f"housekeeping dropped {len(outcome.dropped)} rejected states, pruned {len(outcome.pruned)} snapshots"
    )
    if outcome.refused is not None:
        done += f", could not remove {outcome.cut} commits of old history: {outcome.refused}"
    elif outcome.cut:
        done += f", removed {outcome.cut} commits of old history"
    return (done, document)


def _commanded(outcome: CommandOutcome) -> Said:
    """Return what is never sent: the command itself has sent the notifications."""
    return (f"{outcome.command}: {outcome.kind} {outcome.ended}", as_dict(outcome))


ROWS: Mapping[type, Callable[[Any], Said]] = {
    RecordOutcome: _recorded,
    PostponedOutcome: _postponed,
    RollbackOutcome: _rolled_back,
    DeployOutcome: _deployed,
    ReloadOutcome: _reloaded,
    ProbationOutcome: _stands,
    RolloutOutcome: _rolled_out,
    RecoveryOutcome: _recovered,
    RestoreOutcome: _restored,
    FailureOutcome: _failed,
    DegradedOutcome: _degraded,
    WatchOutcome: _watched,
    LookOutcome: _looked,
    DaemonOutcome: _lived,
    VerifyOutcome: _verified,
    DrillOutcome: _drilled,
    UpkeepOutcome: _kept_up,
    CommandOutcome: _commanded,
}
