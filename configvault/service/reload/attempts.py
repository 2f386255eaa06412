"""Try until it works: attempts with pauses that grow, are jittered, and end at once when stopping."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping

from configvault.core import backoff
from configvault.core.model import ReloadReport
from configvault.core.settings import ReloadSettings
from configvault.service.reload.context import ReloadContext
from configvault.service.reload.kind import Kind

LONGEST_PAUSE_S = 30.0


class Attempting:
    """A reloader that tries as often as the settings say, or else the kind."""

    def __init__(
        self,
        kind: Kind,
        settings: ReloadSettings,
        environ: Mapping[str, str],
        stop: threading.Event,
        pause_s: float,
    ) -> None:
        """Keep what each attempt is made with."""
        assert kind.attempt is not None
        self._attempt = kind.attempt
        self._most = kind.attempts if settings.attempts is None else settings.attempts
        self._timeout_s = kind.timeout_s if settings.timeout is None else settings.timeout
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
        counts = backoff.attempts(self._most, self._pause_s, self._stop.wait, LONGEST_PAUSE_S)
        for count in counts:  # noqa: B007 - used below
            attempt = self._attempt(self._settings, context, key, self._environ, self._stop, self._timeout_s)
            if attempt.error is None:
                break
        elapsed = time.monotonic() - started
        kind = self._settings.kind
        return ReloadReport(kind, attempt.error is None, count, attempt.status, attempt.error, elapsed)
