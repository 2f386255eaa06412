"""A change that the service took is watched for a while: the service's log may say that it was a bad one.

The questions are put without the vault's lock, every few seconds, by the worker.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from configvault.core.model import Folder, ReloadReport, Snapshot, healthy
from configvault.core.outcome import ProbationOutcome, ReloadOutcome
from configvault.usecases.loading import turned_out_ill
from configvault.usecases.site import Site
from configvault.usecases.writing import writing

LOOK_S = 2.0

Failed = Callable[[Snapshot, Folder], None]


class Probation:
    """Watches the newest change that was reloaded; belongs to the worker."""

    def __init__(self, site: Site) -> None:
        """Watch nothing yet."""
        self.site = site
        self.due_s: float | None = None
        self._until_s = 0.0
        self._over_s = 0.0
        self._watched: tuple[Snapshot, Folder, ReloadReport] | None = None

    def begin(self, snapshot: Snapshot, state: Folder, reload: ReloadReport) -> None:
        """Watch what the service does with `snapshot`, in place of whatever was watched before."""
        checks = [check.log for check in self.site.settings.health if check.log is not None]
        self._watched, self.due_s = None, None
        if checks:
            self._watched = (snapshot, state, reload)
            # Once more when the time is over: then the share decides, not only what chance cannot explain.
            self._over_s = max(check.over for check in checks)
            self._until_s = time.monotonic() + self._over_s + LOOK_S
            self.due_s = time.monotonic() + LOOK_S

    def act(self, failed: Failed) -> None:
        """Ask the log, and call `failed` where it says that the change was a bad one."""
        assert self._watched is not None
        snapshot, state, reload = self._watched
        now_s = time.monotonic()
        over = now_s >= self._until_s
        latest = self.site.vault.latest()
        if latest is None or latest.id != snapshot.id:
            # Somebody else is at work, and has the service load what they did.
            self._watched, self.due_s = None, None
            return
        names = [check.name for check in self.site.settings.health if check.log is not None]
        health = self.site.check_health(only=names) if names else ()
        if healthy(health):
            self.due_s = None if over else now_s + LOOK_S
            if over:
                self._watched = None
                self.site.notify(ProbationOutcome(snapshot.id, health, self._over_s))
            return
        self._watched, self.due_s = None, None
        with writing(self.site):
            turned_out_ill(self.site, snapshot)
        self.site.notify(ReloadOutcome(snapshot.id, reload, health))
        failed(snapshot, state)
