"""Ask the service whether it is well: each check until it passes or its time is over, all at the same time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence

from configvault.calls import program, proxies
from configvault.calls.http import CallError
from configvault.core.backoff import BackOff
from configvault.core.frozen import frozen
from configvault.core.model import PATIENT, HealthReport, Patience
from configvault.core.settings import HealthCheck, HealthStep, LogCheck
from configvault.service import filling, steps
from configvault.service.filling import Plugins

MOST_AT_ONCE = 8
LONGEST_PAUSE_S = 2.0


# Returns what is wrong, and what is to be said although nothing is.
AskLog = Callable[[LogCheck], tuple[str | None, str | None]]


@frozen
class Surroundings:
    """What a check is asked with: what commands inherit, what the snapshot's plugins are, and who reads the log."""

    environ: Mapping[str, str]
    plugins: Plugins = tuple
    log: AskLog | None = None


def run_checks(
    checks: Sequence[HealthCheck],
    stop: threading.Event,
    around: Surroundings,
    *,
    pause_s: float = 0.2,
    patience: Patience = PATIENT,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[HealthReport, ...]:
    """Return how each check ended, in their order.

    Args:
        checks: the section `health`.
        stop: ends the waiting; checks that have not passed then fail.
        around: what they are asked with.
        pause_s: the pause after the first failure; it doubles up to two seconds.
        patience: for whoever cannot wait as long as the checks say.
        progress: called after each check with how many of how many are done.
    """
    if not checks:
        return ()
    from concurrent.futures import ThreadPoolExecutor, as_completed

    with ThreadPoolExecutor(min(len(checks), MOST_AT_ONCE), thread_name_prefix="health") as pool:
        running = [pool.submit(_until_well, check, stop, around, pause_s, patience) for check in checks]
        try:
            for done, _ in enumerate(as_completed(running), start=1):
                if progress is not None:
                    progress(done, len(running))
        except KeyboardInterrupt:
            # Whoever interrupts does not wait for `within`; what runs ends by itself.
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
        return tuple(one.result() for one in running)


def asks_for_plugins(check: HealthCheck) -> bool:
    """Return whether what a check expects names the snapshot's plugins."""
    every = (check.expect, *(step.expect for step in check.steps))
    return any(filling.PLUGINS in (expect.json or "") for expect in every)


def _until_well(
    check: HealthCheck, stop: threading.Event, around: Surroundings, pause_s: float, patience: Patience
) -> HealthReport:
    started = time.monotonic()
    within = check.timeout if patience.once else check.within
    deadline = started + min(within, patience.most_s)
    wrong: str | None = None
    pauses = BackOff(pause_s, LONGEST_PAUSE_S)
    while True:
        left = max(deadline - time.monotonic(), 0.001)
        error, note = _ask_once(check, deadline, stop, around)
        elapsed = time.monotonic() - started
        if error is None:
            return HealthReport(check.name, True, check.required, None, note, elapsed)
        over = stop.is_set() or time.monotonic() >= deadline or check.log is not None or patience.once
        # A last question that was cut short tells less than the whole answer before it.
        wrong = wrong if wrong and over and left < check.timeout else error
        left = max(deadline - time.monotonic(), 0)
        if over or stop.wait(min(pauses.failed(), left)) or time.monotonic() >= deadline:
            return HealthReport(check.name, False, check.required, wrong, note, time.monotonic() - started)


def _ask_once(
    check: HealthCheck, deadline: float, stop: threading.Event, around: Surroundings
) -> tuple[str | None, str | None]:
    """Return what is wrong, or None, and what is to be said all the same."""
    if check.log is not None:
        return around.log(check.log) if around.log is not None else ("the service's log is not read here", None)
    if check.command:
        try:
            timeout = min(check.timeout, max(deadline - time.monotonic(), 0.001))
            return program.run(check.command, around.environ, timeout, stop).failure, None
        except CallError as error:
            return str(error), None
    asked = check.steps or (_as_step(check),)
    return steps.run(asked, around.plugins, check.timeout, deadline, stop, proxies.of(around.environ)), None


def _as_step(check: HealthCheck) -> HealthStep:
    assert check.url is not None
    return HealthStep(check.url, check.method, check.headers, check.body, check.expect, check.save)
