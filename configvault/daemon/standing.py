"""How the daemon stands: what it does not do as it should, since when it proved that it sees; told once each time."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from datetime import datetime

from configvault.core.frozen import replace
from configvault.core.outcome import DegradedOutcome, Outcome
from configvault.vault.repository import Vault
from configvault.vault.statefiles import DAEMON, DaemonState

# A fresh proof alone is not worth writing a file more often.
_PROOF_WRITTEN_EVERY_S = 60.0


class Standing:
    """The daemon's state, kept in `daemon.json`, and its degradations, told when they begin and end."""

    def __init__(
        self, vault: Vault, pid: int, now: Callable[[], datetime], notify: Callable[[Outcome], None]
    ) -> None:
        """Begin with nothing wrong."""
        self._vault = vault
        self._now = now
        self._notify = notify
        self._lock = threading.RLock()
        self._written: DaemonState | None = None
        self.state = DaemonState(pid, now())

    def degrade(self, reason: str, message: str, hint: str | None = None) -> None:
        """Say that something is not as it should be; `reason` is its fixed name."""
        with self._lock:
            if self.state.degraded.get(reason) == message:
                return
            self._set(degraded={**self.state.degraded, reason: message})
        self._notify(DegradedOutcome(reason, message, hint))

    def clear(self, reason: str) -> None:
        """Say that it is as it should be again, if it was not."""
        with self._lock:
            message = self.state.degraded.get(reason)
            if message is None:
                return
            self._set(degraded={k: v for k, v in self.state.degraded.items() if k != reason})
        self._notify(DegradedOutcome(reason, message, cleared=True))

    def watching(self, how: str) -> None:
        """Say how changes are seen: `events`, `polling` or `no`."""
        self._set(watching=how)

    def proved(self) -> None:
        """Say that it was proved just now that changes are seen."""
        self._set(last_proof=self._now())

    def looked(self) -> None:
        """Say that the whole root was compared just now."""
        self._set(last_look=self._now())

    def scheduled(self, times: dict[str, datetime]) -> None:
        """Say when each line of the schedule is next due."""
        self._set(next=times)

    def configured(self, refused: str | None) -> None:
        """Say that the configuration was read again just now, or why it was refused."""
        self._set(configured=self._now(), refused=refused)

    def _set(self, **changes: object) -> None:
        with self._lock:
            self.state = replace(self.state, **changes)
            if self._written is None or self._is_news(self._written):
                # A vault that cannot be written is told of by what failed in it.
                with contextlib.suppress(OSError):
                    DAEMON.write(self._vault.state, self.state)
                    self._written = self.state

    def _is_news(self, written: DaemonState) -> bool:
        if replace(written, last_proof=None) != replace(self.state, last_proof=None):
            return True
        proof, saved = self.state.last_proof, written.last_proof
        return proof is not None and (
            saved is None or abs((proof - saved).total_seconds()) >= _PROOF_WRITTEN_EVERY_S
        )
