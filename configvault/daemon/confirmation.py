"""A rollback that waits for its confirmation: undone in time by the daemon, or at once where the service is ill."""

from __future__ import annotations

import time

from configvault.usecases import confirm
from configvault.usecases.site import Site


class Confirmation:
    """Belongs to the worker, which asks it after each look: whoever rolled back has changed the root."""

    def __init__(self, site: Site) -> None:
        """Know of none yet."""
        self.site = site
        self.due_s: float | None = None

    def look(self) -> None:
        """See whether a rollback waits, and until when."""
        until = confirm.due(self.site)
        if until is None:
            self.due_s = None
            return
        # The deadline is of the wall's clock, which somebody may set: look again soon.
        left_s = (until - self.site.now()).total_seconds()
        self.due_s = time.monotonic() + max(0.0, min(left_s, confirm.CHECK_S))

    def act(self) -> None:
        """Undo the rollback if its time is over or a required check fails. The outcome is told."""
        until = confirm.due(self.site)
        if until is not None:
            if until <= self.site.now():
                confirm.expire(self.site)
            else:
                confirm.check(self.site)
        self.look()
