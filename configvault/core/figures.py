"""The present figures of a root and its vault, gathered on each request; the gauges are made from them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from configvault.core.frozen import field, frozen

# The fixed words for why the commit that the source offers is not deployed.
SOURCE_HELD = ("refused", "rolled_back", "drifted", "rewritten", "unsigned")


@frozen
class ReplicaFigures:
    """One replica: its name without secrets, when it last received everything, and whether it lacks something."""

    name: str
    last_success: datetime | None = None
    behind: bool = False


@frozen
class SourceFigures:
    """The figures of the source.

    Attributes:
        reachable: it answered the last request.
        answered_at: when it last answered.
        is_current: the commit that it offers is deployed.
        held: why that commit is held, one of `SOURCE_HELD`.
        drifted: live is not the state deployed from it.
    """

    reachable: bool
    answered_at: datetime | None = None
    is_current: bool | None = None
    held: str | None = None
    drifted: bool = False


@frozen
class Figures:
    """What the gauges show. None means "not known": then there is no sample, rather than a wrong one.

    `by_trigger` counts the snapshots in the vault by their trigger, `active_plugins` the plugins of the latest snapshot by
    type. `rejected_since` is when the present live state was first refused. `last_load_ok` tells whether the service
    loaded the last configuration that any process asked it to load. `last_proof` is when the daemon last proved that it
    sees changes; `last_backup`, `last_verify` and `last_drill` are when the scheduled run last succeeded.
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
