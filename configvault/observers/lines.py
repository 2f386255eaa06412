"""What the log says of each outcome: one line, a fixed `noun.past_participle`, values as keywords with units."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from configvault.core.model import Change, Finding, HealthReport, ReloadReport, healthy
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
    Undoing,
    UpkeepOutcome,
    VerifyOutcome,
    Watching,
    WatchOutcome,
)

# More than this of a kind are counted, not named.
_MOST_NAMED = 10


class Line(NamedTuple):
    """One line: its level (debug, info, warning, error), its event, what else to say."""

    level: str
    event: str
    values: Mapping[str, Any]


def line(outcome: Outcome) -> Line:
    """Return what to say of `outcome`."""
    said = ROWS[type(outcome)](outcome)
    return Line(said.level, said.event, {k: v for k, v in said.values.items() if v not in (None, (), [], {})})


def _record(outcome: RecordOutcome) -> Line:
    values: dict[str, Any] = {"trigger": outcome.trigger}
    if outcome.outcome is Recording.REJECTED:
        assert outcome.rejected is not None
        values |= {"id": outcome.rejected.id, "repeated": outcome.repeated or None}
        return Line("warning", "change.rejected", values | _findings(outcome.findings))
    values["id"] = outcome.snapshot.id if outcome.snapshot else None
    if outcome.outcome is Recording.UNCHANGED:
        # What was asked for by the clock is said to be done, what events asked for is not worth a line.
        return Line("info" if outcome.trigger == "schedule" else "debug", "root.compared", values)
    assert outcome.snapshot is not None
    values |= {"subject": outcome.snapshot.subject, **_changes(outcome.changes)}
    return Line("info", "snapshot.recorded", values | _findings(outcome.findings))


def _postponed(outcome: PostponedOutcome) -> Line:
    values = {
        "trigger": outcome.trigger,
        "paths": list(outcome.paths[:_MOST_NAMED]),
        "message": outcome.message,
    }
    return Line("debug", "record.postponed", values)


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


def _rollback(outcome: RollbackOutcome) -> Line:
    event, level = {
        RollbackEnd.ROLLED_BACK: ("rollback.done", "info"),
        RollbackEnd.UNCHANGED: ("rollback.unchanged", "info"),
        RollbackEnd.PLANNED: ("rollback.planned", "debug"),
        RollbackEnd.UNDONE: ("rollback.undone", "error"),
        RollbackEnd.RELOAD_FAILED: ("reload.failed", "error"),
    }[outcome.outcome]
    values = {
        "trigger": "rollback",
        "target": outcome.target.id,
        "safety": outcome.safety,
        "recorded": outcome.recorded.id if outcome.recorded else None,
        "foreign": outcome.foreign,
    }
    values |= _changes(outcome.changes) | _taken(outcome.reload, outcome.health) | _undoing(outcome.undoing)
    return Line(level, event, values)


def _deploy(outcome: DeployOutcome) -> Line:
    event, level = {
        DeployEnd.DEPLOYED: ("deploy.done", "info"),
        DeployEnd.UNCHANGED: ("deploy.unchanged", "info"),
        DeployEnd.PLANNED: ("deploy.planned", "debug"),
        DeployEnd.REJECTED: ("deploy.rejected", "warning"),
        DeployEnd.UNDONE: ("deploy.undone", "error"),
        DeployEnd.RELOAD_FAILED: ("reload.failed", "error"),
    }[outcome.outcome]
    values: dict[str, Any] = {
        "trigger": outcome.trigger,
        "source": str(outcome.source),
        "rejected": outcome.rejected.id if outcome.rejected else None,
        "recorded": outcome.deployed.id if outcome.deployed else None,
    }
    if outcome.outcome is DeployEnd.REJECTED:
        return Line(level, event, values | _findings(outcome.findings))
    values |= _changes(outcome.changes)
    if outcome.change is not None:
        values["safety"] = outcome.change.safety
        values |= _taken(outcome.change.reload, outcome.change.health) | _undoing(outcome.change.undoing)
    return Line(level, event, values)


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


def _reload(outcome: ReloadOutcome) -> Line:
    well = outcome.reload.ok and healthy(outcome.health)
    values = {"id": outcome.snapshot} | _taken(outcome.reload, outcome.health)
    return Line("info" if well else "error", "reload.done" if well else "reload.failed", values)


def _probation(outcome: ProbationOutcome) -> Line:
    checks = _checks(outcome.health)
    values = {"id": outcome.snapshot, "watched_s": round(outcome.seconds, 3)} | checks
    return Line("warning" if checks["undecided_checks"] else "info", "change.watched", values)


def _rollout(outcome: RolloutOutcome) -> Line:
    values = _checks(outcome.health) | {
        "revision": outcome.revision or "previous",
        "error": outcome.error,
        "elapsed_s": round(outcome.elapsed_seconds, 3),
    }
    return Line("info" if outcome.ok else "error", "rollout.done" if outcome.ok else "rollout.failed", values)


def _recovery(outcome: RecoveryOutcome) -> Line:
    return Line("warning", "recovery.done", {"message": outcome.words})


def _restore(outcome: RestoreOutcome) -> Line:
    values = {
        "cause": outcome.cause.value,
        "target": outcome.target.id,
        "kept": outcome.kept,
        "recorded": outcome.recorded.id if outcome.recorded else None,
        "without_setid": list(outcome.no_set_id) or None,
        "aside": list(outcome.aside) or None,
    }
    return Line(
        "warning", "restore.done", values | _changes(outcome.changes) | _taken(outcome.reload, outcome.health)
    )


def _failure(outcome: FailureOutcome) -> Line:
    values = {"kind": outcome.kind, "message": outcome.message, "hint": outcome.hint}
    return Line("error", f"{outcome.doing}.failed", values)


def _degraded(outcome: DegradedOutcome) -> Line:
    values = {"reason": outcome.reason, "message": outcome.message, "hint": outcome.hint}
    if outcome.cleared:
        return Line("info", "daemon.recovered", values)
    return Line("warning", "daemon.degraded", values)


def _watch(outcome: WatchOutcome) -> Line:
    level = "info" if outcome.what is Watching.STARTED else "warning"
    return Line(level, f"watch.{outcome.what.value}", {"message": outcome.message})


def _look(outcome: LookOutcome) -> Line:
    values = {
        "events": outcome.events,
        "everywhere": outcome.everywhere,
        "settled_seconds": outcome.settled_seconds,
    }
    return Line("debug", "root.looked_at", values)


def _daemon(outcome: DaemonOutcome) -> Line:
    return Line("info", f"daemon.{outcome.phase.value}", {"message": outcome.message})


def _verify(outcome: VerifyOutcome) -> Line:
    values = {"message": outcome.message, "elapsed_s": outcome.elapsed_seconds}
    return Line("info", "vault.verified", values) if outcome.ok else Line("error", "vault.damaged", values)


def _drill(outcome: DrillOutcome) -> Line:
    replicas = [{"replica": one.url, "ok": one.ok, "message": one.words} for one in outcome.replicas]
    values = {"message": outcome.message, "replicas": replicas, "elapsed_s": outcome.elapsed_seconds}
    return (
        Line("info", "replicas.drilled", values)
        if outcome.ok
        else Line("error", "replicas.drill_failed", values)
    )


def _upkeep(outcome: UpkeepOutcome) -> Line:
    values = {
        "packed": outcome.packed,
        "dropped": list(outcome.dropped[:_MOST_NAMED]),
        "pruned": list(outcome.pruned[:_MOST_NAMED]),
        "cut_commits": outcome.cut,
        "refused": outcome.refused,
    }
    return Line("info", "vault.kept_up", values)


def _command(outcome: CommandOutcome) -> Line:
    """Return the line that the command would have written, with who gave it."""
    values = {**outcome.values, "command": outcome.command, "by": outcome.actor}
    return Line(outcome.level, outcome.event, values)


ROWS: dict[type, Callable[[Any], Line]] = {
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
