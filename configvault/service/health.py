"""Ask the service whether it is well: each check until it passes or its time is over, all at the same time."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence

from configvault.calls import answers, program
from configvault.calls.http import CallError, Request, ask
from configvault.core.model import HealthReport
from configvault.core.settings import HealthCheck

MOST_AT_ONCE = 8
LONGEST_PAUSE_S = 2.0


def run_checks(
    checks: Sequence[HealthCheck],
    stop: threading.Event,
    environ: Mapping[str, str],
    *,
    pause_s: float = 0.2,
) -> tuple[HealthReport, ...]:
    """Return how each check ended, in their order.

    Args:
        checks: the section `health`.
        stop: ends the waiting; checks that have not passed then fail.
        environ: what commands inherit.
        pause_s: the pause after the first failure; it doubles up to two seconds.
    """
    if not checks:
        return ()
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(len(checks), MOST_AT_ONCE), thread_name_prefix="health") as pool:
        return tuple(pool.map(lambda check: _until_well(check, stop, environ, pause_s), checks))


def _until_well(
    check: HealthCheck, stop: threading.Event, environ: Mapping[str, str], pause_s: float
) -> HealthReport:
    deadline = time.monotonic() + check.within
    wrong: str | None = None
    while True:
        left = max(deadline - time.monotonic(), 0.001)
        error = _ask_once(check, min(check.timeout, left), stop, environ)
        if error is None:
            return HealthReport(check.name, True, check.required, None)
        over = stop.is_set() or time.monotonic() >= deadline
        # A last question that was cut short tells less than the whole answer before it.
        wrong = wrong if wrong and over and left < check.timeout else error
        if over or stop.wait(min(pause_s, max(deadline - time.monotonic(), 0))) or time.monotonic() >= deadline:
            return HealthReport(check.name, False, check.required, wrong)
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)


def _ask_once(
    check: HealthCheck, timeout: float, stop: threading.Event, environ: Mapping[str, str]
) -> str | None:
    """Return what is wrong, or None."""
    try:
        if check.url is None:
            return program.run(check.command, environ, timeout, stop).failure
        answer = ask(Request(check.url, headers=check.headers, timeout=timeout), check.expect.status, stop)
        return answers.shortcoming(answer, check.expect)
    except CallError as error:
        return str(error)
