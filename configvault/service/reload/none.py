"""No reload: the service reads its directory by itself, or need not know."""

from __future__ import annotations

from configvault.core.model import Probe
from configvault.core.settings import ReloadSettings
from configvault.service.reload.kind import Kind


def _probe(_settings: ReloadSettings) -> Probe:
    return Probe(True, "no reload is configured")


KIND = Kind(attempt=None, probe=_probe, timeout_s=0.0, attempts=0, restarts=False, uses_url=False)
