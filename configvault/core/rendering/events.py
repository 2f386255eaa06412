"""What an outcome is called, how bad it is, and what is told of it: one row for each type of outcome.

Notifications, metrics and the page are made from these. A name of `settings.EVENTS` can be asked for under `notify`;
the quieter ones (`unchanged`, `planned`, `reloaded`, `well`, ...) never leave the log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from configvault.core.frozen import as_dict, frozen
from configvault.core.model import HealthReport, ReloadReport, healthy
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

INFO, WARNING, ERROR = "info", "warning", "error"

# Words of people and of other programs, wherever they stand in a document: a secret may have slipped into them.
_SPOKEN = frozenset(
    {"subject", "reason", "actor", "annotations", "error", "message", "hint", "excerpt", "words"}
)


@frozen
class Event:
    """One outcome as it is told: `title` is one line for people, `document` the JSON of the contract."""

    name: str
    level: str
    title: str
    document: documents.Document


def event(outcome: Outcome) -> Event:
    """Return how `outcome` is told."""
    return ROWS[type(outcome)](outcome)


def discreet(value: Any, hide: Callable[[str], str], key: str = "") -> Any:
    """Return a document with `hide` applied to every text in it that people or other programs wrote."""
    if isinstance(value, Mapping):
        return {name: discreet(one, hide, name) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [discreet(one, hide, key) for one in value]
    return hide(value) if isinstance(value, str) and key in _SPOKEN else value


def _recorded(outcome: RecordOutcome) -> Event:
    document = documents.recorded(outcome)
    if outcome.outcome is Recording.REJECTED:
        assert outcome.rejected is not None
        again = " again" if outcome.repeated else ""
        title = f"rejected{again}, kept as {outcome.rejected.id}: {outcome.rejected.subject}"
        return Event("rejected", ERROR, title, document)
    said = f"{outcome.snapshot.id}: {outcome.snapshot.subject}" if outcome.snapshot else "nothing to record"
    return Event(outcome.outcome.value, INFO, f"{outcome.outcome.value} {said}", document)


def _postponed(outcome: PostponedOutcome) -> Event:
    document = {"trigger": outcome.trigger, "paths": list(outcome.paths), "message": outcome.message}
    return Event("postponed", INFO, outcome.message or "live is still being written", document)


def _rolled_back(outcome: RollbackOutcome) -> Event:
    name, level, words = _ENDS[outcome.outcome]
    if outcome.outcome is RollbackEnd.ROLLED_BACK and outcome.pending_until is not None:
        until = outcome.pending_until.isoformat(timespec="seconds")
        name, level, words = "pending", WARNING, f"rolled back, confirm before {until}:"
    title = f"{words} {outcome.target.id}: {outcome.target.subject}"
    if why := _untaken(outcome.reload, outcome.health):
        title = f"{title} ({why})"
    return Event(name, level, title, documents.rolled_back(outcome))


_ENDS = {
    RollbackEnd.ROLLED_BACK: ("rolled_back", WARNING, "rolled back to"),
    RollbackEnd.UNCHANGED: ("unchanged", INFO, "live already equals"),
    RollbackEnd.PLANNED: ("planned", INFO, "would roll back to"),
    RollbackEnd.UNDONE: ("undone", ERROR, "undid the rollback to"),
    RollbackEnd.RELOAD_FAILED: ("reload_failed", ERROR, "restored, but the service reload FAILED:"),
}


def _deployed(outcome: DeployOutcome) -> Event:
    name, level, words = _DEPLOYMENTS[outcome.outcome]
    change = outcome.change
    if outcome.outcome is DeployEnd.DEPLOYED and change is not None and change.pending_until is not None:
        until = change.pending_until.isoformat(timespec="seconds")
        name, level, words = "pending", WARNING, f"deployed, confirm before {until}:"
    title = f"{words} {outcome.source}"
    if outcome.rejected is not None:
        title = f"{title}, kept as {outcome.rejected.id}: {outcome.rejected.subject}"
    elif outcome.deployed is not None:
        title = f"{title} as {outcome.deployed.id}: {outcome.deployed.subject}"
    if change is not None and (why := _untaken(change.reload, change.health)):
        title = f"{title} ({why})"
    return Event(name, level, title, documents.deployed(outcome))


_DEPLOYMENTS = {
    DeployEnd.DEPLOYED: ("deployed", INFO, "deployed"),
    DeployEnd.UNCHANGED: ("unchanged", INFO, "live already equals"),
    DeployEnd.PLANNED: ("planned", INFO, "would deploy"),
    DeployEnd.REJECTED: ("rejected", ERROR, "rejected the deployment of"),
    DeployEnd.UNDONE: ("undone", ERROR, "undid the deployment of"),
    DeployEnd.RELOAD_FAILED: ("reload_failed", ERROR, "deployed, but the service reload FAILED:"),
}


PHRASES = (*(words for _, _, words in _ENDS.values()), *(words for _, _, words in _DEPLOYMENTS.values()))
"""What a title begins with where a name follows."""


def _reloaded(outcome: ReloadOutcome) -> Event:
    of = outcome.snapshot or "what is live"
    why = _untaken(outcome.reload, outcome.health)
    document = documents.reloaded(outcome)
    if why is None:
        return Event("reloaded", INFO, f"the service loaded {of}", document)
    return Event("reload_failed", ERROR, f"the service failed to load {of}: {why}", document)


def _untaken(reload: ReloadReport | None, health: tuple[HealthReport, ...]) -> str | None:
    """Return why the service did not take a state, None where it did."""
    if reload is not None and not reload.ok:
        return f"reload failed: {reload.error}"
    if not healthy(health):
        return "; ".join(f"health check {h.name!r}: {h.error}" for h in health if h.required and not h.ok)
    return None


def _stands(outcome: ProbationOutcome) -> Event:
    title = f"{outcome.snapshot} was watched for {outcome.seconds:.0f}s"
    undecided = [f"health check {one.name!r}: {one.note}" for one in outcome.health if one.note]
    document = {"snapshot": outcome.snapshot, "health": [as_dict(one) for one in outcome.health]}
    return Event("watched", INFO, ", undecided: ".join([title, *undecided]), document)


def _rolled_out(outcome: RolloutOutcome) -> Event:
    document = documents.rollout(outcome)
    if outcome.error is not None:
        return Event(
            "rollout_failed", ERROR, f"the service did not go back to {outcome.to}: {outcome.error}", document
        )
    if not outcome.ok:
        ill = "; ".join(
            f"health check {h.name!r}: {h.error}" for h in outcome.health if h.required and not h.ok
        )
        return Event(
            "rollout_failed",
            ERROR,
            f"the service went back to {outcome.to} but is not healthy: {ill}",
            document,
        )
    return Event("rolled_out", WARNING, f"the service went back to {outcome.to}", document)


def _recovered(outcome: RecoveryOutcome) -> Event:
    document = {"words": outcome.words, "rollback": None}
    if outcome.rollback is None:
        return Event("recovered", WARNING, outcome.words, document)
    inner = event(outcome.rollback)
    name = inner.name if inner.level == ERROR else "recovered"
    return Event(name, inner.level, outcome.words, document | {"rollback": inner.document})


def _restored(outcome: RestoreOutcome) -> Event:
    title = f"restored automatically: {outcome.target.id}: {outcome.target.subject}"
    why = _untaken(outcome.reload, outcome.health)
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
    return Event("restored", ERROR if why else WARNING, f"{title} ({why})" if why else title, document)


def _failed(outcome: FailureOutcome) -> Event:
    return Event("failed", ERROR, f"{outcome.doing} failed: {outcome.message}", as_dict(outcome))


def _degraded(outcome: DegradedOutcome) -> Event:
    if outcome.cleared:
        return Event("well", INFO, f"no longer {outcome.reason}", as_dict(outcome))
    return Event("degraded", WARNING, f"{outcome.reason}: {outcome.message}", as_dict(outcome))


def _watched(outcome: WatchOutcome) -> Event:
    document = {"what": outcome.what.value, "message": outcome.message}
    return Event("watching", INFO, f"watch {outcome.what.value}: {outcome.message}", document)


def _looked(outcome: LookOutcome) -> Event:
    return Event("looked", INFO, f"looked after {outcome.events} events", as_dict(outcome))


def _lived(outcome: DaemonOutcome) -> Event:
    document = {"phase": outcome.phase.value, "message": outcome.message}
    return Event("daemon", INFO, f"daemon {outcome.phase.value}: {outcome.message}", document)


def _verified(outcome: VerifyOutcome) -> Event:
    if outcome.ok:
        return Event("verified", INFO, "the vault is intact", as_dict(outcome))
    return Event("failed", ERROR, f"the vault is damaged: {outcome.message}", as_dict(outcome))


def _drilled(outcome: DrillOutcome) -> Event:
    document = as_dict(outcome) | {"replicas": [as_dict(one) for one in outcome.replicas], "ok": outcome.ok}
    if outcome.ok:
        count = len(outcome.replicas)
        return Event(
            "drilled", INFO, f"recovered from {count} replica{'' if count == 1 else 's'} and compared", document
        )
    return Event("failed", ERROR, f"a replica cannot be recovered from: {outcome.message}", document)


def _kept_up(outcome: UpkeepOutcome) -> Event:
    document = as_dict(outcome) | {"dropped": list(outcome.dropped), "pruned": list(outcome.pruned)}
    done = (
        f"housekeeping dropped {len(outcome.dropped)} rejected states, pruned {len(outcome.pruned)} snapshots"
    )
    if outcome.refused is not None:
        done += f", could not remove {outcome.cut} commits of old history: {outcome.refused}"
    elif outcome.cut:
        done += f", removed {outcome.cut} commits of old history"
    return Event("upkeep", INFO, done, document)


def _commanded(outcome: CommandOutcome) -> Event:
    """Return what is quiet: the command itself has sent the notifications."""
    return Event("command", INFO, f"{outcome.command}: {outcome.kind} {outcome.ended}", as_dict(outcome))


ROWS: Mapping[type, Callable[[Any], Event]] = {
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
