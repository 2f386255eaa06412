"""Have the service load what is live now."""

from __future__ import annotations

from configvault.core.model import Trigger
from configvault.core.outcome import ReloadOutcome
from configvault.usecases import scan
from configvault.usecases.loading import load
from configvault.usecases.site import Site
from configvault.usecases.writing import writing


def reload(site: Site) -> ReloadOutcome:
    """Reload the service and check its health; live counts as good if it is the latest snapshot and all is well."""
    with writing(site):
        live = scan.live(site, None)
        snapshot = live.latest if live.is_latest else None
        loading = load(site, snapshot, Trigger.MANUAL)
    outcome = ReloadOutcome(snapshot.id if snapshot else None, loading.reload, loading.health)
    site.notify(outcome)
    return outcome
