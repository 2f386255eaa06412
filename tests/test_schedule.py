"""Crontab lines and intervals fall due as cron(8) says, on days when the clocks change, too."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from configvault.daemon.schedule import Clock, is_missed, next_time

BERLIN = ZoneInfo("Europe/Berlin")


def times(text: str, start: str, count: int) -> list[str]:
    """Return the next moments `text` is due after `start` in Berlin, as its clocks show them."""
    found, after = [], datetime.fromisoformat(start).replace(tzinfo=BERLIN)
    for _ in range(count):
        after = next_time(text, BERLIN, after)
        found.append(after.strftime("%a %d %H:%M%z"))
    return found


@pytest.mark.parametrize(
    ("text", "start", "wanted"),
    [
        ("0 2 * * *", "2026-06-01T00:00", ["Mon 01 02:00+0200", "Tue 02 02:00+0200"]),
        ("0 4 * * 0", "2026-06-01T00:00", ["Sun 07 04:00+0200", "Sun 14 04:00+0200"]),
        ("0 4 * * 7", "2026-06-01T00:00", ["Sun 07 04:00+0200"]),
        ("0 4 * * sun", "2026-06-01T00:00", ["Sun 07 04:00+0200"]),
        ("0 4 * * 1-5", "2026-06-05T05:00", ["Mon 08 04:00+0200"]),
        ("0 4 * * 5-7", "2026-06-01T00:00", ["Fri 05 04:00+0200", "Sat 06 04:00+0200", "Sun 07 04:00+0200"]),
        ("0 4 * * */3", "2026-06-01T00:00", ["Wed 03 04:00+0200", "Sat 06 04:00+0200", "Sun 07 04:00+0200"]),
        ("0 4 10 * 1", "2026-06-02T00:00", ["Mon 08 04:00+0200", "Wed 10 04:00+0200"]),
        ("*/30 9 * * *", "2026-06-01T09:10", ["Mon 01 09:30+0200", "Tue 02 09:00+0200"]),
        ("every 6h", "2026-06-01T01:00", ["Mon 01 07:00+0200", "Mon 01 13:00+0200"]),
        ("every 90s", "2026-06-01T01:00", ["Mon 01 01:01+0200", "Mon 01 01:03+0200"]),
    ],
)  # fmt: skip
def test_due(text: str, start: str, wanted: list[str]) -> None:
    """Days, lists, steps and intervals mean what crontab(5) says; either of two restricted day fields may match."""
    assert times(text, start, len(wanted)) == wanted


@pytest.mark.parametrize(
    ("text", "start", "wanted"),
    [
        ("30 2 * * *", "2026-03-28T12:00", ["Sun 29 02:30+0100", "Mon 30 02:30+0200"]),
        ("0 2 * * *", "2026-03-28T12:00", ["Sun 29 02:00+0100", "Mon 30 02:00+0200"]),
        ("30 2 * * *", "2026-10-24T12:00", ["Sun 25 02:30+0200", "Mon 26 02:30+0100"]),
        ("30 * * * *", "2026-10-25T01:45", ["Sun 25 02:30+0200", "Sun 25 02:30+0100", "Sun 25 03:30+0100"]),
        ("30 * * * *", "2026-03-29T01:00", ["Sun 29 01:30+0100", "Sun 29 03:30+0200"]),
        ("every 6h", "2026-10-24T23:00", ["Sun 25 04:00+0100"]),
    ],
)
def test_clock_changes(text: str, start: str, wanted: list[str]) -> None:
    """A fixed hour runs once on both days when clocks change; an hourly line in every hour that passes."""
    assert times(text, start, len(wanted)) == wanted


def test_missed_once() -> None:
    """What was due while nobody ran is missed, however often; what was not due yet is not."""
    last = datetime(2026, 6, 1, 3, tzinfo=BERLIN)
    assert is_missed("0 2 * * *", BERLIN, last, last + timedelta(days=5))
    assert not is_missed("0 2 * * *", BERLIN, last, last + timedelta(hours=22))
    assert not is_missed("0 2 * * *", BERLIN, last, last - timedelta(days=1)), "the clock went back"


def test_rings() -> None:
    """The clock rings by itself, again and again, and no more once it is stopped."""
    heard = threading.Semaphore(0)
    clock = Clock("UTC", lambda name: heard.release() if name == "backup" else None)
    clock.start({"backup": "every 1s", "verify": None}, {})
    try:
        assert heard.acquire(timeout=20)
        assert heard.acquire(timeout=20)
        assert set(clock.next_times()) == {"backup"}
    finally:
        clock.stop()
    assert clock.next_times() == {}


def test_interval_counts_from_the_last_time() -> None:
    """After a restart an interval goes on from when it was done last, and does not begin anew."""
    last = datetime.now(UTC) - timedelta(hours=100, minutes=30)
    clock = Clock("UTC", lambda name: None)
    clock.start({"backup": "every 1h"}, {"backup": last})
    try:
        [following] = clock.next_times().values()
        assert (following - last) % timedelta(hours=1) == timedelta(0)
        assert following > datetime.now(UTC)
    finally:
        clock.stop()
