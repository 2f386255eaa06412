"""The results of use cases. Logs, metrics, notifications, JSON and the output of commands are made from them."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from configvault.core.candidates import Source
from configvault.core.frozen import frozen
from configvault.core.model import (
    Change,
    Finding,
    HealthReport,
    RejectedState,
    ReloadReport,
    Snapshot,
    Trigger,
    healthy,
)


class Recording(enum.StrEnum):
    """How an attempt to record live ended."""

    RECORDED = "recorded"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"


@frozen
class RecordOutcome:
    """The result of an attempt to record live.

    Attributes:
        outcome: how it ended.
        trigger: what caused it.
        snapshot: the new snapshot; the latest one if nothing had changed.
        rejected: where a refused state is kept.
        changes: what differs from the latest snapshot.
        findings: the findings that are new with this change.
        repeated: the same content had been refused before.
        annotated: nothing had changed, and the given reason was added to the latest snapshot as an annotation.
        standing: how many warnings there were before this change already.
    """

    outcome: Recording
    trigger: str
    snapshot: Snapshot | None
    rejected: RejectedState | None
    changes: tuple[Change, ...]
    findings: tuple[Finding, ...]
    repeated: bool = False
    annotated: bool = False
    standing: int = 0


@frozen
class Lines:
    """How many lines of the file at `path` are added and removed; None if it is not text."""

    path: str
    added: int | None
    removed: int | None


@frozen
class PostponedOutcome:
    """Something was postponed: recording live, as `paths` are still being written, or for the reason in `message`."""

    trigger: str
    paths: tuple[str, ...]
    message: str | None = None


@frozen
class Undoing:
    """The undo of a change: its reason, how the service loaded the old state, and what was changed back."""

    why: str
    reload: ReloadReport | None = None
    health: tuple[HealthReport, ...] = ()
    changes: tuple[Change, ...] = ()


class RollbackEnd(enum.StrEnum):
    """How a rollback ended."""

    ROLLED_BACK = "rolled_back"
    UNCHANGED = "unchanged"
    PLANNED = "planned"
    UNDONE = "undone"
    RELOAD_FAILED = "reload_failed"


@frozen
class RollbackOutcome:
    """The result of a rollback.

    `reload` and `health` say how the service took the change. If it was undone, `undoing` is set, too. If it was undone for
    another reason than the service (cancelled, not confirmed in time), `reload` and `health` are those of the undo.

    Attributes:
        outcome: how it ended.
        target: the snapshot that it goes back to.
        safety: the id under which live was kept before.
        recorded: the snapshot that records the rollback.
        changes: what it changed.
        left: the ids of the snapshots that it left: newer ones with another content.
        findings: the findings that the target brings.
        reload: how the service loaded it; None if it was not told.
        health: the results of the health checks.
        pending_until: until when it waits for a confirmation.
        elapsed_seconds: how long all of it took.
        in_place: files that could not be replaced atomically.
        hard_links: files with other hard links, which keep the old content.
        kept_folders: folders that stay because of ignored files in them.
        foreign: the id of the rejected state with changes of other processes during the restore.
        other_owners: paths that were restored with another owner than recorded.
        standing: how many warnings there were before already.
        aside: what could neither stay nor be removed: its path, and where in the root it is now.
        left_out: what is in no state and stays where it is: path and reason.
        bare: paths that could not get the access control list or extended attributes of what they replaced.
        no_set_id: paths that were restored without their recorded set-id bits.
        lines: the lines that each file gains and loses; only for a plan.
        undoing: the undo, if it was undone.
    """

    outcome: RollbackEnd
    target: Snapshot
    safety: str | None = None
    recorded: Snapshot | None = None
    changes: tuple[Change, ...] = ()
    left: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    reload: ReloadReport | None = None
    health: tuple[HealthReport, ...] = ()
    pending_until: datetime | None = None
    elapsed_seconds: float | None = None
    in_place: tuple[str, ...] = ()
    hard_links: tuple[str, ...] = ()
    kept_folders: tuple[str, ...] = ()
    foreign: str | None = None
    other_owners: tuple[str, ...] = ()
    standing: int = 0
    aside: tuple[tuple[str, str], ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    bare: tuple[str, ...] = ()
    no_set_id: tuple[str, ...] = ()
    lines: tuple[Lines, ...] = ()
    undoing: Undoing | None = None


class DeployEnd(enum.StrEnum):
    """How a deployment ended."""

    DEPLOYED = "deployed"
    UNCHANGED = "unchanged"
    PLANNED = "planned"
    REJECTED = "rejected"
    UNDONE = "undone"
    RELOAD_FAILED = "reload_failed"

    @classmethod
    def of(cls, end: RollbackEnd) -> DeployEnd:
        """Return how a deployment ended, from how its change of the root ended."""
        return cls.DEPLOYED if end is RollbackEnd.ROLLED_BACK else cls(end.value)


@frozen
class DeployOutcome:
    """The result of deploying a candidate.

    Attributes:
        outcome: how it ended.
        source: where the candidate came from.
        changes: what differs from live.
        findings: the findings that are new with the candidate.
        rejected: where a refused candidate is kept.
        deployed: the snapshot that records an accepted candidate, even if it was undone.
        change: how the root was changed and how the service took it; None if the root was not changed.
        elapsed_seconds: how long all of it took.
        standing: how many warnings there were before already.
        trigger: deploy, edit or pull.
        left_out: path and reason of what the source holds but no state can hold.
    """

    outcome: DeployEnd
    source: Source
    changes: tuple[Change, ...]
    findings: tuple[Finding, ...]
    rejected: RejectedState | None = None
    deployed: Snapshot | None = None
    change: RollbackOutcome | None = None
    elapsed_seconds: float | None = None
    standing: int = 0
    trigger: str = Trigger.DEPLOY
    left_out: tuple[tuple[str, str], ...] = ()


@frozen
class ReloadOutcome:
    """The result of asking the service to load the live state; `snapshot` is its id, None if it has none."""

    snapshot: str | None
    reload: ReloadReport
    health: tuple[HealthReport, ...]


@frozen
class ProbationOutcome:
    """A change has passed the log checks after its reload: the time for them, `seconds`, is over.

    `health` has their results, and says which passed only because there were too few requests to decide.
    """

    snapshot: str
    health: tuple[HealthReport, ...]
    seconds: float


@frozen
class RolloutOutcome:
    """The result of rolling back a release of the service itself; `revision` is None for the previous release."""

    revision: int | None
    error: str | None
    output: str
    health: tuple[HealthReport, ...]
    elapsed_seconds: float

    @property
    def to(self) -> str:
        """Return the release that it goes back to, in words."""
        return "the previous release" if self.revision is None else f"release {self.revision}"

    @property
    def ok(self) -> bool:
        """Return whether it went back, and all required health checks passed."""
        return self.error is None and healthy(self.health)


@frozen
class RecoveryOutcome:
    """What was done about something that a crash had left; `words` is one line about it."""

    words: str
    rollback: RollbackOutcome | DeployOutcome | None = None


class RestoreCause(enum.StrEnum):
    """Why the daemon restored a snapshot automatically."""

    INVALID = "invalid"
    RELOAD_FAILED = "reload_failed"


@frozen
class RestoreOutcome:
    """The result of an automatic restore.

    Attributes:
        cause: why it was done.
        target: the snapshot that was restored.
        kept: the id under which live was kept before.
        recorded: the snapshot that records the restore.
        changes: what it changed.
        reload: how the service loaded it; None if it was not told.
        health: the results of the health checks.
        no_set_id: paths that were restored without their recorded set-id bits.
        aside: where in the root the things are that had to go and could not be kept in the vault.
    """

    cause: RestoreCause
    target: Snapshot
    kept: str | None
    recorded: Snapshot | None
    changes: tuple[Change, ...]
    reload: ReloadReport | None = None
    health: tuple[HealthReport, ...] = ()
    no_set_id: tuple[str, ...] = ()
    aside: tuple[str, ...] = ()


@frozen
class FailureOutcome:
    """Something that the daemon does by itself failed; it will be tried again.

    `doing` is one word (record, restore, reload, verify, pack, configure, replicate, serve), `kind` an error's kind.
    """

    doing: str
    kind: str
    message: str
    hint: str | None = None


@frozen
class DegradedOutcome:
    """The daemon is degraded from now on, or (`cleared`) no longer; `reason` is one fixed word."""

    reason: str
    message: str
    hint: str | None = None
    cleared: bool = False


class Watching(enum.StrEnum):
    """What happened to the watching of the root."""

    STARTED = "started"
    OVERFLOWED = "overflowed"
    LOST = "lost"


@frozen
class WatchOutcome:
    """The root is watched from now on, or events may have been lost and everything is compared."""

    what: Watching
    message: str


@frozen
class LookOutcome:
    """The daemon has compared the root, `everywhere` or only where something was noticed, after so many `events`.

    `settled_seconds` is how long ago the last of them had settled by then; None if there was none.
    """

    events: int
    everywhere: bool
    settled_seconds: float | None


class Phase(enum.StrEnum):
    """The phases of the daemon's life."""

    STARTED = "started"
    READY = "ready"
    CONFIGURED = "configured"
    STOPPED = "stopped"


@frozen
class DaemonOutcome:
    """The daemon has entered a phase of its life."""

    phase: Phase
    message: str


@frozen
class VerifyOutcome:
    """The result of the integrity check; `message` says what is damaged."""

    ok: bool
    message: str | None
    elapsed_seconds: float


@frozen
class Drilled:
    """The result of a trial recovery from one replica; `words` say what was proven, or why it failed."""

    url: str
    ok: bool
    words: str


@frozen
class DrillOutcome:
    """The result of a drill: a trial recovery from every replica into a scratch folder, and its comparison."""

    replicas: tuple[Drilled, ...]
    elapsed_seconds: float

    @property
    def ok(self) -> bool:
        """Return whether every replica can be recovered from."""
        return all(one.ok for one in self.replicas)

    @property
    def message(self) -> str | None:
        """Return the first failure, None if there was none."""
        return next((f"{one.url}: {one.words}" for one in self.replicas if not one.ok), None)


@frozen
class UpkeepOutcome:
    """What housekeeping did.

    Attributes:
        packed: whether it packed objects.
        dropped: the ids of the refused states that it removed.
        pruned: the ids of the snapshots that it pruned.
        cut: how many old commits it cut off.
        refused: why old commits could not be cut off; None if they could.
    """

    packed: bool
    dropped: tuple[str, ...]
    pruned: tuple[str, ...] = ()
    cut: int = 0
    refused: str | None = None


@frozen
class CommandOutcome:
    """What a command did while the daemon runs. The daemon logs and counts it, as the command would have logged it.

    Attributes:
        command: its name.
        actor: who ran it.
        kind: the type of its outcome in one word.
        ended: how it ended.
        level: the level of its log line.
        event: the event of its log line.
        values: the fields of its log line.
        reload: how the service loaded a state.
        health: the results of the health checks.
        elapsed_seconds: how long it took.
        rules: the rules that refused a state for the first time.
    """

    command: str
    actor: str
    kind: str
    ended: str
    level: str
    event: str
    values: Mapping[str, Any]
    reload: ReloadReport | None = None
    health: tuple[HealthReport, ...] = ()
    elapsed_seconds: float | None = None
    rules: tuple[str, ...] = ()


Outcome = (
    RecordOutcome
    | PostponedOutcome
    | RollbackOutcome
    | DeployOutcome
    | ReloadOutcome
    | ProbationOutcome
    | RolloutOutcome
    | RecoveryOutcome
    | RestoreOutcome
    | FailureOutcome
    | DegradedOutcome
    | WatchOutcome
    | LookOutcome
    | DaemonOutcome
    | VerifyOutcome
    | DrillOutcome
    | UpkeepOutcome
    | CommandOutcome
)
