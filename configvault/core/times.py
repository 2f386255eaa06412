"""Parse times as people write them, and make ids from times. The present time is an argument: nothing here reads a clock.

A time without a zone is in the zone of `now`. In the hour that is skipped when clocks are set forward, a time means the
hour after it. In the hour that comes twice when they are set back, it means the first pass, or the second one for the end
of a range. "Days (weeks, months, years) ago" keeps the time of day; "hours (minutes, seconds) ago" counts elapsed time.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

from configvault.core import units
from configvault.core.pattern import pattern

WHENS = (
    "2023-12-01, 2023-12-01 14:00, 2023-12-01T14:00:00+08:00, 14:00, now, today, yesterday 14:00, 2h ago, 3d"
)
SNAPSHOT_PREFIX = "backup_"
REJECTED_PREFIX = "rejected_"

_ID_FORMAT = "%Y%m%d_%H%M%S"
_NONE = timedelta()
_SECOND = timedelta(seconds=1)
_LAST_MOMENT = timedelta(microseconds=1)
_ELAPSED_S = {
    "s": 1,
    "sec": 1,
    "second": 1,
    "m": 60,
    "min": 60,
    "minute": 60,
    "h": 3600,
    "hr": 3600,
    "hour": 3600,
}
_DAYS = {"d": 1, "day": 1, "w": 7, "week": 7}
_MONTHS = {"month": 1, "y": 12, "year": 12}
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_AGO = pattern(r"-?([0-9]{1,9}|an?|last)\s*([a-z]{1,8})(?:\s+ago)?")
_DATE = pattern(r"([0-9]{4})[-/]([0-9]{1,2})[-/]([0-9]{1,2})")


def parse_duration(text: str) -> float:
    """Return the duration `text` in seconds.

    Raises:
        ValueError: it is not a duration; the message says what is allowed.
    """
    try:
        return units.duration(text)
    except ValueError:
        raise ValueError(f"not a duration: {text!r}; allowed: {units.DURATIONS}") from None


def format_duration(seconds: float) -> str:
    """Return `seconds` for people, in at most two units: `1h 23m`, `45s`, `1.5s`, `120ms`."""
    if seconds < 0:
        return "-" + format_duration(-seconds)
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f}ms" if seconds else "0s"
    if seconds < 9.95:
        return f"{seconds:.1f}".removesuffix(".0") + "s"
    rest, parts = round(seconds), []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        parts.append((count, unit))
    first = next(i for i, (count, _) in enumerate(parts) if count)
    return " ".join(f"{count}{unit}" for count, unit in parts[first : first + 2] if count)


def parse_when(text: str, now: datetime, *, end: bool = False) -> datetime:
    """Return the time `text`, in the zone of `now`.

    Args:
        text: a date, a time, both, a word or an age; see `WHENS`.
        now: the present time, in the configured zone.
        end: a date without a time means the last moment of that day (`--until`), not the first (`--since`).

    Raises:
        ValueError: it is not a time; the message says what is allowed.
    """
    assert now.tzinfo is not None
    words = " ".join(text.lower().split())
    try:
        found = _age(words, now) or _point(words, now, end)
    except (ValueError, OverflowError):
        found = None
    if found is None:
        raise ValueError(f"not a time: {text!r}; allowed: {WHENS}")
    return found


def _age(words: str, now: datetime) -> datetime | None:
    match = _AGO.fullmatch(words)
    if match is None:
        return now if words == "now" else None
    count = int(match[1]) if match[1].isdigit() else 1
    unit = match[2].removesuffix("s") if len(match[2]) > 2 else match[2]
    if unit in _ELAPSED_S:
        return (now.astimezone(UTC) - timedelta(seconds=count * _ELAPSED_S[unit])).astimezone(now.tzinfo)
    if unit in _DAYS:
        return _existing(now - timedelta(days=count * _DAYS[unit]))
    if unit in _MONTHS:
        return _existing(_months_before(now, count * _MONTHS[unit]))
    return None


def _months_before(now: datetime, count: int) -> datetime:
    year, month = divmod(now.year * 12 + now.month - 1 - count, 12)
    if not 1 <= year <= 9999:
        raise ValueError(year)
    return now.replace(year=year, month=month + 1, day=min(now.day, calendar.monthrange(year, month + 1)[1]))


def _point(words: str, now: datetime, end: bool) -> datetime:
    if words.startswith("@"):
        return datetime.fromtimestamp(float(words[1:]), now.tzinfo)
    head, _, rest = words.partition(" ")
    if head == "last" and rest.partition(" ")[0] in _WEEKDAYS:
        head, _, rest = rest.partition(" ")
    day = _day(head, now)
    if day is None:
        return _moment(words, now, end)
    if rest:
        return _moment(f"{day} {rest.removeprefix('at ')}", now, end)
    if not end:
        return _existing(datetime.combine(day, time.min, now.tzinfo))
    # Computed in UTC, so that a day with a clock change ends just before the next one begins.
    following = datetime.combine(day + timedelta(days=1), time.min, now.tzinfo)
    return (following.astimezone(UTC) - _LAST_MOMENT).astimezone(now.tzinfo)


def _day(word: str, now: datetime) -> date | None:
    if word in ("today", "yesterday"):
        return now.date() - timedelta(days=word == "yesterday")
    if word in _WEEKDAYS:
        since = (now.weekday() - _WEEKDAYS.index(word)) % 7 or 7
        return now.date() - timedelta(days=since)
    match = _DATE.fullmatch(word)
    if match:
        return date(int(match[1]), int(match[2]), int(match[3]))
    return date.fromisoformat(word) if re.fullmatch("[0-9]{8}", word) else None


def _moment(words: str, now: datetime, end: bool) -> datetime:
    text = re.sub(r" ?(?:utc|gmt|z)$", "Z", words)
    text = re.sub(r" ([+-][0-9]{2}:?[0-9]{2})$", r"\1", text).replace("t", "T")
    if re.match(r"[0-9]{1,2}:[0-9]{2}", text):
        text = f"{now.date()} {text}"
    text = _DATE.sub(lambda m: f"{m[1]}-{m[2]:0>2}-{m[3]:0>2}", text, count=1)
    text = re.sub(r"([ T])([0-9]:)", r"\g<1>0\2", text, count=1)
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        return _existing(found.replace(tzinfo=now.tzinfo, fold=int(end)))
    return found.astimezone(now.tzinfo)


def _existing(local: datetime) -> datetime:
    """Return `local`, moved to the hour after if it is in an hour that a clock change skips."""
    first, second = local.replace(fold=0), local.replace(fold=1)
    if (first.utcoffset() or _NONE) < (second.utcoffset() or _NONE):
        # Only in a skipped hour is the offset for `fold=0` the smaller one; there `fold=1` would mean the hour before.
        local = first
    return local.astimezone(UTC).astimezone(local.tzinfo)


def snapshot_id(now: datetime, newest: str | None, taken: Callable[[str], bool]) -> str:
    """Return a free id for a snapshot taken `now` that sorts after `newest`.

    Args:
        now: the present time, in the configured zone.
        newest: the id of the latest snapshot; the clock may have been set back since.
        taken: tells whether an id is in use.
    """
    return _free_id(SNAPSHOT_PREFIX, now, newest, taken)


def rejected_id(now: datetime, newest: str | None, taken: Callable[[str], bool]) -> str:
    """Return a free id for a rejected state, as `snapshot_id` does."""
    return _free_id(REJECTED_PREFIX, now, newest, taken)


def _second(digits: str) -> datetime:
    """Return the time in an id, without zone; not with `strptime`, which would import half a dozen modules."""
    date, _, time = digits.partition("_")
    return datetime(int(date[:4]), int(date[4:6]), int(date[6:]), int(time[:2]), int(time[2:4]), int(time[4:]))


def _free_id(prefix: str, now: datetime, newest: str | None, taken: Callable[[str], bool]) -> str:
    second = now.replace(tzinfo=None, microsecond=0)
    if newest is not None:
        second = max(second, _second(newest.removeprefix(prefix)) + _SECOND)
    while taken(prefix + second.strftime(_ID_FORMAT)):
        second += _SECOND
    return prefix + second.strftime(_ID_FORMAT)
