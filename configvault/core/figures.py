"""How things stand in numbers, gathered whenever somebody asks; the gauges are made from these."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from configvault.core.frozen import field, frozen

# Why what the source offers is not deployed, each one fixed word.
SOURCE_HELD = ("refused", "rolled_back", "drifted", "rewritten", "unsigned")


@frozen
class ReplicaFigures:
    """One replica under a name without secrets, when it last took everything, and whether it lacks something."""

    name: str
    last_success: datetime | None = None
    behind: bool = False


@frozen
class SourceFigures:
    """The source: whether it answered when it was asked last, when it did, what holds what it offers (a fixed word).

    `is_current`: what it offers is deployed. `drifted`: live is not what was deployed from it.
    """

    reachable: bool
    answered_at: datetime | None = None
    is_current: bool | None = None
    held: str | None = None
    drifted: bool = False


@frozen
class Figures:
    """What the gauges show. None is "not known", and shows as no sample at all rather than as a lie.

    `by_trigger` counts the snapshots on record by what caused them, whoever made them, `active_plugins` the
    latest snapshot's plugins by their type. `rejected_since` is when the
    state that is live was first refused. `last_load_ok` is whether the service took what it was last told to load, by
    whomever. `last_proof` is when the daemon last proved that it sees changes;
    `last_backup`, `last_verify` and `last_drill` when the scheduled run last went through.
    """

    by_trigger: Mapping[str, int] = field(default_factory=dict)
    active_plugins: Mapping[str, int] = field(default_factory=dict)
    rejected: int | None = None
    files: int | None = None
    vault_bytes: int | None = None
    latest_at: datetime | None = None
    live_is_latest: bool | None = None
    loaded_is_latest: bool | None = None
    last_load_ok: bool | None = None
    rejected_since: datetime | None = None
    pending_until: datetime | None = None
    watching: bool | None = None
    last_proof: datetime | None = None
    last_backup: datetime | None = None
    last_verify: datetime | None = None
    verified: bool | None = None
    last_drill: datetime | None = None
    drilled: bool | None = None
    degraded: int | None = None
    replicas: tuple[ReplicaFigures, ...] = ()
    source: SourceFigures | None = None
