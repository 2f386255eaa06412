r"""The JSON of the contract, made from what the program knows. Keys are only ever added.

Paths keep bytes that are not UTF-8 as lone surrogates, which `json.dumps` writes as `\udcXX`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from configvault.core.errors import ConfigError, ConfigvaultError, RejectedError
from configvault.core.frozen import as_dict
from configvault.core.model import Change, Finding, RejectedState, Snapshot, Verdict

if TYPE_CHECKING:
    from configvault.core.outcome import (
        DeployOutcome,
        RecordOutcome,
        ReloadOutcome,
        RollbackOutcome,
        RolloutOutcome,
    )
    from configvault.core.replicas import ReplicaStatus

Document = dict[str, Any]


def snapshot(value: Snapshot, changes: Iterable[Change] | None = None) -> Document:
    """Return a SNAPSHOT; `changes` is left out where it is None, as `list` does."""
    document: Document = {
        "id": value.id,
        "commit": value.commit,
        "tree": value.tree,
        "taken_at": value.taken_at.isoformat(),
        "trigger": value.trigger,
        "actor": value.actor,
        "subject": value.subject,
        "reason": value.reason,
        "changes": None,
        "good": value.good,
        "rolled_back": value.rolled_back,
        "pins": list(value.pins),
        "host": value.host,
        "target": value.target,
        "annotations": list(value.annotations),
        "plugins": list(value.plugins),
        "source": value.source,
    }
    if changes is None:
        del document["changes"]
    else:
        document["changes"] = [change(one) for one in changes]
    return document


def change(value: Change) -> Document:
    """Return a CHANGE."""
    return {"path": value.path, "kind": value.kind.value}


def finding(value: Finding) -> Document:
    """Return a FINDING, with the offending line and what to do beside it."""
    return as_dict(value) | {"severity": value.severity.value}


def rejected(value: RejectedState) -> Document:
    """Return a refused state with the reasons, and with every key of a SNAPSHOT: `list --all` prints both."""
    return {
        "id": value.id,
        "commit": value.commit,
        "tree": value.tree,
        "taken_at": value.taken_at.isoformat(),
        "trigger": value.trigger,
        "actor": value.actor,
        "subject": value.subject,
        "reason": None,
        "good": False,
        "rolled_back": False,
        "pins": [],
        "host": None,
        "target": None,
        "annotations": [],
        "findings": [finding(one) for one in value.findings],
        "plugins": list(value.plugins),
        "source": None,
    }


def check(verdict: Verdict, files: int) -> Document:
    """Return what `check` prints of a state with so many files."""
    return {
        "accepted": verdict.accepted,
        "findings": [finding(one) for one in verdict.findings],
        "files": files,
    }


def recorded(outcome: RecordOutcome) -> Document:
    """Return what `snapshot` and `init` print."""
    return {
        "outcome": outcome.outcome.value,
        "snapshot": snapshot(outcome.snapshot, outcome.changes) if outcome.snapshot else None,
        "rejected": outcome.rejected.id if outcome.rejected else None,
        "findings": [finding(one) for one in outcome.findings],
        "standing": outcome.standing,
    }


def rolled_back(outcome: RollbackOutcome) -> Document:
    """Return what `rollback`, `confirm` and `cancel` print; a plan's changes have `lines_added` and `lines_removed`."""
    undoing = outcome.undoing
    # What an undoing recorded differs by its own changes, the other way round.
    own = undoing.changes if undoing is not None else outcome.changes
    counts = {one.path: {"lines_added": one.added, "lines_removed": one.removed} for one in outcome.lines}
    return {
        "outcome": outcome.outcome.value,
        "target": snapshot(outcome.target),
        "safety": outcome.safety,
        "recorded": snapshot(outcome.recorded, own) if outcome.recorded else None,
        "changes": [change(one) | counts.get(one.path, {}) for one in outcome.changes],
        "reload": as_dict(outcome.reload) if outcome.reload else None,
        "health": [as_dict(one) for one in outcome.health],
        "pending_until": outcome.pending_until.isoformat() if outcome.pending_until else None,
        "elapsed_seconds": outcome.elapsed_seconds,
        "left": list(outcome.left),
        "findings": [finding(one) for one in outcome.findings],
        "standing": outcome.standing,
        "in_place": list(outcome.in_place),
        "hard_links": list(outcome.hard_links),
        "kept_folders": list(outcome.kept_folders),
        "foreign": outcome.foreign,
        "other_owners": list(outcome.other_owners),
        "aside": dict(outcome.aside),
        "left_out": [{"path": path, "reason": reason} for path, reason in outcome.left_out],
        "without_attributes": list(outcome.bare),
        "without_setid": list(outcome.no_set_id),
        "undoing": as_dict(undoing) | {"changes": [change(one) for one in own]} if undoing else None,
    }


def deployed(outcome: DeployOutcome) -> Document:
    """Return what `deploy`, `edit` and `pull` print: as a rollback, with where it came from."""
    change_ = rolled_back(outcome.change) if outcome.change is not None else {}
    return (
        NOTHING_DEPLOYED
        | change_
        | {
            "outcome": outcome.outcome.value,
            "target": _deployed(outcome) if outcome.deployed else None,
            "source": as_dict(outcome.source),
            "changes": [change(one) for one in outcome.changes],
            "rejected": outcome.rejected.id if outcome.rejected else None,
            "findings": [finding(one) for one in outcome.findings],
            "standing": outcome.standing,
            "elapsed_seconds": outcome.elapsed_seconds,
            "not_deployed": [{"path": path, "reason": reason} for path, reason in outcome.left_out],
        }
    )


def _deployed(outcome: DeployOutcome) -> Document:
    assert outcome.deployed is not None
    # It was read before it was undone.
    said = snapshot(outcome.deployed)
    return said | {"rolled_back": said["rolled_back"] or outcome.outcome.value == "undone"}


# What `rolled_back` says of a root that was not changed.
NOTHING_DONE: Document = {
    "outcome": None,
    "target": None,
    "safety": None,
    "recorded": None,
    "changes": [],
    "reload": None,
    "health": [],
    "pending_until": None,
    "elapsed_seconds": None,
    "left": [],
    "findings": [],
    "standing": 0,
    "in_place": [],
    "hard_links": [],
    "kept_folders": [],
    "foreign": None,
    "other_owners": [],
    "aside": {},
    "left_out": [],
    "without_attributes": [],
    "without_setid": [],
    "undoing": None,
}

# What `deployed` says where nothing was offered: an edit that changed nothing, a pull that found nothing new.
NOTHING_DEPLOYED: Document = NOTHING_DONE | {"source": None, "rejected": None, "not_deployed": []}


def reloaded(outcome: ReloadOutcome) -> Document:
    """Return what `reload` prints."""
    return as_dict(outcome.reload) | {
        "health": [as_dict(one) for one in outcome.health],
        "snapshot": outcome.snapshot,
    }


def rollout(outcome: RolloutOutcome) -> Document:
    """Return what `rollout previous` and `rollout revision` print."""
    return {
        "outcome": "rolled_out" if outcome.ok else "rollout_failed",
        "revision": outcome.revision,
        "error": outcome.error,
        "output": outcome.output,
        "health": [as_dict(one) for one in outcome.health],
        "elapsed_seconds": outcome.elapsed_seconds,
    }


def replica(value: ReplicaStatus) -> Document:
    """Return how a replica stands; `reason` is one fixed word, `error` says it in words."""
    return {
        "url": value.url,
        "commit": value.reached,
        "pushed_at": value.pushed_at.isoformat() if value.pushed_at else None,
        "behind": value.behind,
        "lag_seconds": value.lag_s,
        "current": value.current,
        "reason": value.trouble.why.value if value.trouble else None,
        "error": value.trouble.words if value.trouble else None,
        "hint": value.trouble.hint if value.trouble else None,
        "failing_since": value.failing_since.isoformat() if value.failing_since else None,
        "failures": value.failures,
    }


def error(value: ConfigvaultError) -> Document:
    """Return the error document, with the faults or findings behind it where there are some."""
    document: Document = {
        "code": value.code,
        "kind": value.kind,
        "message": value.message,
        "hint": value.hint,
    }
    if isinstance(value, ConfigError):
        document["faults"] = list(value.faults)
    if isinstance(value, RejectedError):
        document["findings"] = [finding(one) for one in value.findings]
    return {"error": document}
