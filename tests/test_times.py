"""Times as people write them, durations, and the ids of snapshots."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configvault.core import times

BERLIN = ZoneInfo("Europe/Berlin")
SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2023, 12, 5, 15, 30, 20, 7, SHANGHAI)  # a Tuesday


def when(text: str, now: datetime = NOW, *, end: bool = False) -> str:
    """Return what `parse_when` makes of `text`, written out."""
    return times.parse_when(text, now, end=end).isoformat()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("1s", 1), ("5m", 300), ("2h", 7200), ("1d", 86400), ("90", 90), ("1.5h", 5400)],
)
def test_duration(text: str, seconds: float) -> None:
    """A duration is a number with a unit, or bare seconds."""
    assert times.parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5 parsecs", "-1s", "m", "1e9", "nan", "1h30m"])
def test_no_duration(text: str) -> None:
    """What is no duration is refused with what is allowed."""
    with pytest.raises(ValueError, match="allowed: 500ms"):
        times.parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"), (0.0004, "0ms"), (0.12, "120ms"), (0.9999, "1s"), (1.5, "1.5s"), (9.99, "10s"), (45, "45s"),
        (60, "1m"), (61, "1m 1s"), (3600, "1h"), (3601, "1h"), (5025.3, "1h 23m"), (90000, "1d 1h"), (-61, "-1m 1s"),
    ],
)  # fmt: skip
def test_duration_for_people(seconds: float, text: str) -> None:
    """A duration is shown in its two largest units."""
    assert times.format_duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2023-12-01 14:00", "2023-12-01T14:00:00+08:00"),
        ("2023-12-01T14:00:05", "2023-12-01T14:00:05+08:00"),
        ("2023-12-01T14:00:05.25", "2023-12-01T14:00:05.250000+08:00"),
        ("2023-12-01T14:00Z", "2023-12-01T22:00:00+08:00"),
        ("2023-12-01 14:00 UTC", "2023-12-01T22:00:00+08:00"),
        ("2023-12-01 14:00:00 +0100", "2023-12-01T21:00:00+08:00"),
        ("2023-12-01T14:00:00+01:00", "2023-12-01T21:00:00+08:00"),
        ("2023-12-01", "2023-12-01T00:00:00+08:00"),
        ("2023/12/1 9:05", "2023-12-01T09:05:00+08:00"),
        ("20231201", "2023-12-01T00:00:00+08:00"),
        ("20231201T140000", "2023-12-01T14:00:00+08:00"),
        ("14:00", "2023-12-05T14:00:00+08:00"),
        ("now", "2023-12-05T15:30:20.000007+08:00"),
        ("Today", "2023-12-05T00:00:00+08:00"),
        ("yesterday", "2023-12-04T00:00:00+08:00"),
        (" yesterday  14:00 ", "2023-12-04T14:00:00+08:00"),
        ("yesterday at 9:30", "2023-12-04T09:30:00+08:00"),
        ("monday", "2023-12-04T00:00:00+08:00"),
        ("last tuesday 10:00", "2023-11-28T10:00:00+08:00"),
        ("2h ago", "2023-12-05T13:30:20.000007+08:00"),
        ("30 minutes ago", "2023-12-05T15:00:20.000007+08:00"),
        ("an hour ago", "2023-12-05T14:30:20.000007+08:00"),
        ("-90s", "2023-12-05T15:28:50.000007+08:00"),
        ("3d", "2023-12-02T15:30:20.000007+08:00"),
        ("1 week ago", "2023-11-28T15:30:20.000007+08:00"),
        ("last week", "2023-11-28T15:30:20.000007+08:00"),
        ("10 months ago", "2023-02-05T15:30:20.000007+08:00"),
        ("last year", "2022-12-05T15:30:20.000007+08:00"),
        ("@0", "1970-01-01T08:00:00+08:00"),
    ],
)
def test_when(text: str, iso: str) -> None:
    """A time may be ISO 8601, a day, a word or an age; without a zone it is in the configured one."""
    assert when(text) == iso


@pytest.mark.parametrize(
    "text",
    ["", "soon", "2023-13-01", "2023-02-30", "25:00", "yesterday 26:00", "9999999 years ago", "2 ago", "@x", "@1e99",
     "2023-12-01 14:00 Mars/Base", "999999999 days ago", "0000-00-00", "latest", "\x00", "5 ms", "-9223372036854775808"],
)  # fmt: skip
def test_no_time(text: str) -> None:
    """What is no time is refused with what is allowed."""
    with pytest.raises(ValueError, match=r"not a time: .*allowed: 2023-12-01"):
        times.parse_when(text, NOW)


def test_end_of_a_day() -> None:
    """Asked for the end, a day is its last moment, and a time stays what it is."""
    assert when("2023-12-01", end=True) == "2023-12-01T23:59:59.999999+08:00"
    assert when("2023-12-01 14:00", end=True) == "2023-12-01T14:00:00+08:00"


def test_clock_set_forward() -> None:
    """A time that the clocks skipped is the same distance after the change."""
    now = datetime(2024, 4, 2, 12, tzinfo=BERLIN)
    assert when("2024-03-31 02:30", now) == "2024-03-31T03:30:00+02:00"
    assert when("2024-03-31 02:30", now, end=True) == "2024-03-31T03:30:00+02:00"
    assert when("2024-03-31", now, end=True) == "2024-03-31T23:59:59.999999+02:00"


def test_clock_set_back() -> None:
    """A time that came twice is its first pass, or its second where the end is asked for."""
    now = datetime(2024, 10, 28, 12, tzinfo=BERLIN)
    assert when("2024-10-27 02:30", now) == "2024-10-27T02:30:00+02:00"
    assert when("2024-10-27 02:30", now, end=True) == "2024-10-27T02:30:00+01:00"


def test_ages_over_a_clock_change() -> None:
    """Days ago keep the time on the clock, hours ago are hours."""
    now = datetime(2024, 3, 31, 12, tzinfo=BERLIN)
    assert when("1d", now) == "2024-03-30T12:00:00+01:00"
    assert when("24h", now) == "2024-03-30T11:00:00+01:00"


@given(st.text(max_size=30))
def test_when_raises_nothing_else(text: str) -> None:
    """Whatever is typed is a time with a zone or a ValueError."""
    try:
        found = times.parse_when(text, NOW)
    except ValueError as error:
        refused = str(error)
        assert "allowed" in refused
    else:
        assert found.tzinfo is not None


@given(st.datetimes(min_value=datetime(1971, 1, 2), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_iso_read_back(moment: datetime) -> None:
    """A time written with its offset is the same moment in every configured zone."""
    assert times.parse_when(moment.isoformat(), NOW) == moment
    assert times.parse_when(moment.astimezone(BERLIN).isoformat(), NOW) == moment


def free(_: str) -> bool:
    """Say that no id is taken."""
    return False


def test_id() -> None:
    """An id is the second of the snapshot on the configured zone's clock."""
    assert times.snapshot_id(NOW, None, free) == "backup_20231205_153020"
    assert times.snapshot_id(NOW, "backup_20231205_153019", free) == "backup_20231205_153020"
    assert times.rejected_id(NOW, None, free) == "rejected_20231205_153020"


def test_id_taken() -> None:
    """A second that is taken gives way to the next free one."""
    used = {"backup_20231205_153020", "backup_20231205_153021"}
    assert times.snapshot_id(NOW, None, used.__contains__) == "backup_20231205_153022"


def test_id_when_the_clock_went_back() -> None:
    """An id is always later than the newest one, also over midnight and when that second is taken."""
    assert times.snapshot_id(NOW, "backup_20231231_235959", free) == "backup_20240101_000000"
    used = {"backup_20240101_000000"}
    assert times.snapshot_id(NOW, "backup_20231231_235959", used.__contains__) == "backup_20240101_000001"


def test_id_in_the_hour_that_comes_twice() -> None:
    """Ids go on growing when the clocks are set back."""
    newest, moment = None, datetime(2024, 10, 27, 0, 30, tzinfo=UTC)
    for _ in range(4):
        following = times.snapshot_id(moment.astimezone(BERLIN), newest, free)
        assert newest is None or following > newest
        newest, moment = following, moment + timedelta(minutes=20)
