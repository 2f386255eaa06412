"""The reloader of a configuration."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from configvault.core.model import ReloadReport
from configvault.core.settings import ReloadSettings
from configvault.service.reload import kind
from configvault.service.reload.attempts import Attempting
from configvault.service.reload.context import ReloadContext, Reloader


class Nothing:
    """A reloader that has nothing to do, and therefore nothing that can fail."""

    def __init__(self, name: str) -> None:
        """Keep the name of the kind, for the report."""
        self._name = name

    def reload(self, context: ReloadContext) -> ReloadReport:  # noqa: ARG002 - the protocol's
        """Return success after no attempt."""
        return ReloadReport(self._name, True, 0, None, None, 0.0)


def reloader(
    settings: ReloadSettings,
    environ: Mapping[str, str],
    stop: threading.Event | None = None,
    *,
    pause_s: float = 0.5,
) -> Reloader:
    """Return what reloads the service as `settings` say.

    Args:
        settings: the section `reload`.
        environ: what a command inherits.
        stop: set to end a wait or an attempt early.
        pause_s: the longest pause after the first failed attempt; it doubles with each.
    """
    found = kind.find(settings.kind)
    if found.attempt is None:
        return Nothing(settings.kind)
    return Attempting(found, settings, environ, stop or threading.Event(), pause_s)
