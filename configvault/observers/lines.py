"""What the log says of each outcome: one line with values as keywords; event and level come from `called`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from configvault.core.model import Change, Finding, HealthReport, ReloadReport
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
    RollbackOutcome,
    RolloutOutcome,
    Undoing,
    UpkeepOutcome,
    VerifyOutcome,
    WatchOutcome,
)
from configvault.core.rendering.called import called

# More than this of a kind are counted, not named.
_MOST_NAMED = 10


class Line(NamedTuple):
    """One line: its level (debug, info, warning, error), its event, what else to say."""

    level: str
    event: str
    values: Mapping[str, Any]


def line(outcome: Outcome) -> Line:
    """Return what to say of `outcome`."""
    by = called(outcome)
    values = ROWS[type(outcome)](outcome)
    return Line(by.level, by.log, {k: v for k, v in values.items() if v not in (None, (), [], {})})


def _record(outcome: RecordOutcome) -> dict[str, Any]:
    values: dict[str, Any] = {"trigger": outcome.trigger}
    if outcome.outcome is Recording.REJECTED:
        assert outcome.rejected is not None
        values |= {"id": outcome.rejected.id, "repeated": outcome.repeated or None}
        return values | _findings(outcome.findings)
    values["id"] = outcome.snapshot.id if outcome.snapshot else None
    if outcome.outcome is Recording.UNCHANGED:
        return values
    assert outcome.snapshot is not None
    values |= {"subject": outcome.snapshot.subject, **_changes(outcome.changes)}
    return values | _findings(outcome.findings)


def _postponed(outcome: PostponedOutcome) -> dict[str, Any]:
    return {
        "trigger": outcome.trigger,
        "paths": list(outcome.paths[:_MOST_NAMED]),
        "message": outcome.message,
    }


def _changes(changes: tuple[Change, ...]) -> dict[str, Any]:
    return {"changes": len(changes), "paths": [change.path for change in changes[:_MOST_NAMED]]}


def _findings(findings: tuple[Finding, ...]) -> dict[str, Any]:
    named = [
        ":".join(str(part) for part in (one.path, one.line, one.column) if part is not None)
        + f": {one.severity.value}: {one.message} [{one.rule}]"
        for one in findings[:_MOST_NAMED]
    ]
    more = max(0, len(findings) - _MOST_NAMED)
    return {"findings": named, "more_findings": more or None}


def _rollback(outcome: RollbackOutcome) -> dict[str, Any]:
    values = {
        "trigger": "rollback",
        "target": outcome.target.id,
        "safety": outcome.safety,
        "recorded": outcome.recorded.id if outcome.recorded else None,
        "foreign": outcome.foreign,
    }
    values |= _changes(outcome.changes) | _taken(outcome.reload, outcome.health) | _undoing(outcome.undoing)
    return values


def _deploy(outcome: DeployOutcome) -> dict[str, Any]:
    values: dict[str, Any] = {
        "trigger": outcome.trigger,
        "source": str(outcome.source),
        "rejected": outcome.rejected.id if outcome.rejected else None,
        "recorded": outcome.deployed.id if outcome.deployed else None,
    }
    if outcome.outcome is DeployEnd.REJECTED:
        return values | _findings(outcome.findings)
    values |= _changes(outcome.changes)
    if outcome.change is not None:
        values["safety"] = outcome.change.safety
        values |= _taken(outcome.change.reload, outcome.change.health) | _undoing(outcome.change.undoing)
    return values


def _taken(reload: ReloadReport | None, health: tuple[HealthReport, ...]) -> dict[str, Any]:
    """Say how the service took it."""
    checks = _checks(health)
    if reload is None:
        return checks if health else {}
    return checks | {
        "reload": reload.kind,
        "attempts": reload.attempts,
        "status": reload.status,
        "error": reload.error,
        "elapsed_s": round(reload.elapsed_seconds, 3),
    }


def _checks(health: tuple[HealthReport, ...]) -> dict[str, Any]:
    """Say which checks failed, and which passed without having seen enough."""
    failed = [f"{one.name}: {one.error}" for one in health if not one.ok]
    undecided = [f"{one.name}: {one.note}" for one in health if one.ok and one.note]
    return {"failed_checks": failed, "undecided_checks": undecided or None}


def _undoing(undoing: Undoing | None) -> dict[str, Any]:
    """Say why a change was undone, and how the service took what came back."""
    if undoing is None:
        return {}
    reload = undoing.reload
    failed = [f"{one.name}: {one.error}" for one in undoing.health if not one.ok]
    return {
        "why": undoing.why,
        "undo_error": reload.error if reload is not None else None,
        "undo_failed_checks": failed or None,
    }


def _reload(outcome: ReloadOutcome) -> dict[str, Any]:
    return {"id": outcome.snapshot} | _taken(outcome.reload, outcome.health)


def _probation(outcome: ProbationOutcome) -> dict[str, Any]:
    return {"id": outcome.snapshot, "watched_s": round(outcome.seconds, 3)} | _checks(outcome.health)


def _rollout(outcome: RolloutOutcome) -> dict[str, Any]:
    return _checks(outcome.health) | {
        "revision": outcome.revision or "previous",
        "error": outcome.error,
        "elapsed_s": round(outcome.elapsed_seconds, 3),
    }


def _recovery(outcome: RecoveryOutcome) -> dict[str, Any]:
    change = outcome.rollback.change if isinstance(outcome.rollback, DeployOutcome) else outcome.rollback
    if change is None:
        return {"message": outcome.words}
    # Why it was undone is in the words.
    undoing = _undoing(change.undoing) | {"why": None}
    return {"message": outcome.words} | _taken(change.reload, change.health) | undoing


def _restore(outcome: RestoreOutcome) -> dict[str, Any]:
    values = {
        "cause": outcome.cause.value,
        "target": outcome.target.id,
        "kept": outcome.kept,
        "recorded": outcome.recorded.id if outcome.recorded else None,
        "without_setid": list(outcome.no_set_id) or None,
        "aside": list(outcome.aside) or None,
    }
    return values | _changes(outcome.changes) | _taken(outcome.reload, outcome.health)


def _failure(outcome: FailureOutcome) -> dict[str, Any]:
    return {"kind": outcome.kind, "message": outcome.message, "hint": outcome.hint}


def _degraded(outcome: DegradedOutcome) -> dict[str, Any]:
    return {"reason": outcome.reason, "message": outcome.message, "hint": outcome.hint}


def _watch(outcome: WatchOutcome) -> dict[str, Any]:
    return {"message": outcome.message}


def _look(outcome: LookOutcome) -> dict[str, Any]:
    return {
        "events": outcome.events,
        "everywhere": outcome.everywhere,
        "settled_seconds": outcome.settled_seconds,
    }


def _daemon(outcome: DaemonOutcome) -> dict[str, Any]:
    return {"message": outcome.message}


def _verify(outcome: VerifyOutcome) -> dict[str, Any]:
    return {"message": outcome.message, "elapsed_s": outcome.elapsed_seconds}


def _drill(outcome: DrillOutcome) -> dict[str, Any]:
    replicas = [{"replica": one.url, "ok": one.ok, "message": one.words} for one in outcome.replicas]
    return {"message": outcome.message, "replicas": replicas, "elapsed_s": outcome.elapsed_seconds}


def _upkeep(outcome: UpkeepOutcome) -> dict[str, Any]:
    return {
        "packed": outcome.packed,
        "dropped": list(outcome.dropped[:_MOST_NAMED]),
        "pruned": list(outcome.pruned[:_MOST_NAMED]),
        "cut_commits": outcome.cut,
        "refused": outcome.refused,
    }


def _command(outcome: CommandOutcome) -> dict[str, Any]:
    """Return what the command would have written, with who gave it."""
    return {**outcome.values, "command": outcome.command, "by": outcome.actor}


ROWS: dict[type, Callable[[Any], dict[str, Any]]] = {
    RecordOutcome: _record,
    PostponedOutcome: _postponed,
    RollbackOutcome: _rollback,
    DeployOutcome: _deploy,
    ReloadOutcome: _reload,
    ProbationOutcome: _probation,
    RolloutOutcome: _rollout,
    RecoveryOutcome: _recovery,
    RestoreOutcome: _restore,
    FailureOutcome: _failure,
    DegradedOutcome: _degraded,
    WatchOutcome: _watch,
    LookOutcome: _look,
    DaemonOutcome: _daemon,
    VerifyOutcome: _verify,
    DrillOutcome: _drill,
    UpkeepOutcome: _upkeep,
    CommandOutcome: _command,
}
