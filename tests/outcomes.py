"""One of each kind of outcome, for those who listen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from configvault.core.candidates import Source
from configvault.core.model import Finding, HealthReport, RejectedState, ReloadReport, Severity, Snapshot
from configvault.core.outcome import (
    DaemonOutcome,
    DegradedOutcome,
    DeployEnd,
    DeployOutcome,
    Drilled,
    DrillOutcome,
    FailureOutcome,
    LookOutcome,
    Outcome,
    Phase,
    PostponedOutcome,
    Recording,
    RecordOutcome,
    RecoveryOutcome,
    ReloadOutcome,
    RestoreCause,
    RestoreOutcome,
    RollbackEnd,
    RollbackOutcome,
    RolloutOutcome,
    UpkeepOutcome,
    VerifyOutcome,
    Watching,
    WatchOutcome,
)

NOON = datetime(2023, 12, 1, 12, 0, tzinfo=UTC)
SNAPSHOT = Snapshot(
    "backup_20231201_120000", "c" * 40, "t" * 40, None, NOON, "change", "ann (uid 7, login)", "h", "Update a"
)
FINDING = Finding("yaml-syntax", Severity.ERROR, "a.yaml", 3, 1, "no <closing> & bracket", "x: [", None)
REJECTED_STATE = RejectedState(
    "rejected_20231201_120001", "d" * 40, "e" * 40, NOON, "change", "ann", "Refuse: a.yaml", (FINDING,)
)
REJECTED = RecordOutcome(Recording.REJECTED, "change", SNAPSHOT, REJECTED_STATE, (), (FINDING,))
RECORDED = RecordOutcome(Recording.RECORDED, "change", SNAPSHOT, None, (), ())
UNCHANGED = RecordOutcome(Recording.UNCHANGED, "change", SNAPSHOT, None, (), ())
TOOK = ReloadReport("http", True, 1, 200, None, 0.1)
FAILED_RELOAD = ReloadReport("http", False, 3, 500, "it answered 500", 2.0)
ILL = (HealthReport("agent", False, True, "no answer"),)
ROLLED = RollbackOutcome(RollbackEnd.ROLLED_BACK, SNAPSHOT, recorded=SNAPSHOT, reload=TOOK, elapsed_seconds=0.4)
DEPLOYED = DeployOutcome(
    DeployEnd.DEPLOYED, Source("directory", "/home/ann/plugin"), (), (), deployed=SNAPSHOT, change=ROLLED
)

# Each way a use case can end, and what it is called.
NAMED: list[tuple[Outcome, str]] = [
    (RECORDED, "recorded"),
    (UNCHANGED, "unchanged"),
    (REJECTED, "rejected"),
    (PostponedOutcome("change", ("a",)), "postponed"),
    (ROLLED, "rolled_back"),
    (replace(ROLLED, pending_until=NOON), "pending"),
    (RollbackOutcome(RollbackEnd.PLANNED, SNAPSHOT), "planned"),
    (RollbackOutcome(RollbackEnd.UNCHANGED, SNAPSHOT), "unchanged"),
    (replace(ROLLED, outcome=RollbackEnd.UNDONE), "undone"),
    (replace(ROLLED, outcome=RollbackEnd.RELOAD_FAILED, reload=FAILED_RELOAD), "reload_failed"),
    (DEPLOYED, "deployed"),
    (
        replace(DEPLOYED, outcome=DeployEnd.REJECTED, rejected=REJECTED_STATE, deployed=None, change=None),
        "rejected",
    ),
    (replace(DEPLOYED, outcome=DeployEnd.UNDONE, change=replace(ROLLED, outcome=RollbackEnd.UNDONE)), "undone"),
    (ReloadOutcome("x", TOOK, ()), "reloaded"),
    (ReloadOutcome("x", FAILED_RELOAD, ()), "reload_failed"),
    (ReloadOutcome("x", TOOK, ILL), "reload_failed"),
    (RolloutOutcome(3, None, "rolled back", (), 2.0), "rolled_out"),
    (RolloutOutcome(None, "kubectl exited with code 1", "", (), 2.0), "rollout_failed"),
    (RolloutOutcome(None, None, "", ILL, 2.0), "rollout_failed"),
    (RecoveryOutcome("finished the restore"), "recovered"),
    (RecoveryOutcome("finished the restore", ROLLED), "recovered"),
    (RecoveryOutcome("undid it", replace(ROLLED, outcome=RollbackEnd.UNDONE)), "undone"),
    (RestoreOutcome(RestoreCause.INVALID, SNAPSHOT, REJECTED_STATE.id, SNAPSHOT, (), TOOK), "restored"),
    (FailureOutcome("record", "busy", "no space left"), "failed"),
    (DegradedOutcome("deaf", "no watch is left"), "degraded"),
    (DegradedOutcome("deaf", "", cleared=True), "well"),
    (WatchOutcome(Watching.OVERFLOWED, "events were lost"), "watching"),
    (LookOutcome(3, False, 0.02), "looked"),
    (DaemonOutcome(Phase.READY, "watching"), "daemon"),
    (VerifyOutcome(True, None, 0.2), "verified"),
    (DrillOutcome((Drilled("backup", ok=True, words="equal"),), 0.2), "drilled"),
    (DrillOutcome((Drilled("backup", ok=False, words="damaged"),), 0.2), "failed"),
    (VerifyOutcome(False, "a blob is missing", 0.2), "failed"),
    (UpkeepOutcome(True, ("rejected_20231201_120001",)), "upkeep"),
]
