"""One look at everything: live, latest, loaded, good, the daemon, what is left to do. Changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from configvault.core.errors import ConfigvaultError, IntegrityError
from configvault.core.model import Change, Snapshot
from configvault.root.names import IGNORED
from configvault.usecases import journal as journal_
from configvault.usecases import live as live_
from configvault.usecases import pending as pending_
from configvault.usecases.site import Site
from configvault.vault import lock
from configvault.vault.repository import Vault


@dataclass(frozen=True, slots=True)
class DaemonStatus:
    """Whether a daemon protects this root, and when it last proved that it sees changes."""

    running: bool = False
    pid: int | None = None
    since: str | None = None
    last_proof: datetime | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """What `status` says. `matches` is the latest snapshot's id where live equals it, else None."""

    matches: str | None
    changes: tuple[Change, ...]
    latest: Snapshot | None
    loaded: str | None
    good: str | None
    daemon: DaemonStatus
    rejected: str | None
    left_out: tuple[tuple[str, str], ...]
    pending: dict[str, Any] | None = None
    replicas: tuple[dict[str, Any], ...] = ()
    degraded: tuple[str, ...] = field(default=())


def status(site: Site) -> Status:
    """Return how things stand; a root that cannot be read is part of the answer, not an error."""
    said = site.vault.marks()
    latest = site.vault.latest()
    degraded: list[str] = []
    live = None
    try:
        live = live_.look(site, None)
    except ConfigvaultError as error:
        degraded.append(error.message)
    if journal_.exists(site.vault):
        degraded.append("a restore was cut off; the daemon or the next command that writes finishes it")
    good = next((s.id for s in site.vault.log() if s.good and not s.rolled_back), None) if said.good else None
    return Status(
        matches=latest.id if latest and live and live.is_latest else None,
        changes=live.changes if live and not live.is_latest else (),
        latest=latest,
        loaded=said.loaded,
        good=good,
        daemon=daemon(site.vault),
        rejected=_rejected_as(site, live) if live and not live.is_latest else None,
        left_out=tuple(pair for pair in live.seen.all_left_out() if pair[1] != IGNORED) if live else (),
        pending=_pending(site, degraded),
        degraded=tuple(degraded),
    )


def _pending(site: Site, degraded: list[str]) -> dict[str, Any] | None:
    try:
        return pending_.status_document(site)
    except IntegrityError as error:
        degraded.append(error.message)
        return None


def _rejected_as(site: Site, live: live_.Live) -> str | None:
    """Return the id under which live was refused, None if it was not."""
    tree = live.tree
    return next((state.id for state in site.vault.rejected() if state.tree == tree), None)


def daemon(vault: Vault) -> DaemonStatus:
    """Return what is known of the daemon of this vault."""
    holder = lock.holder(vault.state_file("daemon.lock"))
    if holder is None:
        return DaemonStatus()
    pid, since = holder.get("pid"), holder.get("since")
    return DaemonStatus(True, pid if isinstance(pid, int) else None, str(since) if since else None)
