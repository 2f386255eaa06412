"""Reload by running a program; exit code 0 is success."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from configvault.calls import probe, program
from configvault.calls.http import CallError
from configvault.core.model import Probe
from configvault.core.settings import ReloadSettings
from configvault.service.reload.context import Attempt, ReloadContext
from configvault.service.reload.kind import Kind


def _attempt(
    settings: ReloadSettings,
    context: ReloadContext,
    key: str,
    environ: Mapping[str, str],
    stop: threading.Event,
    timeout_s: float,
) -> Attempt:
    """Run the command once, with the snapshot's id, commit and tree in its environment."""
    said = {
        "CONFIGVAULT_SNAPSHOT": context.snapshot or "",
        "CONFIGVAULT_COMMIT": context.commit or "",
        "CONFIGVAULT_TREE": context.tree or "",
        "CONFIGVAULT_TRIGGER": context.trigger,
        "CONFIGVAULT_IDEMPOTENCY_KEY": key,
    }
    try:
        return Attempt(program.run(settings.command, {**environ, **said}, timeout_s, stop).failure)
    except CallError as error:
        return Attempt(str(error))


def _probe(settings: ReloadSettings) -> Probe:
    return probe.program(settings.command)


# A restart takes its time, and is not safe to repeat.
KIND = Kind(attempt=_attempt, probe=_probe, timeout_s=120.0, attempts=1, restarts=True, uses_url=False)
