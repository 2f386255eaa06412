"""What came of a use case. Log, metrics, notifications, JSON and the command line's words are made from these."""

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
    """What came of looking at live: `snapshot` is the new one, or the latest where nothing had changed.

    `findings` are those that the change brings, `standing` counts the warnings that stood before it.
    `repeated` says that this very content had been refused before, `annotated` that the reason given for recording
    what was recorded already was added to what is said of it.
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
    """How many lines of the file at `path` come and go; None for what is no text."""

    path: str
    added: int | None
    removed: int | None


@frozen
class PostponedOutcome:
    """Something waits: live is not recorded because `paths` are still being written, or `message` says why."""

    trigger: str
    paths: tuple[str, ...]
    message: str | None = None


@frozen
class Undoing:
    """What came of going back to what was live before a change: `why`, how the service took that, and what it changed."""

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
    """What came of a rollback.

    `safety` is the id under which live was kept, `recorded` the snapshot of the rollback itself, `left` the
    snapshots it goes behind. `elapsed_seconds` is how long all of it took. `in_place` names files that could not be replaced atomically, `hard_links` those whose
    other names keep the old content, `kept_folders` those that stay for the ignored files in them, `foreign` the id
    of the state in which somebody's changes during the restore are kept, `other_owners` what could not be given to
    its owner and was restored all the same, `aside` what could neither stay nor be removed, with where in the root it is
    now, `left_out` what is in no state, with the reason, and was left where it is, `bare` what could not be given the
    access list or extended attributes of the file it replaced, `no_set_id` what was restored without the set-id bits that
    are recorded. `lines` are counted only for a plan.

    `reload` and `health` say how the service took the change. One that was undone has `undoing`, too; where nothing that
    the service did decided on that (cancelled, not confirmed in time), `reload` and `health` are those of the undoing.
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
        """Return how a deployment ended whose change of the root ended so."""
        return cls.DEPLOYED if end is RollbackEnd.ROLLED_BACK else cls(end.value)


@frozen
class DeployOutcome:
    """What came of deploying what `source` offered.

    `rejected` is where a refused candidate is kept, `deployed` the snapshot that records an accepted one, also where it
    was undone. `findings` are those that it brings, `standing` counts the warnings that stood before it. `change` says how the root was changed and how the service took it; None where it was not. `trigger`: deploy, edit or pull.
    `left_out` has path and reason of what the source holds and no state can.
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
    """What came of asking the service to load what is live."""

    snapshot: str | None
    reload: ReloadReport
    health: tuple[HealthReport, ...]


@frozen
class ProbationOutcome:
    """A change that was watched after its reload stands: the time of the log checks, `seconds`, is over.

    `health` says which of them passed without having seen enough requests to decide.
    """

    snapshot: str
    health: tuple[HealthReport, ...]
    seconds: float


@frozen
class RolloutOutcome:
    """What came of going back to a release of the service itself; `revision` is None for the one before."""

    revision: int | None
    error: str | None
    output: str
    health: tuple[HealthReport, ...]
    elapsed_seconds: float

    @property
    def to(self) -> str:
        """Return what it was to go back to, in words."""
        return "the previous release" if self.revision is None else f"release {self.revision}"

    @property
    def ok(self) -> bool:
        """Return whether it went back, and is well."""
        return self.error is None and healthy(self.health)


@frozen
class RecoveryOutcome:
    """What was done about something that a crash had left; `words` say it in one line."""

    words: str
    rollback: RollbackOutcome | DeployOutcome | None = None


class RestoreCause(enum.StrEnum):
    """Why the daemon put a snapshot back by itself."""

    INVALID = "invalid"
    RELOAD_FAILED = "reload_failed"


@frozen
class RestoreOutcome:
    """What came of an automatic restore of `target`; `kept` is the id under which live was kept.

    `recorded` is the snapshot of the restore itself. `reload` is None where the service was not told. `no_set_id` is
    what was restored without the set-id bits that are recorded, `aside` where in the root that is which had to go and
    could not be kept in the vault.
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
    """Something that the daemon does by itself did not work; it will be tried again.

    `doing` is one word (record, restore, reload, verify, pack, configure, replicate, serve), `kind` an error's kind.
    """

    doing: str
    kind: str
    message: str
    hint: str | None = None


@frozen
class DegradedOutcome:
    """The daemon does less than it should from now on, or (`cleared`) no longer; `reason` is one fixed word."""

    reason: str
    message: str
    hint: str | None = None
    cleared: bool = False


class Watching(enum.StrEnum):
    """What became of the watch over the root."""

    STARTED = "started"
    OVERFLOWED = "overflowed"
    LOST = "lost"


@frozen
class WatchOutcome:
    """The root is watched from now on, or events may have been lost and everything is looked at."""

    what: Watching
    message: str


@frozen
class LookOutcome:
    """The daemon has looked at the root, `everywhere` or where something was noticed, after so many `events`.

    `settled_seconds` is the time from when the last of them counted as settled; None where there was none.
    """

    events: int
    everywhere: bool
    settled_seconds: float | None


class Phase(enum.StrEnum):
    """Where the daemon is in its life."""

    STARTED = "started"
    READY = "ready"
    CONFIGURED = "configured"
    STOPPED = "stopped"


@frozen
class DaemonOutcome:
    """The daemon has come to the next phase of its life."""

    phase: Phase
    message: str


@frozen
class VerifyOutcome:
    """What the integrity check found; `message` says what is damaged."""

    ok: bool
    message: str | None
    elapsed_seconds: float


@frozen
class Drilled:
    """What came of recovering from one replica; `words` say what is proven, or why it failed."""

    url: str
    ok: bool
    words: str


@frozen
class DrillOutcome:
    """What a drill found: every replica was recovered from into a scratch folder, and compared."""

    replicas: tuple[Drilled, ...]
    elapsed_seconds: float

    @property
    def ok(self) -> bool:
        """Return whether every replica can be recovered from."""
        return all(one.ok for one in self.replicas)

    @property
    def message(self) -> str | None:
        """Return what failed first, None where nothing did."""
        return next((f"{one.url}: {one.words}" for one in self.replicas if not one.ok), None)


@frozen
class UpkeepOutcome:
    """What housekeeping did: whether it packed, the ids of the refused states it dropped and the snapshots it pruned.

    `cut` old commits were cut off, unless `refused` says why they could not be.
    """

    packed: bool
    dropped: tuple[str, ...]
    pruned: tuple[str, ...] = ()
    cut: int = 0
    refused: str | None = None


@frozen
class CommandOutcome:
    """What a command did beside the daemon, which logs and counts it: the line that the command would have logged.

    `kind` is the type of outcome in one word, `ended` how it ended. `rules` refused a state for the first time.
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
