"""Pull from the configured source, in a thread of its own: a server that is slow keeps nobody from recording.

It works like `configvault pull` beside the daemon, with its own view of the vault, under the same locks. The worker
then finds the root equal to the latest snapshot. What does not work is tried again, ever more seldom.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from configvault.core.backoff import LONGEST_S, BackOff
from configvault.core.errors import BusyError, ConfigvaultError, InternalError
from configvault.daemon.standing import Standing
from configvault.usecases import pull
from configvault.usecases.pull import PullOutcome
from configvault.usecases.site import Site

# Fixed words: what is said of the source while it is so.
UNREACHABLE, HELD, DRIFTED = "source", "source-held", "source-drifted"


class Poller:
    """Asks the source of a site whether there is something new, now and every so often."""

    def __init__(
        self, open_site: Callable[[threading.Event], Site], every_s: float, standing: Standing
    ) -> None:
        """Start the thread; `open_site` gives it a view of its own, whose calls end with the event."""
        self._open_site = open_site
        self._every_s = every_s
        self._standing = standing
        self._backoff = BackOff(every_s, max(every_s, LONGEST_S))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="source", daemon=True)
        self._thread.start()

    def close(self, patience_s: float = 5.0) -> None:
        """Stop; what is going on is ended, or carried on by the next start."""
        self._stop.set()
        self._thread.join(patience_s)

    def _work(self) -> None:
        site, is_first = None, True
        pause_s = 0.0
        while not self._stop.wait(pause_s):
            try:
                site = site or self._open_site(self._stop)
                pause_s = self._poll(site, again=is_first)
                is_first = False
            except ConfigvaultError as error:
                pause_s = self._failed(error)
            except OSError as error:
                where = f" ({error.filename})" if error.filename else ""
                pause_s = self._failed(ConfigvaultError(f"{error.strerror or error}{where}"))
            except Exception as error:  # the boundary of this thread: whatever it was, it is tried again
                pause_s = self._failed(InternalError(error))
            finally:
                if site is not None:
                    # Between two polls no child of git stays.
                    site.vault.close()

    def _poll(self, site: Site, *, again: bool) -> float:
        """Pull once, say how things stand, and return when to come again."""
        try:
            outcome = pull.pull(site, again=again)
        except BusyError:
            # Somebody else is at work, or a rollback waits for its confirmation: no fault of the source.
            return self._every_s
        self._backoff.worked()
        self._standing.clear(UNREACHABLE)
        self._say(outcome)
        return self._every_s

    def _say(self, outcome: PullOutcome) -> None:
        if outcome.held is not None:
            what = f"commit {outcome.commit[:12]} is held ({outcome.held}): {outcome.message}"
            self._standing.degrade(
                HELD, f"the source: {what}", "configvault pull --force, or push a newer commit"
            )
        else:
            self._standing.clear(HELD)
        if outcome.drift is not None and outcome.held is None:
            message = f"the root differs from what was deployed from the source ({outcome.drift})"
            self._standing.degrade(
                DRIFTED, message, "configvault pull --force, or commit the change to the source"
            )
        elif outcome.drift is None:
            self._standing.clear(DRIFTED)

    def _failed(self, error: ConfigvaultError) -> float:
        if not self._stop.is_set():
            self._standing.degrade(UNREACHABLE, f"nothing can be pulled: {error.message}", error.hint)
        return max(self._every_s, self._backoff.failed())


class Source:
    """The source of the site as it is configured now."""

    def __init__(self, standing: Standing) -> None:
        """Ask nobody yet."""
        self._standing = standing
        self._poller: Poller | None = None

    def take(self, site: Site, open_site: Callable[[threading.Event], Site]) -> None:
        """Pull from the source of `site` from now on; `open_site` opens it for another thread."""
        self.close()
        for reason in (UNREACHABLE, HELD, DRIFTED):
            self._standing.clear(reason)
        if site.settings.source is not None:
            self._poller = Poller(open_site, site.settings.source.every, self._standing)

    def close(self) -> None:
        """Stop."""
        if self._poller is not None:
            self._poller.close(patience_s=1.0)
            self._poller = None
