"""Which snapshots a policy keeps, and why."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configvault.core.model import Snapshot
from configvault.core.retention import decide, is_empty
from configvault.core.settings import KeepSnapshots

NOW = datetime(2024, 3, 15, 12, 0, tzinfo=UTC)


def taken(*ages: timedelta, good: tuple[int, ...] = ()) -> list[Snapshot]:
    """Return snapshots of these ages, newest first."""
    return [
        Snapshot(f"s{n}", f"{n:040}", "", None, NOW - age, "change", "", "", "", good=n in good)
        for n, age in enumerate(sorted(ages))
    ]


def kept(snapshots: list[Snapshot], policy: KeepSnapshots) -> dict[str, str]:
    """Return the reasons by id of what stays."""
    decisions = decide(snapshots, policy, NOW, {})
    return {one.snapshot.id: ", ".join(one.reasons) for one in decisions if one.reasons}


HOURS = [timedelta(minutes=30 * n) for n in range(1, 9)]
DAYS = [timedelta(days=n) for n in range(6)]


@pytest.mark.parametrize(
    ("ages", "policy", "expected"),
    [
        (DAYS, KeepSnapshots(keep_last=2), {"s0": "last", "s1": "last"}),
        (HOURS, KeepSnapshots(keep_hourly=3), {"s0": "hourly", "s2": "hourly", "s4": "hourly"}),
        (DAYS, KeepSnapshots(keep_daily=2), {"s0": "daily", "s1": "daily"}),
        (DAYS, KeepSnapshots(keep_weekly=1, keep_last=1), {"s0": "last, weekly"}),
        (DAYS, KeepSnapshots(keep_within=2 * 86400.0), {"s0": "within 2d", "s1": "within 2d"}),
        (
            [timedelta(days=40), timedelta(days=1)],
            KeepSnapshots(keep_monthly=5),
            {"s0": "monthly", "s1": "monthly"},
        ),
        (DAYS, KeepSnapshots(keep_yearly=3), {"s0": "yearly", "s5": "oldest yearly"}),
        ([timedelta(days=-1), *DAYS], KeepSnapshots(keep_yearly=1), {"s0": "yearly, from the future"}),
    ],
)
def test_rules(ages: list[timedelta], policy: KeepSnapshots, expected: dict[str, str]) -> None:
    """Each rule keeps what restic's rule of that name would."""
    assert kept(taken(*ages), policy) == expected


def test_good_ones_stay() -> None:
    """All good snapshots stay, or only so many of them as asked for."""
    snapshots = taken(*DAYS, good=(2, 4))
    assert kept(snapshots, KeepSnapshots(keep_last=1)) == {"s0": "last", "s2": "good", "s4": "good"}
    assert kept(snapshots, KeepSnapshots(keep_last=1, keep_good=1)) == {"s0": "last", "s2": "good"}


def test_a_policy_without_rules_is_empty() -> None:
    """How many good ones to keep is no rule by itself."""
    assert is_empty(KeepSnapshots())
    assert is_empty(KeepSnapshots(keep_good=3))
    assert not is_empty(KeepSnapshots(keep_within=1.0))


COUNTS = st.none() | st.integers(1, 5)


@given(
    st.lists(st.integers(0, 10**8), max_size=30, unique=True),
    st.builds(KeepSnapshots, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, st.none() | st.floats(1, 10**7)),
)
def test_thinning_again_removes_nothing(seconds: list[int], policy: KeepSnapshots) -> None:
    """What a policy keeps it keeps again, and the newest is always among it."""
    snapshots = taken(*(timedelta(seconds=one) for one in seconds))
    stays = [one.snapshot for one in decide(snapshots, policy, NOW, {}) if one.reasons]
    again = [one.snapshot for one in decide(stays, policy, NOW, {}) if one.reasons]
    assert again == stays
    assert is_empty(policy) or not snapshots or snapshots[0] in stays


def test_the_hour_that_comes_twice_is_two_hours() -> None:
    """In autumn the newest of each 02:xx is kept: what lies between them is an hour apart."""
    zone = ZoneInfo("Europe/Berlin")
    passes = [
        datetime(2024, 10, 27, 2, minute, fold=fold, tzinfo=zone) for fold in (1, 0) for minute in (40, 10)
    ]
    ages = [NOW - at.astimezone(UTC) for at in passes]
    snapshots = [dataclasses.replace(one, taken_at=at) for one, at in zip(taken(*ages), passes, strict=True)]
    decided = decide(snapshots, KeepSnapshots(keep_hourly=2), NOW + timedelta(days=366), {})
    assert [bool(one.reasons) for one in decided] == [True, False, True, False]
