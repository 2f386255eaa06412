"""One look at everything: live, latest, loaded, good, the daemon, what is left to do. Changes nothing.

Whether live is valid is told by what is on record: equal to a snapshot it was validated and taken, equal to a refused state
it was validated and not. `configvault check` validates it anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from configvault.core.errors import ConfigvaultError, IntegrityError
from configvault.core.frozen import field, frozen
from configvault.core.leftout import IGNORED
from configvault.core.model import Change, RejectedState, Snapshot
from configvault.core.rendering import documents
from configvault.core.replicas import ReplicaStatus
from configvault.usecases import confirm, daemonstate, replicate, scan
from configvault.usecases.loading import loadings
from configvault.usecases.site import Site
from configvault.vault import signatures
from configvault.vault.marks import REF
from configvault.vault.repository import Vault
from configvault.vault.statefiles import JOURNAL, SOURCE, SOURCE_ASKED, SourceAsked, SourceState

# So many of the names that patterns leave out are named in JSON; the count is of all.
MOST_IGNORED = 100


@frozen
class DaemonStatus:
    """Whether a daemon protects this root, how it sees changes, and when it last proved that it does.

    `last` and `next` are when each line of the schedule was last done and is next due, `degraded` its own troubles.
    """

    running: bool = False
    pid: int | None = None
    since: str | None = None
    last_proof: datetime | None = None
    watching: str | None = None
    last: Mapping[str, datetime] = field(default_factory=dict)
    next: Mapping[str, datetime] = field(default_factory=dict)
    verified: bool | None = None
    drilled: bool | None = None
    drill_failure: str | None = None
    degraded: tuple[str, ...] = ()


@frozen
class Status:
    """What `status` says. `matches` is the latest snapshot's id where live equals it, else None.

    `valid` is None where live was not validated yet; `rejected` is the refused state that live equals.
    """

    matches: str | None
    changes: tuple[Change, ...]
    latest: Snapshot | None
    loaded: str | None
    good: str | None
    daemon: DaemonStatus
    rejected: RejectedState | None
    left_out: tuple[tuple[str, str], ...]
    ignored: tuple[str, ...]
    valid: bool | None = None
    pending: dict[str, Any] | None = None
    replicas: tuple[ReplicaStatus, ...] = ()
    degraded: tuple[str, ...] = field(default=())
    source: dict[str, Any] | None = None


def status(site: Site) -> Status:
    """Return how things stand; a root that cannot be read is part of the answer, not an error."""
    said = site.vault.marks()
    latest = site.vault.latest()
    live, degraded = None, []
    try:
        live = scan.live(site, None)
    except ConfigvaultError as error:
        degraded.append(error.message)
    known = live is not None and live.is_latest
    rejected = site.vault.rejected_as(live.tree) if live and not known else None
    found, replicas = daemon(site.vault), replicate.standing(site)
    degraded += _troubles(site, latest, found, replicas)
    good = next((one.id for one in site.vault.good()), None)
    return Status(
        matches=latest.id if latest and known else None,
        changes=live.changes if live and not known else (),
        latest=latest,
        loaded=said.loaded,
        good=good,
        daemon=found,
        rejected=rejected,
        ignored=scan.ignored(live.seen) if live else (),
        left_out=tuple(pair for pair in live.seen.all_left_out() if pair[1] != IGNORED) if live else (),
        pending=_pending(site, degraded),
        valid=True if known else False if rejected else None,
        replicas=replicas,
        source=_source(site, degraded),
        degraded=tuple(dict.fromkeys(degraded)),
    )


def _source(site: Site, degraded: list[str]) -> dict[str, Any] | None:
    """Return what is known of the source; what it offers and is held is a trouble."""
    source = site.settings.source
    if source is None:
        return None
    found, asked = SOURCE.read(site.vault.state), SOURCE_ASKED.read(site.vault.state)
    if found is None or (found.url, found.ref) != (source.url, source.ref):
        found = SourceState(source.url, source.ref)
    if asked is None or asked.url != source.url:
        asked = SourceAsked(source.url)
    if found.held is not None:
        degraded.append(f"the newest commit of the source is not deployed ({found.held}): configvault pull")
    if asked.why is not None:
        degraded.append(f"the source cannot be asked: {asked.why}")
    return {
        "url": site.offered(source.url).name if site.offered is not None else None,
        "ref": source.ref,
        "path": source.path,
        "offered": found.offered or None,
        "deployed": found.deployed,
        "snapshot": found.snapshot,
        "held": found.held,
        "why": found.why,
        "drift": found.drift,
        "asked_at": _time(asked.answered_at),
        "failing_since": _time(asked.failing_since),
        "error": asked.why,
    }


def _pending(site: Site, degraded: list[str]) -> dict[str, Any] | None:
    try:
        return confirm.status_document(site)
    except IntegrityError as error:
        degraded.append(error.message)
        return None


def _troubles(
    site: Site, latest: Snapshot | None, found: DaemonStatus, replicas: tuple[ReplicaStatus, ...]
) -> Iterator[str]:
    """Yield why not everything is done that should be."""
    yield from found.degraded
    if JOURNAL.exists(site.vault.state):
        yield "a restore was interrupted; the daemon or the next command that writes finishes it"
    yield from (replica.degraded for replica in replicas if replica.degraded)
    if found.verified is False:
        yield "the last scheduled verify found damage: configvault verify"
    if found.drill_failure is not None:
        yield f"the last scheduled drill could not recover from {found.drill_failure}"
    # Where nobody is told of anything there is no loading to find, and git would look through all notes for it.
    is_told = site.vault.refs.read(REF) is not None and (site.settings.health or site.reload_asks())
    loading = next(loadings(site, 1), None) if is_told else None
    if loading is not None and not loading.ok:
        of = "what was live" if loading.of == "live" else loading.of
        yield f"the service failed to load {of} at the last reload: configvault reload"
    unsigned = latest is not None and not signatures.is_signed(site.vault, latest.commit)
    if site.settings.signing.key is not None and unsigned:
        yield "the latest snapshot is not signed: configvault doctor"


def daemon(vault: Vault) -> DaemonStatus:
    """Return what is known of the daemon of this vault."""
    kept = daemonstate.schedule(vault)
    # What was never done counts from the first start on, so that it can be missed; to say it was done would be a lie.
    never = {name for name, done in (("verify", kept.verified), ("drill", kept.drilled)) if done is None}
    last = {name: at for name, at in kept.last.items() if name not in never}
    holder = daemonstate.holder(vault)
    if holder is None:
        return DaemonStatus(
            last=last, verified=kept.verified, drilled=kept.drilled, drill_failure=kept.drill_failure
        )
    pid, since = holder.get("pid"), holder.get("since")
    said = daemonstate.running(vault)
    return DaemonStatus(
        running=True,
        pid=pid if isinstance(pid, int) else None,
        since=_as_time(since),
        last_proof=said.last_proof if said else None,
        watching=said.watching if said else None,
        last=last,
        next=said.next if said else {},
        verified=kept.verified,
        drilled=kept.drilled,
        drill_failure=kept.drill_failure,
        degraded=tuple(said.degraded.values()) if said else (),
    )


def _as_time(said: object) -> str | None:
    """Return what a lock file says of a time, None where that is no time: it may have been cut off."""
    try:
        return datetime.fromisoformat(str(said)).isoformat()
    except ValueError:
        return None


def document(found: Status) -> dict[str, Any]:
    """Return what `status --json` and the API print."""
    return {
        "live": {"matches": found.matches, "changes": [documents.change(one) for one in found.changes]},
        "latest": found.latest.id if found.latest else None,
        "loaded": found.loaded,
        "good": found.good,
        "daemon": {
            "running": found.daemon.running,
            "pid": found.daemon.pid,
            "since": found.daemon.since,
            "last_proof": _time(found.daemon.last_proof),
            "watching": found.daemon.watching,
        },
        "pending": found.pending,
        "replicas": [documents.replica(one) for one in found.replicas],
        "degraded": list(found.degraded),
        "valid": found.valid,
        "rejected": found.rejected.id if found.rejected else None,
        "refused": documents.rejected(found.rejected) if found.rejected else None,
        "schedule": {
            "last": {name: _time(at) for name, at in found.daemon.last.items()},
            "next": {name: _time(at) for name, at in found.daemon.next.items()},
            "verified": found.daemon.verified,
            "drilled": found.daemon.drilled,
        },
        "source": found.source,
        "left_out": [{"path": path, "reason": reason} for path, reason in found.left_out],
        "ignored": {"count": len(found.ignored), "paths": list(found.ignored[:MOST_IGNORED])},
    }


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
