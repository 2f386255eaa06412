"""Hand what a command did to the daemon: as a document that lasts a while, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from configvault.core.frozen import as_dict
from configvault.core.model import HealthReport, ReloadReport, Severity
from configvault.core.outcome import (
    CommandOutcome,
    DeployEnd,
    DeployOutcome,
    Outcome,
    Recording,
    RecordOutcome,
    ReloadOutcome,
    RollbackEnd,
    RollbackOutcome,
    RolloutOutcome,
)
from configvault.observers.lines import line


class Recorder:
    """An observer for commands: writes each outcome that the daemon should hear of."""

    def __init__(self, command: str, actor: str, write: Callable[[Mapping[str, Any]], None]) -> None:
        """Name `command` and `actor` with each; `write` keeps it."""
        self._command = command
        self._actor = actor
        self._write = write

    def __call__(self, outcome: Outcome) -> None:
        """Write it down."""
        found = command_outcome(outcome, self._command, self._actor)
        if found is not None:
            self._write(as_dict(found))


def command_outcome(outcome: Outcome, command: str, actor: str) -> CommandOutcome | None:
    """Return what the daemon is to hear of an outcome, None where that is nothing."""
    how = _how(outcome)
    if how is None:
        return None
    kind, ended = how
    said = line(outcome)
    loaded = outcome.change if isinstance(outcome, DeployOutcome) else outcome
    values = {name: value for name, value in said.values.items() if value not in (None, [], ())}
    return CommandOutcome(
        command,
        actor,
        kind,
        ended,
        said.level,
        said.event,
        values,
        getattr(loaded, "reload", None),
        getattr(loaded, "health", ()),
        getattr(outcome, "elapsed_seconds", None),
        _rules(outcome),
    )


def _how(outcome: Outcome) -> tuple[str, str] | None:
    if isinstance(outcome, RollbackOutcome) and outcome.outcome is not RollbackEnd.PLANNED:
        return "rollback", outcome.outcome.value
    if isinstance(outcome, DeployOutcome) and outcome.outcome is not DeployEnd.PLANNED:
        return "deploy", outcome.outcome.value
    if isinstance(outcome, ReloadOutcome):
        return "reload", "success" if outcome.reload.ok else "failure"
    if isinstance(outcome, RolloutOutcome):
        return "rollout", "success" if outcome.ok else "failure"
    if isinstance(outcome, RecordOutcome) and outcome.outcome is not Recording.UNCHANGED:
        return "record", outcome.outcome.value
    return None


def _rules(outcome: Outcome) -> tuple[str, ...]:
    if not isinstance(outcome, RecordOutcome) or outcome.rejected is None or outcome.repeated:
        return ()
    return tuple(sorted({one.rule for one in outcome.rejected.findings if one.severity is Severity.ERROR}))


def heard(document: Mapping[str, Any]) -> CommandOutcome | None:
    """Return what was written down; None where another version wrote it otherwise."""
    try:
        reload, health = document["reload"], document["health"]
        return CommandOutcome(
            **{
                **{name: document[name] for name in _PLAIN},
                "reload": ReloadReport(**reload) if reload is not None else None,
                "health": tuple(HealthReport(**one) for one in health),
                "rules": tuple(document["rules"]),
            }
        )
    except (KeyError, TypeError):
        return None


_PLAIN = ("command", "actor", "kind", "ended", "level", "event", "values", "elapsed_seconds")
