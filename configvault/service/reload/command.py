"""Reload by running a program; exit code 0 is success."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from configvault.calls import program
from configvault.calls.http import CallError
from configvault.core.settings import ReloadSettings
from configvault.service.reload.context import Attempt, ReloadContext


def attempt(
    settings: ReloadSettings,
    context: ReloadContext,
    key: str,
    environ: Mapping[str, str],
    stop: threading.Event,
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
        return Attempt(program.run(settings.command, {**environ, **said}, settings.timeout_s, stop).failure)
    except CallError as error:
        return Attempt(str(error))
