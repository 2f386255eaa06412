"""What follows a change that somebody made: reload the service, put a snapshot back. Bounded, and said when it is.

Run by the worker alone. What the bounds need lasts in `schedule.json`, so that a restart does not forget them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

from configvault.core.frozen import replace
from configvault.core.model import Folder, Snapshot, Trigger, healthy
from configvault.core.outcome import Recording, ReloadOutcome, RestoreOutcome
from configvault.daemon.probation import Probation
from configvault.daemon.standing import Standing
from configvault.usecases import daemonstate
from configvault.usecases.autorestore import restore_good, restore_latest
from configvault.usecases.loading import load
from configvault.usecases.observe import Seen
from configvault.usecases.site import Site
from configvault.usecases.writing import writing
from configvault.vault import statefiles
from configvault.vault.statefiles import SCHEDULE, Restore

MOST_RESTORES = 5
IN = timedelta(hours=1)
# Trees that were replaced before are remembered, so that nobody is fought over the same bytes.
_REMEMBERED = 20
# The fixed words for restores that are not made any more: until live is valid, until a reload works.
_HELD_INVALID = "restores-held"
_ASK_AGAIN_S = 1.0
_HELD_RELOAD = "reload-restores-held"


class Reactions:
    """Reacts to what the worker saw."""

    def __init__(self, site: Site, standing: Standing) -> None:
        """Have seen nothing yet."""
        self.site = site
        self._standing = standing
        self._invalid: tuple[str, float] | None = None
        self.probation = Probation(site)

    @property
    def due_s(self) -> float | None:
        """Return when an invalid state will have stood for the grace time, None if there is none to act on."""
        return None if self._invalid is None else self._invalid[1]

    def seen(self, seen: Seen) -> None:
        """React to a look at live."""
        outcome = seen.outcome
        changes = self.site.settings.changes
        if outcome is None:
            return
        if outcome.outcome is not Recording.REJECTED:
            self._invalid = None
            self._standing.clear(_HELD_INVALID)
        elif changes.on_invalid == "restore" and not self._is_held(seen.tree, _HELD_INVALID):
            self._invalid = (seen.tree, time.monotonic() + changes.grace)
        if outcome.outcome is Recording.RECORDED and changes.reload and outcome.snapshot is not None:
            self._reload(outcome.snapshot, seen.state)

    def act(self, known: Folder | None) -> RestoreOutcome | None:
        """Put the latest snapshot back if the invalid state still stands; the grace time is over."""
        assert self._invalid is not None
        (tree, _), self._invalid = self._invalid, None
        if statefiles.pending(self.site.vault.state) is not None:
            # Somebody is about to say what shall stand; theirs is the first word.
            self._invalid = (tree, time.monotonic() + max(self.site.settings.changes.grace, _ASK_AGAIN_S))
            return None
        return self._counted(tree, lambda: restore_latest(self.site, tree, known))

    def _is_held(self, tree: str, reason: str) -> bool:
        """Return whether `tree` must not be replaced, and say so under that reason."""
        restores = daemonstate.schedule(self.site.vault).restores
        if any(one.tree == tree for one in restores):
            message = "a state that was already replaced has come back: it is reported and not replaced again"
        elif sum(one.at > self.site.now() - IN for one in restores) >= MOST_RESTORES:
            message = f"there were {MOST_RESTORES} automatic restores within an hour: no further ones for now"
        else:
            return False
        self._standing.degrade(reason, message, "configvault rejected list, configvault list")
        return True

    def _counted(self, tree: str, restore: Callable[[], RestoreOutcome | None]) -> RestoreOutcome | None:
        """Restore, counted before it is tried: a restore that fails again and again is bounded as well."""
        vault = self.site.vault
        kept = daemonstate.schedule(vault)
        restores = (*kept.restores, Restore(self.site.now(), tree))[-_REMEMBERED:]
        SCHEDULE.write(vault.state, replace(kept, restores=restores))
        outcome = restore()
        if outcome is None:
            SCHEDULE.write(vault.state, kept)
        return outcome

    def _reload(self, snapshot: Snapshot, state: Folder) -> None:
        """Have the service load `snapshot` if it is still the latest; put the last good one back if it does not."""
        with writing(self.site):
            latest = self.site.vault.latest()
            if latest is None or latest.id != snapshot.id:
                return
            loading = load(self.site, snapshot, Trigger.CHANGE)
        self.site.notify(ReloadOutcome(snapshot.id, loading.reload, loading.health))
        if loading.loaded:
            self._took()
            self.probation.begin(snapshot, state, loading.reload)
            return
        self._failed(snapshot, state)

    def watch(self) -> None:
        """Ask the service's log about the change that was reloaded last; put the last good one back if it was bad."""
        self.probation.act(self._failed)

    def _failed(self, snapshot: Snapshot, state: Folder) -> None:
        """Say that the service did not take `snapshot`, and put the last good one back where that is wanted."""
        self._standing.degrade("reload", f"the service failed to load {snapshot.id}", "configvault reload")
        restore = self.site.settings.changes.on_reload_failure == "restore"
        if (
            not restore
            or statefiles.pending(self.site.vault.state) is not None
            or self._is_held(snapshot.tree, _HELD_RELOAD)
        ):
            return
        outcome = self._counted(snapshot.tree, lambda: restore_good(self.site, snapshot, state))
        if outcome is None:
            self._standing.degrade(
                _HELD_RELOAD, "there is no good snapshot to restore", "configvault list --good"
            )
        elif outcome.reload is not None and outcome.reload.ok and healthy(outcome.health):
            self._took()

    def _took(self) -> None:
        self._standing.clear("reload")
        self._standing.clear(_HELD_RELOAD)
