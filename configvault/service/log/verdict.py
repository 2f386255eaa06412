"""Whether the service's log says that a plugin fails more than it may.

While requests still come in after a reload, a bound counts as broken only where chance does not explain it: a plugin
that fails now and then must not undo a good change because two of its first twenty requests were among them. When the
time is over, the share is what counts.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from datetime import datetime

from configvault.core.settings import LogCheck
from configvault.service.log.recent import Count, Recent
from configvault.service.log.requests import Parser

ALL = "all plugins together"
# An early verdict is wrong once in so many looks, at most.
_CHANCE = 10_000.0


class Watch:
    """Answers log checks on one log; any thread may ask."""

    def __init__(
        self,
        path: str,
        fields: Mapping[str, str],
        window_s: float,
        loaded_at: Callable[[], datetime | None],
        now: Callable[[], datetime],
    ) -> None:
        """Look back `window_s` seconds, at most twice what a check asks for; `loaded_at` is when the service last loaded something."""
        self._recent = Recent(path, Parser(fields), window_s)
        self._loaded_at = loaded_at
        self._now = now
        self._turn = threading.Lock()

    def ask(self, check: LogCheck) -> tuple[str | None, str | None]:
        """Return what is wrong, and what is to be said although nothing is."""
        with self._turn:
            now = self._now().timestamp()
            loaded = self._loaded_at()
            try:
                self._recent.update(now)
            except OSError as error:
                return f"the service's log cannot be read: {error.filename}: {error.strerror}", None
            if self._recent.trouble is not None:
                return f"the service's log cannot be read: {self._recent.trouble}", None
            return verdict(check, self._recent.counts, loaded.timestamp() if loaded else None, now)


def verdict(
    check: LogCheck,
    counts: Callable[[float, float | None], Mapping[str, Count]],
    loaded_at: float | None,
    now: float,
) -> tuple[str | None, str | None]:
    """Return what is wrong, and what could not be decided although nothing is: too little was seen.

    Args:
        check: the bounds.
        counts: gives requests and failures of each plugin between two times.
        loaded_at: when the service last loaded something, None if it never did.
        now: the time.
    """
    start = now - check.over
    filling = loaded_at is not None and loaded_at > start
    if loaded_at is not None and filling:
        # What ended in the same second may have been asked before.
        start = math.floor(loaded_at) + 1
    after = _with_all(counts(start, None))
    requests = after[ALL][0]
    wrong = []
    before: Mapping[str, Count] = {}
    if check.errors_below is not None:
        for plugin, (count, errors) in after.items():
            bound = check.errors_below
            broken = count >= check.at_least and errors / count >= bound
            if broken and (not filling or _beyond_chance(errors, count, bound)):
                wrong.append(_failing(plugin, count, errors, f"wanted below {_percent(bound)}"))
    if check.errors_not_above_before is not None and loaded_at is not None and filling:
        before = _with_all(counts(loaded_at - check.over, loaded_at))
        wrong += _worse(check, check.errors_not_above_before, before, after)
    if wrong:
        return "; ".join(dict.fromkeys(wrong)), None
    if requests < check.at_least:
        return None, _too_few(requests, max(now - start, 0), check.at_least)
    if check.errors_not_above_before is not None and not (
        filling and before.get(ALL, _NONE)[0] >= check.at_least
    ):
        return None, _nothing_before(check, before.get(ALL, _NONE)[0], loaded_at is not None and filling)
    return None, None


_NONE: Count = (0, 0)


def _too_few(requests: int, seconds: float, at_least: int) -> str:
    seen = "no request" if requests == 0 else "only 1 request" if requests == 1 else f"only {requests} requests"
    return f"{seen} in {seconds:.0f}s, at least {at_least} are needed to decide"


def _nothing_before(check: LogCheck, requests: int, reloaded: bool) -> str:
    """Return why nothing could be compared with the time before."""
    if not reloaded:
        return f"the service has loaded nothing within {check.over:g}s: there is no time before to compare with"
    return f"before the reload, {_too_few(requests, check.over, check.at_least)}"


def _worse(
    check: LogCheck, factor: float, before: Mapping[str, Count], after: Mapping[str, Count]
) -> list[str]:
    """Return which plugins fail more than `factor` times as much as before."""
    wrong = []
    for plugin, (count, errors) in after.items():
        was_count, was_errors = before.get(plugin, (0, 0))
        if min(count, was_count) < check.at_least:
            continue
        # Where nothing failed before, one more request might have.
        bound = min(1.0, factor * max(was_errors, 1) / was_count)
        if errors / count > bound and _beyond_chance(errors, count, bound):
            was = f"{_percent(was_errors / was_count)} before the reload, wanted at most {factor:g} times that"
            wrong.append(_failing(plugin, count, errors, was))
    return wrong


def _with_all(counts: Mapping[str, Count]) -> dict[str, Count]:
    total = (sum(count for count, _ in counts.values()), sum(errors for _, errors in counts.values()))
    return {**counts, ALL: total}


def _failing(plugin: str, count: int, errors: int, wanted: str) -> str:
    name = "".join(char if char.isprintable() else "?" for char in plugin[:80])
    return f"{name}: {errors} of {count} requests failed ({_percent(errors / count)}), {wanted}"


def _beyond_chance(errors: int, count: int, share: float) -> bool:
    """Return whether so many errors are hardly ever seen where `share` of all requests fail (Chernoff's bound)."""
    seen = errors / count
    if seen <= share or share >= 1:
        return False
    distance = seen * math.log(seen / share)
    if seen < 1:
        distance += (1 - seen) * math.log((1 - seen) / (1 - share))
    return count * distance >= math.log(_CHANCE)


def _percent(share: float) -> str:
    return f"{share * 100:.3g}%"
