"""Crontab lines and intervals fall due as cron(8) says, on days when the clocks change, too."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sites import Place

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
    rare = threading.Semaphore(0)
    clock = Clock(UTC, lambda name: (heard if name == "backup" else rare).release())
    clock.start({"backup": "every 1s", "verify": "every 3s", "drill": None}, {})
    try:
        assert heard.acquire(timeout=20)
        assert heard.acquire(timeout=20)
        assert rare.acquire(timeout=20), "one that rings often kept the other from being due"
        assert set(clock.next_times()) == {"backup", "verify"}
    finally:
        clock.stop()
    assert clock.next_times() == {}


def test_interval_counts_from_the_last_time() -> None:
    """After a restart an interval goes on from when it was done last, and does not begin anew."""
    last = datetime.now(UTC) - timedelta(hours=100, minutes=30)
    clock = Clock(UTC, lambda name: None)
    clock.start({"backup": "every 1h"}, {"backup": last})
    try:
        [following] = clock.next_times().values()
        assert (following - last) % timedelta(hours=1) == timedelta(0)
        assert following > datetime.now(UTC)
    finally:
        clock.stop()


def test_what_was_done_in_the_future_counts_as_now() -> None:
    """After a start with a clock that was years ahead an interval begins anew, and is due after one period."""
    now = datetime(2026, 6, 1, 12, tzinfo=BERLIN)
    done = now + timedelta(days=700)
    assert next_time("every 6h", BERLIN, now, done) == now + timedelta(hours=6)
    assert not is_missed("every 6h", BERLIN, done, now)


def test_missed_times_are_not_gone_through() -> None:
    """From a clock of 1970 the next time of a minutely interval is worked out at once, and on the minute it had."""
    last = datetime(1970, 1, 1, 0, 0, 7, tzinfo=UTC)
    now = datetime(2026, 6, 1, 12, 0, 30, tzinfo=BERLIN)
    assert next_time("every 1m", BERLIN, now, last) == now.replace(minute=1, second=7)
    assert is_missed("every 1m", BERLIN, last, now)


class Steps:
    """A clock that stands until it is set, and one schedule on it."""

    def __init__(self, now: datetime, lines: dict[str, str | None], last: dict[str, datetime]) -> None:
        """Start the schedule."""
        self.now = now
        self.rung: list[str] = []
        self.planned: list[dict[str, datetime]] = []
        self.heard = threading.Semaphore(0)
        self.clock = Clock(BERLIN, self._ring, self._plan, lambda: self.now)
        self.clock.start(lines, last)
        assert self.heard.acquire(timeout=20)

    def _ring(self, name: str) -> None:
        self.rung.append(name)

    def _plan(self, times: dict[str, datetime]) -> None:
        self.planned.append(times)
        self.heard.release()

    def set(self, now: datetime) -> None:
        """Set the clock and wait until the schedule has taken it in."""
        self.now = now
        self.clock.look_again()
        assert self.heard.acquire(timeout=20)


def test_due_times_are_worked_out_anew_after_any_step() -> None:
    """A clock set back makes a line due when it says by the right time; one set ahead rings once for all it passed."""
    ahead, now = datetime(2027, 6, 1, 12, tzinfo=BERLIN), datetime(2026, 6, 1, 12, tzinfo=BERLIN)
    steps = Steps(ahead, {"backup": "0 2 * * *", "verify": "every 1m"}, {"backup": ahead, "verify": ahead})
    try:
        assert steps.planned[-1]["backup"] == ahead.replace(day=2, hour=2)
        steps.set(now)
        right = {"backup": now.replace(day=2, hour=2), "verify": now + timedelta(minutes=1)}
        assert (steps.clock.next_times(), steps.rung) == (right, [])
        steps.set(now + timedelta(days=30, hours=1))
    finally:
        steps.clock.stop()
    assert sorted(steps.rung) == ["backup", "verify"]
    assert all(at > steps.now for at in steps.planned[-1].values()), "said to be due in the past"


def test_the_callers_zone_decides_nothing(tmp_path: Path) -> None:
    """Where the zone is the host's, snapshots taken under any TZ are named and dated in that one zone."""
    place = Place(tmp_path / "place")
    place.config.write_text(place.config.read_text().replace("timezone: UTC", "timezone: local"))
    place.init({"a": "0"})
    zones = set()
    for number, zone in enumerate(("Asia/Shanghai", "America/New_York", "UTC")):
        place.write({"a": f"{number}"})
        assert place.process("snapshot", TZ=zone).code == 0
        taken_at = datetime.fromisoformat(place.ok("list")["snapshots"][0]["taken_at"])
        zones.add(taken_at.utcoffset())
    assert len(zones) == 1
