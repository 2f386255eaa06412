"""Keep replicas up to date in the background: whenever woken, and again after a failure, each in its own time.

There is no queue that could grow: what is due is a replica, and a push always sends the newest of everything. Of
several that are due the one with the oldest debt comes first. Recording never waits for any of this.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from configvault.core.backoff import LONGEST_S, BackOff
from configvault.core.errors import ConfigvaultError, InternalError
from configvault.core.frozen import mutable, replace
from configvault.core.outcome import FailureOutcome
from configvault.core.replicas import ReplicaStatus
from configvault.usecases import replicate
from configvault.usecases.site import Remote, Site
from configvault.vault.repository import Vault

MOST_AT_ONCE = 4


@mutable
class _Due:
    """One replica: since when it waits (None: it does not), not before when, whether a push is going on."""

    remote: Remote
    backoff: BackOff
    since: float | None = None
    not_before: float = 0.0
    busy: bool = False
    is_failing: bool = False


class Replicator:
    """Pushes to all replicas of a site from threads of its own; `wake` it after whatever changed a ref."""

    def __init__(
        self,
        site: Site,
        on_status: Callable[[ReplicaStatus], None] | None = None,
        *,
        first_pause_s: float = replicate.FIRST_PAUSE_S,
        longest_pause_s: float = LONGEST_S,
    ) -> None:
        """Start the threads, if there is any replica.

        Args:
            site: whose vault to send; what its `remotes` are now.
            on_status: hears, in one of the threads, how a replica stands when it fails, fails for a reason that is new
                since it worked, or works again.
            first_pause_s: how long to wait after the first failure; it doubles, and is jittered.
            longest_pause_s: the most it becomes.
        """
        self._site = site
        self._on_status = on_status
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._due = [_Due(remote, BackOff(first_pause_s, longest_pause_s)) for remote in site.remotes()]
        self._threads = [
            threading.Thread(target=self._work, name=f"replicate-{number}", daemon=True)
            for number in range(min(len(self._due), MOST_AT_ONCE))
        ]
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Say that there may be something new; returns at once."""
        with self._changed:
            for due in self._due:
                due.since = time.monotonic() if due.since is None else due.since
            self._changed.notify_all()

    def close(self, patience_s: float = 5.0) -> None:
        """Stop, ending pushes that are going on; what they did not send is due again at the next start."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(patience_s)

    def lag(self) -> tuple[ReplicaStatus, ...]:
        """Return how each replica stands."""
        with own_vault(self._site) as site:
            return replicate.standing(site)

    def _work(self) -> None:
        while (due := self._next()) is not None:
            self._push(due)

    def _next(self) -> _Due | None:
        """Wait for the replica with the oldest debt whose pause is over; None when stopping."""
        with self._changed:
            while not self._stop.is_set():
                waiting = [due for due in self._due if due.since is not None and not due.busy]
                now = time.monotonic()
                ready = [due for due in waiting if due.not_before <= now]
                if ready:
                    chosen = min(ready, key=lambda due: due.since or 0.0)
                    chosen.busy, chosen.since = True, None
                    return chosen
                self._changed.wait(min((due.not_before - now for due in waiting), default=None))
        return None

    def _push(self, due: _Due) -> None:
        began = time.monotonic()
        failed = True
        try:
            failed = self._sent(due)
        except (ConfigvaultError, OSError):
            pass  # The vault itself is in trouble, a full disk for instance: whoever records says so.
        except Exception as error:  # the boundary of this thread: whatever it was, it is tried again
            fault = InternalError(error)
            if due.backoff.is_news(fault.message):
                self._site.notify(FailureOutcome("replicate", fault.kind, fault.message, fault.hint))
        finally:
            with self._changed:
                due.busy = False
                due.not_before = 0.0
                if failed:
                    due.since = due.since or began
                    due.not_before = time.monotonic() + due.backoff.failed()
                else:
                    due.backoff.worked()
                self._changed.notify_all()

    def _sent(self, due: _Due) -> bool:
        """Push if there is anything to, tell what is new, and return whether it failed."""
        with own_vault(self._site) as site:
            status = replicate.status(site, due.remote)
            if not status.current or status.trouble is not None:
                status = replicate.push(site, due.remote, self._stop)
        why = status.trouble.why if status.trouble else None
        is_news = due.backoff.is_news(why) if why is not None else due.is_failing
        if is_news and not self._stop.is_set():
            due.is_failing = why is not None
            if self._on_status is not None:
                self._on_status(status)
        return why is not None


@contextlib.contextmanager
def own_vault(site: Site) -> Iterator[Site]:
    """Give a thread its own view of the vault: the git children that read packed objects serve one at a time."""
    vault = Vault(site.vault.path, site.environ)
    try:
        yield replace(site, vault=vault)
    finally:
        vault.close()
