"""What an outcome is called, and how bad it is: one row for each way that something can end.

The notification, the event in the log and the level come from the same row, so a chat, a log and an alert never
disagree. Metrics count by the value of the ending itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from configvault.core.frozen import frozen
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
    Watching,
    WatchOutcome,
)

DEBUG, INFO, WARNING, ERROR = "debug", "info", "warning", "error"


@frozen
class Called:
    """`name` is the notification, `level` counts for notification and log, `log` is the event in the log.

    `words` begin the title of the notification.
    """

    name: str
    level: str
    log: str
    words: str = ""


# Every way in which what is asked for most can end. Where the service may load an invalid state, that is an error;
# what took back somebody's change deserves a warning even where it worked. A mapping for each enumeration, since
# `Recording.REJECTED == DeployEnd.REJECTED`: both are the text "rejected".
ENDS: Mapping[type, Mapping[str, Called]] = {
    Recording: {
        Recording.RECORDED: Called("recorded", INFO, "snapshot.recorded", "recorded"),
        Recording.UNCHANGED: Called("unchanged", DEBUG, "root.compared", "unchanged"),
        Recording.REJECTED: Called("rejected", ERROR, "change.rejected", "rejected"),
    },
    RollbackEnd: {
        RollbackEnd.ROLLED_BACK: Called("rolled_back", WARNING, "rollback.done", "rolled back to"),
        RollbackEnd.UNCHANGED: Called("unchanged", INFO, "rollback.unchanged", "live already equals"),
        RollbackEnd.PLANNED: Called("planned", DEBUG, "rollback.planned", "would roll back to"),
        RollbackEnd.UNDONE: Called("undone", ERROR, "rollback.undone", "undid the rollback to"),
        RollbackEnd.RELOAD_FAILED: Called(
            "reload_failed", ERROR, "reload.failed", "restored, but the service reload FAILED:"
        ),
    },
    DeployEnd: {
        DeployEnd.DEPLOYED: Called("deployed", INFO, "deploy.done", "deployed"),
        DeployEnd.UNCHANGED: Called("unchanged", INFO, "deploy.unchanged", "live already equals"),
        DeployEnd.PLANNED: Called("planned", DEBUG, "deploy.planned", "would deploy"),
        DeployEnd.REJECTED: Called("rejected", ERROR, "deploy.rejected", "rejected the deployment of"),
        DeployEnd.UNDONE: Called("undone", ERROR, "deploy.undone", "undid the deployment of"),
        DeployEnd.RELOAD_FAILED: Called(
            "reload_failed", ERROR, "reload.failed", "deployed, but the service reload FAILED:"
        ),
    },
}


def called(outcome: Outcome) -> Called:
    """Return what an outcome is called."""
    row = CALLED[type(outcome)]
    return row if isinstance(row, Called) else row(outcome)


def not_loaded(reload: ReloadReport | None, health: tuple[HealthReport, ...]) -> str | None:
    """Return why the service did not load a state, None where it did."""
    if reload is not None and not reload.ok:
        return f"reload failed: {reload.error}"
    if not healthy(health):
        return "; ".join(f"health check {h.name!r}: {h.error}" for h in health if h.required and not h.ok)
    return None


def _recorded(outcome: RecordOutcome) -> Called:
    row = ENDS[Recording][outcome.outcome]
    # What the schedule asked for is logged as done; what events asked for is not worth a line.
    scheduled = outcome.outcome is Recording.UNCHANGED and outcome.trigger == "schedule"
    return Called(row.name, INFO, row.log, row.words) if scheduled else row


def _rolled_back(outcome: RollbackOutcome) -> Called:
    row = ENDS[RollbackEnd][outcome.outcome]
    if outcome.outcome is not RollbackEnd.ROLLED_BACK or outcome.pending_until is None:
        return row
    until = outcome.pending_until.isoformat(timespec="seconds")
    return Called("pending", WARNING, row.log, f"rolled back, confirm before {until}:")


def _deployed(outcome: DeployOutcome) -> Called:
    row, change = ENDS[DeployEnd][outcome.outcome], outcome.change
    if outcome.outcome is not DeployEnd.DEPLOYED or change is None or change.pending_until is None:
        return row
    until = change.pending_until.isoformat(timespec="seconds")
    return Called("pending", WARNING, row.log, f"deployed, confirm before {until}:")


def _reloaded(outcome: ReloadOutcome) -> Called:
    if not_loaded(outcome.reload, outcome.health) is None:
        return Called("reloaded", INFO, "reload.done")
    return Called("reload_failed", ERROR, "reload.failed")


def _watched(outcome: ProbationOutcome) -> Called:
    undecided = any(one.ok and one.note for one in outcome.health)
    return Called("watched", WARNING if undecided else INFO, "change.watched")


def _rolled_out(outcome: RolloutOutcome) -> Called:
    if outcome.ok:
        return Called("rolled_out", WARNING, "rollout.done")
    return Called("rollout_failed", ERROR, "rollout.failed")


def _recovered(outcome: RecoveryOutcome) -> Called:
    inner = called(outcome.rollback) if outcome.rollback is not None else None
    if inner is not None and inner.level == ERROR:
        return Called(inner.name, ERROR, "recovery.done")
    return Called("recovered", WARNING, "recovery.done")


def _restored(outcome: RestoreOutcome) -> Called:
    failed = not_loaded(outcome.reload, outcome.health) is not None
    return Called("restored", ERROR if failed else WARNING, "restore.done")


def _degraded(outcome: DegradedOutcome) -> Called:
    if outcome.cleared:
        return Called("well", INFO, "daemon.recovered")
    return Called("degraded", WARNING, "daemon.degraded")


def _watching(outcome: WatchOutcome) -> Called:
    level = INFO if outcome.what is Watching.STARTED else WARNING
    return Called("watching", level, f"watch.{outcome.what.value}")


def _verified(outcome: VerifyOutcome) -> Called:
    return (
        Called("verified", INFO, "vault.verified") if outcome.ok else Called("failed", ERROR, "vault.damaged")
    )


def _drilled(outcome: DrillOutcome) -> Called:
    if outcome.ok:
        return Called("drilled", INFO, "replicas.drilled")
    return Called("failed", ERROR, "replicas.drill_failed")


# One row for each type of outcome.
CALLED: Mapping[type, Called | Callable[[Any], Called]] = {
    RecordOutcome: _recorded,
    PostponedOutcome: Called("postponed", DEBUG, "record.postponed"),
    RollbackOutcome: _rolled_back,
    DeployOutcome: _deployed,
    ReloadOutcome: _reloaded,
    ProbationOutcome: _watched,
    RolloutOutcome: _rolled_out,
    RecoveryOutcome: _recovered,
    RestoreOutcome: _restored,
    FailureOutcome: lambda outcome: Called("failed", ERROR, f"{outcome.doing}.failed"),
    DegradedOutcome: _degraded,
    WatchOutcome: _watching,
    LookOutcome: Called("looked", DEBUG, "root.looked_at"),
    DaemonOutcome: lambda outcome: Called("daemon", INFO, f"daemon.{outcome.phase.value}"),
    VerifyOutcome: _verified,
    DrillOutcome: _drilled,
    UpkeepOutcome: Called("upkeep", INFO, "vault.kept_up"),
    # The command itself has sent the notifications; its level and event are those that it had there.
    CommandOutcome: lambda outcome: Called("command", outcome.level, outcome.event),
}
