"""Send the vault to its replicas in the background; one that does not get it makes the daemon degraded, nothing else."""

from __future__ import annotations

from configvault.core.outcome import (
    DaemonOutcome,
    DegradedOutcome,
    FailureOutcome,
    LookOutcome,
    Outcome,
    PostponedOutcome,
    WatchOutcome,
)
from configvault.core.replicas import ReplicaStatus
from configvault.daemon.replicator import Replicator
from configvault.daemon.standing import Standing
from configvault.usecases.site import Site

# After these the vault holds nothing new.
_NOTHING_NEW = (DaemonOutcome, DegradedOutcome, FailureOutcome, LookOutcome, PostponedOutcome, WatchOutcome)


class Replicas:
    """The replicas of the site as it is configured now."""

    def __init__(self, standing: Standing) -> None:
        """Have none yet."""
        self._standing = standing
        self._replicator: Replicator | None = None

    def take(self, site: Site) -> None:
        """Send the vault of `site` from now on."""
        self.close()
        for reason in self._standing.state.degraded:
            if reason.startswith("replica "):
                self._standing.clear(reason)
        if site.settings.replicas:
            self._replicator = Replicator(site, self._on_status)
            self._replicator.wake()

    def hear(self, outcome: Outcome) -> None:
        """Send what came of a use case."""
        if self._replicator is not None and not isinstance(outcome, _NOTHING_NEW):
            self._replicator.wake()

    def _on_status(self, status: ReplicaStatus) -> None:
        reason = f"replica {status.url}"
        if status.degraded is None:
            self._standing.clear(reason)
        else:
            self._standing.degrade(reason, status.degraded, status.trouble.hint if status.trouble else None)

    def close(self) -> None:
        """Stop; what was not sent is due again at the next start."""
        if self._replicator is not None:
            # Only a little of what a stop may take.
            self._replicator.close(patience_s=1.0)
            self._replicator = None
