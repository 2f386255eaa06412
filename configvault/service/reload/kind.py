"""What a kind of reload consists of."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Mapping

from configvault.core.frozen import frozen
from configvault.core.model import Probe
from configvault.core.settings import ReloadSettings
from configvault.service.reload import KINDS
from configvault.service.reload.context import Attempt, ReloadContext

# Settings, what for, the reload's own key, the environment, stop, seconds for this attempt.
Try = Callable[[ReloadSettings, ReloadContext, str, Mapping[str, str], threading.Event, float], Attempt]


@frozen
class Kind:
    """A kind of reload: how it is tried once, and what `doctor` can find out without reloading.

    `timeout_s` and `attempts` hold where the configuration leaves them open. `restarts`: it may restart the service, so
    what is loaded already is not loaded again. `uses_url`: it asks `reload.url`, so that the service unit must reach that
    host. Without an `attempt` nothing is ever asked.
    """

    attempt: Try | None
    probe: Callable[[ReloadSettings], Probe]
    timeout_s: float
    attempts: int
    restarts: bool
    uses_url: bool


def find(name: str) -> Kind:
    """Return the kind of this name, which `KINDS` has."""
    if name not in KINDS:
        raise KeyError(name)
    kind = importlib.import_module(f"configvault.service.reload.{name}").KIND
    assert isinstance(kind, Kind), name
    return kind
