"""Hear of what commands do beside the daemon, and tell the log and the metrics of it."""

from __future__ import annotations

import threading

from configvault.observers.commands import heard
from configvault.usecases.site import Site
from configvault.vault.outcomes import Reader


class Commands:
    """Reads what commands have written down; any thread may ask it to."""

    def __init__(self, site: Site) -> None:
        """Hear of what is done from now on."""
        self.site = site
        self._reader = Reader(site.vault.state)
        self._lock = threading.Lock()

    def look(self) -> None:
        """Tell of what is new."""
        with self._lock:
            found = [heard(document) for document in self._reader.new()]
        for outcome in found:
            if outcome is not None:
                self.site.notify(outcome)
