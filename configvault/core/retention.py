"""Decide which snapshots a prune keeps, and why. A pure function of the list, the rules and the time.

Names and meaning of the rules are those of `restic forget`: a snapshot stays if any rule keeps it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from configvault.core import units
from configvault.core.frozen import frozen
from configvault.core.model import Snapshot
from configvault.core.settings import KeepSnapshots


@frozen
class Decision:
    """A snapshot and the reasons to keep it; without any it is pruned."""

    snapshot: Snapshot
    reasons: tuple[str, ...]


def is_empty(policy: KeepSnapshots) -> bool:
    """Return whether no rule is set that keeps snapshots by their age or number."""
    return not any((*(count for _, count, _ in _periods(policy)), policy.keep_last, policy.keep_within))


def decide(
    snapshots: Sequence[Snapshot], policy: KeepSnapshots, now: datetime, protected: Mapping[str, Sequence[str]]
) -> list[Decision]:
    """Return for each snapshot, in the given order, why it is kept.

    Args:
        snapshots: all of them, newest first.
        policy: the rules; an empty one keeps only what is protected, good or from the future.
        now: a snapshot that was taken later than this is kept, as a clock was wrong.
        protected: further reasons to keep, by id.
    """
    reasons: dict[str, list[str]] = {one.id: list(protected.get(one.id, ())) for one in snapshots}
    for one in snapshots[: policy.keep_last or 0]:
        reasons[one.id].append("last")
    for name, count, period in _periods(policy):
        _keep_periods(snapshots, name, count, period, reasons)
    if policy.keep_within and snapshots:
        # Counted from the newest snapshot, as in restic: a root that has not changed for long keeps its snapshots.
        since = snapshots[0].taken_at - timedelta(seconds=policy.keep_within)
        for one in snapshots:
            if one.taken_at > since:
                reasons[one.id].append(f"within {units.duration_text(policy.keep_within)}")
    for one in snapshots:
        if one.taken_at > now:
            reasons[one.id].append("from the future")
    for one in _good(snapshots, policy.keep_good):
        reasons[one.id].append("good")
    return [Decision(one, tuple(reasons[one.id])) for one in snapshots]


def _good(snapshots: Sequence[Snapshot], most: int | None) -> list[Snapshot]:
    if most is None:
        return [one for one in snapshots if one.good]
    return [one for one in snapshots if one.good and not one.rolled_back][:most]


Period = Callable[[datetime], tuple[int, ...]]


def _periods(policy: KeepSnapshots) -> tuple[tuple[str, int | None, Period], ...]:
    return (
        # By timestamp: the hour that comes twice when clocks are set back counts as two.
        (
            "hourly",
            policy.keep_hourly,
            lambda at: (int(at.replace(minute=0, second=0, microsecond=0).timestamp()),),
        ),
        ("daily", policy.keep_daily, lambda at: (at.year, at.month, at.day)),
        ("weekly", policy.keep_weekly, lambda at: at.isocalendar()[:2]),
        ("monthly", policy.keep_monthly, lambda at: (at.year, at.month)),
        ("yearly", policy.keep_yearly, lambda at: (at.year,)),
    )


def _keep_periods(
    snapshots: Sequence[Snapshot], name: str, count: int | None, period: Period, reasons: dict[str, list[str]]
) -> None:
    """Keep the newest snapshot of each of the last `count` periods; if there are fewer, also the oldest snapshot."""
    last: tuple[int, ...] | None = None
    left = count or 0
    for one in snapshots:
        this = period(one.taken_at)
        if left and this != last:
            reasons[one.id].append(name)
            last = this
            left -= 1
    if left and snapshots and name not in reasons[snapshots[-1].id]:
        reasons[snapshots[-1].id].append(f"oldest {name}")
