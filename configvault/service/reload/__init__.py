"""The ways to tell the service that its configuration changed, one file a kind.

To add one: a class with `attempt` in a file of its own, a line in `KINDS`, its name in the choices of
`ReloadSettings.kind`, and a way to make it fail in `tests/test_reloaders.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from configvault.core.settings import ReloadSettings
from configvault.service.reload.attempts import Attempting
from configvault.service.reload.command import attempt as command
from configvault.service.reload.context import Attempt, ReloadContext, Reloader
from configvault.service.reload.http import attempt as http
from configvault.service.reload.none import Nothing

__all__ = ["KINDS", "Attempt", "ReloadContext", "Reloader", "reloader"]

Kind = Callable[[ReloadSettings, Mapping[str, str], threading.Event, float], Reloader]

KINDS: dict[str, Kind] = {
    "http": lambda settings, environ, stop, pause: Attempting(http, settings, environ, stop, pause),
    "command": lambda settings, environ, stop, pause: Attempting(command, settings, environ, stop, pause),
    "none": lambda *_: Nothing(),
}


def reloader(
    settings: ReloadSettings,
    environ: Mapping[str, str],
    stop: threading.Event | None = None,
    *,
    pause_s: float = 0.5,
) -> Reloader:
    """Return what reloads the service as `settings` say.

    Args:
        settings: the section `reload`.
        environ: what a command inherits.
        stop: set to end a wait or an attempt early.
        pause_s: the longest pause after the first failed attempt; it doubles with each.
    """
    return KINDS[settings.kind](settings, environ, stop or threading.Event(), pause_s)
