"""Try until it works: attempts with pauses that grow, are jittered, and end at once when stopping."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping

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
        for count in range(1, self._settings.most_attempts + 1):
            attempt = self._attempt(self._settings, context, key, self._environ, self._stop)
            last = attempt.error is None or count == self._settings.most_attempts
            if last or self._stop.wait(self._pause(count)):
                break
        elapsed = time.monotonic() - started
        kind = self._settings.kind
        return ReloadReport(kind, attempt.error is None, count, attempt.status, attempt.error, elapsed)

    def _pause(self, count: int) -> float:
        import random

        # Jitter keeps a fleet that was changed at once from asking at once, too.
        return min(self._pause_s * 2.0 ** (count - 1), LONGEST_PAUSE_S) * random.uniform(0.5, 1)  # noqa: S311 - no secret
