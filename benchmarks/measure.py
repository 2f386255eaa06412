"""Contests: several ways to do the same job, in turns, so that a busy moment hits all of them.

A ratio is the median over the rounds of one contender's time divided by another's in the same round. On a machine
that others use, milliseconds drift by twice within minutes; such ratios do not.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

FEWEST_ROUNDS = 2


def nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Contender:
    """One way to do a job: `before` is not timed; `act` may return the seconds that count instead of all it took."""

    name: str
    act: Callable[[], object]
    before: Callable[[], object] = nothing


class Row(NamedTuple):
    """One line of the table; met where `value` is at most `goal` (None: no goal, for orientation)."""

    what: str
    against: str
    value: float
    goal: float | None = None
    unit: str = ""
    note: str = ""


class Times:
    """What each contender took in each round, in seconds."""

    def __init__(self) -> None:
        self.taken: dict[str, list[float]] = {}

    def add(self, name: str, seconds: float) -> None:
        """Take note of the next round of `name`."""
        self.taken.setdefault(name, []).append(seconds)

    def median(self, name: str) -> float:
        """Return the median of a contender."""
        return statistics.median(self.taken[name])

    def ratio(self, ours: str, *theirs: str) -> float:
        """Return the median over the rounds of `ours` divided by all of `theirs` together."""
        rounds = zip(self.taken[ours], *(self.taken[name] for name in theirs), strict=False)
        return float(statistics.median(mine / sum(others) for mine, *others in rounds))


def contest(
    contenders: Sequence[Contender],
    rounds: int,
    budget_s: float,
    settle: Callable[[], object] = nothing,
    each: Callable[[], object] = nothing,
) -> Times:
    """Let each act in each round, beginning with another one each time; the first round only warms up.

    Where rounds are long there are fewer of them, at least two: none begins after `budget_s` seconds. `each` begins a
    round, `settle` is called before the clock starts for each contender.
    """
    times = Times()
    ends_s = time.monotonic() + budget_s
    for number in range(rounds + 1):
        if number > FEWEST_ROUNDS and time.monotonic() > ends_s:
            break
        each()
        start = number % len(contenders)
        for contender in (*contenders[start:], *contenders[:start]):
            took = once(contender, settle)
            if number:
                times.add(contender.name, took)
    return times


def once(contender: Contender, settle: Callable[[], object] = nothing) -> float:
    """Return the seconds that `contender` takes now."""
    contender.before()
    settle()
    began_s = time.perf_counter()
    own_s = contender.act()
    return own_s if isinstance(own_s, float) else time.perf_counter() - began_s


def slope(points: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """Return offset and slope of the straight line through the first and the last of some points, never falling."""
    ordered = sorted(points)
    (x0, y0), (x1, y1) = ordered[0], ordered[-1]
    rise = max((y1 - y0) / (x1 - x0), 0.0) if x1 != x0 else 0.0
    return y0 - rise * x0, rise
