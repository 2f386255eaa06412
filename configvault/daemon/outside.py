"""What the daemon shows and tells: pages, metrics, notifications, and who is seen writing.

None of it is needed to protect the root: where a part of it does not work, that is told, and the rest goes on.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import configvault
from configvault import app
from configvault.core import language
from configvault.core.errors import ConfigvaultError
from configvault.core.outcome import FailureOutcome
from configvault.core.timeline import ServiceShown
from configvault.daemon import serviceview
from configvault.daemon.servicelog import Follower
from configvault.daemon.standing import Standing
from configvault.daemon.worker import RESTORING, Worker
from configvault.usecases import page, status
from configvault.usecases.browse import Browser
from configvault.usecases.figures import Gatherer
from configvault.usecases.site import Site

if TYPE_CHECKING:
    from configvault.observers.metrics import Metrics
    from configvault.observers.notify import Notifier
    from configvault.web import Server
    from configvault.who.writers import Writers

# What is served where, which is also what is said to be degraded where it cannot be.
PAGES, METRICS = "http", "http-metrics"
PATIENCE_S = 3.0


class Shown(Browser):
    """What the pages and the scraper see of a daemon."""

    def __init__(
        self,
        site: Site,
        environ: Mapping[str, str],
        standing: Standing,
        worker: Worker,
        hear: Callable[[], None],
    ) -> None:
        """Look at what `site` protects, each time anew; `hear` has what commands did counted."""
        super().__init__(lambda: app.open_site(site.settings, environ, command="configvault run"))
        from configvault.observers.metrics import Metrics

        self._site = site
        self._standing = standing
        self._worker = worker
        self._hear = hear
        self.gatherer = Gatherer()
        self.counted: Metrics = Metrics(configvault.__version__, self._figures, self.in_place)

    def _figures(self) -> Any:
        with self.looking() as site:
            return self.gatherer.gather(site, self._standing.state)

    def status(self) -> dict[str, Any]:
        """Return what `configvault status --json` prints."""
        with self.looking() as site:
            return status.document(status.status(site))

    def in_place(self, text: str) -> str:
        """Return a text whose commands name the configuration of this daemon."""
        return self._site.in_place(text)

    def alive(self) -> str | None:
        """Return None while the worker gets on with its work."""
        until_s = self._worker.busy_until_s
        return "the worker hangs" if until_s is not None and time.monotonic() > until_s else None

    def unready(self) -> Sequence[str]:
        """Return why a change would not be recorded now."""
        state = self._standing.state
        reasons = [] if self._worker.ready.is_set() else ["the daemon is starting"]
        if not self._site.root.exists():
            reasons.append(f"there is no root {self._site.root.path}")
        if state.watching == "no":
            reasons.append("changes are not being watched")
        if not os.access(self._site.vault.state, os.W_OK | os.X_OK):
            reasons.append(f"the vault {self._site.vault.path} cannot be written")
        return [
            *reasons,
            *(state.degraded[word] for word in ("recording", RESTORING) if word in state.degraded),
        ]

    def metrics(self, accept: str) -> tuple[str, bytes]:
        """Return what a scraper gets."""
        self._hear()
        return self.counted.render(accept)

    @property
    def language(self) -> str:
        """Return the language that the configuration names, else that of the environment."""
        return language.configured(self._site.settings.language, self._site.environ)

    @property
    def place(self) -> tuple[str, str]:
        """Return the name of the host and the path of the root, which a page about a fault needs, too."""
        return self._site.machine() or self._site.host, str(self._site.root.path)

    def service(self) -> ServiceShown:
        """Return what is known of the service."""
        with self.looking() as site:
            return serviceview.shown(site)

    def complain(self, message: str) -> None:
        """Have a fault in the pages logged."""
        self._site.notify(FailureOutcome("serve", "unexpected", message))


class Outside:
    """Pages, metrics, notifications and writers of one daemon, through changes of its configuration."""

    def __init__(
        self,
        environ: Mapping[str, str],
        standing: Standing,
        worker: Worker,
        hear: Callable[[], None] = lambda: None,
    ) -> None:
        """Start nothing yet; `hear` has what commands did counted."""
        self._hear = hear
        self._environ = environ
        self._standing = standing
        self._worker = worker
        self._shown: Shown | None = None
        # By what is served: where, with which token of the configuration, and the server.
        self._servers: dict[str, tuple[tuple[str | None, str | None], Server]] = {}
        self._follower: Follower | None = None
        self._notifier: Notifier | None = None
        self._writers: Writers | None = None

    def attach(self, site: Site) -> None:
        """Begin to tell of `site`, in place of the one before it."""
        if self._writers is None:
            self._writers = app.watch_writers(site)
        else:
            app.blame_writers(site, self._writers)
        self._serve(site)
        self._follow(site)
        before, self._notifier = self._notifier, None
        if site.settings.notify:
            self._notifier = app.notifier(site, self._heard)
            site.observers.append(self._notifier)
        if self._shown is not None:
            site.observers += [self._shown.counted, self._shown.gatherer]
        if before is not None:
            # What waits for the old targets is still told to them.
            threading.Thread(target=before.close, name="notify-last", daemon=True).start()

    def _heard(self, event: str, result: str) -> None:
        """Count how telling ended, and say at once that it failed: nothing else may happen for long."""
        if self._shown is not None:
            self._shown.counted.notified(event, result)
        self.look()

    def look(self) -> None:
        """Say in the standing what could not be told to whom; called now and then."""
        troubles = self._notifier.troubles if self._notifier is not None else ()
        if troubles:
            self._standing.degrade("notify", "; ".join(troubles), "configvault doctor")
        else:
            self._standing.clear("notify")

    def close(self) -> None:
        """End all of it; what waits to be told gets a moment."""
        if self._notifier is not None:
            self._notifier.close(PATIENCE_S)
        if self._follower is not None:
            self._follower.close()
        for _, server in self._servers.values():
            server.close()
        if self._writers is not None:
            self._writers.close()

    def _serve(self, site: Site) -> None:
        http = site.settings.http
        wanted = {PAGES: None if http.listen == page.OFF else http.listen, METRICS: http.metrics}
        if not any(wanted.values()):
            self._shown = None
        else:
            self._shown = self._shown or Shown(site, self._environ, self._standing, self._worker, self._hear)
        for what, listen in wanted.items():
            running = self._servers.get(what)
            key = (listen, http.token if what == PAGES else None)
            if running is None or running[0] != key:
                self._listen(site, what, *key)

    def _listen(self, site: Site, what: str, listen: str | None, configured: str | None) -> None:
        """Serve the pages, or the metrics alone, at another place (None: nowhere)."""
        running = self._servers.pop(what, None)
        if running is not None:
            running[1].close()
        self._standing.clear(what)
        if listen is None or self._shown is None:
            return
        from configvault import web

        try:
            if what == METRICS:
                server = web.serve(listen, self._shown, metrics_only=True)
            else:
                server = web.serve(listen, self._shown, token=page.token(site))
        except ConfigvaultError as error:
            self._standing.degrade(what, error.message, error.hint)
        else:
            self._servers[what] = ((listen, configured), server)

    def _follow(self, site: Site) -> None:
        """Count the requests in the service's log, where it has one and somebody may scrape them."""
        log = site.settings.service_log
        wanted = log if log is not None and log.path is not None and self._shown is not None else None
        if self._follower is not None and self._follower.log == wanted:
            return
        if self._follower is not None:
            self._follower.close()
            self._follower = None
        if wanted is not None and self._shown is not None:
            self._follower = Follower(wanted, self._shown.counted.requested, self._standing)
