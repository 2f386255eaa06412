"""The service's own releases: look at them, go back to one, wait until it runs. One function a kind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from configvault.calls import probe as probes_of
from configvault.calls import program
from configvault.calls.http import CallError
from configvault.core.frozen import frozen
from configvault.core.model import Probe
from configvault.core.settings import RolloutSettings

Argv = tuple[str, ...]


@frozen
class Commands:
    """What is run for each action; `status`, given seconds, waits until the release runs; empty where nothing tells."""

    history: Argv
    previous: Argv
    revision: Callable[[int], Argv]
    status: Callable[[float], Argv]


@frozen
class Ran:
    """How an action ended: what it printed, and why it failed, None where it did not."""

    output: str
    error: str | None = None


def _kubernetes(settings: RolloutSettings) -> Commands:
    begin = (*settings.kubectl, *(("--namespace", settings.namespace) if settings.namespace else ()), "rollout")
    name = f"deployment/{settings.deployment}"
    undo = (*begin, "undo", name)
    return Commands(
        history=(*begin, "history", name),
        previous=undo,
        revision=lambda number: (*undo, f"--to-revision={number}"),
        # kubectl's own time is over first, so that it says what is missing.
        status=lambda seconds: (*begin, "status", name, f"--timeout={max(1, int(seconds - 1))}s"),
    )


def _command(settings: RolloutSettings) -> Commands:
    return Commands(
        settings.history,
        settings.previous,
        lambda number: tuple(word.replace("{revision}", str(number)) for word in settings.revision),
        lambda _: settings.status,
    )


KINDS: Mapping[str, Callable[[RolloutSettings], Commands]] = {"kubernetes": _kubernetes, "command": _command}


def history(settings: RolloutSettings, environ: Mapping[str, str], stop: threading.Event | None = None) -> Ran:
    """Return the releases, as the tool prints them."""
    return _run(KINDS[settings.kind](settings).history, settings.timeout, environ, stop)


def probe(settings: RolloutSettings) -> Probe:
    """Return the first of the programs that cannot be run, or that they can."""
    commands = KINDS[settings.kind](settings)
    wanted = (commands.history, commands.previous, commands.revision(1), commands.status(1))
    probes = [probes_of.program(argv) for argv in wanted if argv]
    return next((one for one in probes if not one.ok), probes[0])


def go_back(
    settings: RolloutSettings,
    revision: int | None,
    environ: Mapping[str, str],
    stop: threading.Event | None = None,
) -> Ran:
    """Go back to the release `revision` (None: the one before), and wait until it runs; `timeout` is for both."""
    deadline = time.monotonic() + settings.timeout
    commands = KINDS[settings.kind](settings)
    argv = commands.previous if revision is None else commands.revision(revision)
    undone = _run(argv, settings.timeout, environ, stop)
    left_s = max(round(deadline - time.monotonic() - 0.05, 1), 0.1)
    status = commands.status(left_s)
    if undone.error is not None or not status:
        return undone
    waited = _run(status, left_s, environ, stop)
    output = "\n".join(text for text in (undone.output, waited.output) if text)
    return Ran(output, waited.error)


def _run(argv: Argv, timeout_s: float, environ: Mapping[str, str], stop: threading.Event | None) -> Ran:
    try:
        ran = program.run(argv, environ, timeout_s, stop)
    except CallError as error:
        return Ran("", str(error))
    return Ran(ran.output, ran.failure)
