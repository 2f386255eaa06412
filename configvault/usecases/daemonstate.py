"""What the daemon says of itself, believed only while it lives."""

from __future__ import annotations

from configvault.disk import lock
from configvault.vault.repository import Vault
from configvault.vault.statefiles import DAEMON, DAEMON_LOCK, SCHEDULE, DaemonState, Schedule, path


def holder(vault: Vault) -> dict[str, object] | None:
    """Return which process is the daemon of `vault` (pid, command, since), None where none runs."""
    return lock.holder(path(vault.state, DAEMON_LOCK))


def running(vault: Vault) -> DaemonState | None:
    """Return what the daemon of `vault` says of itself, None where none runs or it has said nothing yet."""
    found = holder(vault)
    said = DAEMON.read(vault.state) if found is not None else None
    # One that was killed may have left its words to its successor.
    return said if said is not None and found is not None and said.pid == found.get("pid") else None


def schedule(vault: Vault) -> Schedule:
    """Return what was done last; nothing where it is not known: then all counts as never done."""
    return SCHEDULE.read(vault.state) or Schedule()
