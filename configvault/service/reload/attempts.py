"""Try until it works: attempts with pauses that grow, are jittered, and end at once when stopping."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping

from configvault.core import backoff
from configvault.core.model import ReloadReport
from configvault.core.settings import ReloadSettings
from configvault.service.reload.context import Attempt, ReloadContext

LONGEST_PAUSE_S = 30.0

# Settings, what for, the reload's own key, the environment, stop.
Try = Callable[[ReloadSettings, ReloadContext, str, Mapping[str, str], threading.Event], Attempt]


class Attempting:
    """A reloader that calls `attempt` up to `settings.most_attempts` times."""

    def __init__(
        self,
        attempt: Try,
        settings: ReloadSettings,
        environ: Mapping[str, str],
        stop: threading.Event,
        pause_s: float,
    ) -> None:
        """Keep what each attempt is made with."""
        self._attempt = attempt
        self._settings = settings
        self._environ = environ
        self._stop = stop
        self._pause_s = pause_s

    def reload(self, context: ReloadContext) -> ReloadReport:
        """Tell the service, again after a failure, and return how the last attempt ended."""
        started = time.monotonic()
        # One key for all attempts of one reload: a service that keeps keys loads once. The next reload, of the
        # same snapshot even, has another.
        key = os.urandom(16).hex()
        most, wait = self._settings.most_attempts, self._stop.wait
        for count in backoff.attempts(most, self._pause_s, wait, LONGEST_PAUSE_S):  # noqa: B007 - used below
            attempt = self._attempt(self._settings, context, key, self._environ, self._stop)
            if attempt.error is None:
                break
        elapsed = time.monotonic() - started
        kind = self._settings.kind
        return ReloadReport(kind, attempt.error is None, count, attempt.status, attempt.error, elapsed)
