"""Everything that protects one root, put together by `app.py` and handed to every use case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from configvault.core.model import HealthReport, ReloadReport, Snapshot, State, Verdict
from configvault.core.outcome import Outcome
from configvault.core.settings import Settings
from configvault.root.capture import Root
from configvault.vault.repository import Note, Vault


class Judge(Protocol):
    """Says what is wrong with a state."""

    def judge(self, state: State) -> Verdict:
        """Return the verdict; never raises on content."""
        ...


@dataclass
class Site:
    """One root, its vault, and the means to judge, reload and tell. `observers` hear every outcome."""

    settings: Settings
    vault: Vault
    root: Root
    judge: Judge
    reload: Callable[[Snapshot | None, str], ReloadReport]
    check_health: Callable[[], tuple[HealthReport, ...]]
    now: Callable[[], datetime]
    actor: str
    host: str
    environ: Mapping[str, str]
    command: str = "configvault"
    wait_s: float = 30.0
    observers: list[Callable[[Outcome], None]] = field(default_factory=list)

    def note(self, trigger: str, subject: str, reason: str | None = None, target: str | None = None) -> Note:
        """Return what to write beside a commit made now."""
        return Note(self.now(), trigger, self.actor, self.host, subject, reason, target)

    def tell(self, outcome: Outcome) -> None:
        """Let every observer hear of `outcome`."""
        for observer in self.observers:
            observer(outcome)
