"""The service's own releases: look at them, go back to one, wait until it runs. One function a kind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from configvault.calls import program
from configvault.calls.http import CallError
from configvault.core.frozen import frozen
from configvault.core.settings import RolloutSettings

Argv = tuple[str, ...]


@frozen
class Commands:
    """What is run for each action; `status` waits until the release runs, and is empty where nothing tells."""

    history: Argv
    previous: Argv
    revision: Callable[[int], Argv]
    status: Argv


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
        status=(*begin, "status", name, f"--timeout={max(1, int(settings.timeout))}s"),
    )


def _command(settings: RolloutSettings) -> Commands:
    return Commands(
        settings.history,
        settings.previous,
        lambda number: tuple(word.replace("{revision}", str(number)) for word in settings.revision),
        settings.status,
    )


KINDS: Mapping[str, Callable[[RolloutSettings], Commands]] = {"kubernetes": _kubernetes, "command": _command}


def history(settings: RolloutSettings, environ: Mapping[str, str], stop: threading.Event | None = None) -> Ran:
    """Return the releases, as the tool prints them."""
    return _run(KINDS[settings.kind](settings).history, settings, environ, stop)


def go_back(
    settings: RolloutSettings,
    revision: int | None,
    environ: Mapping[str, str],
    stop: threading.Event | None = None,
) -> Ran:
    """Go back to the release `revision` (None: the one before), and wait until it runs."""
    commands = KINDS[settings.kind](settings)
    argv = commands.previous if revision is None else commands.revision(revision)
    undone = _run(argv, settings, environ, stop)
    if undone.error is not None or not commands.status:
        return undone
    # The tool's own time is over first, so that it says what is missing.
    waited = _run(commands.status, settings, environ, stop, more_s=5.0)
    output = "\n".join(text for text in (undone.output, waited.output) if text)
    return Ran(output, waited.error)


def _run(
    argv: Argv,
    settings: RolloutSettings,
    environ: Mapping[str, str],
    stop: threading.Event | None,
    more_s: float = 0.0,
) -> Ran:
    try:
        ran = program.run(argv, environ, settings.timeout + more_s, stop)
    except CallError as error:
        return Ran("", str(error))
    return Ran(ran.output, ran.failure)
