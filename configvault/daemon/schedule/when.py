"""Read `0 2 * * *` and `every 6h` as cron does, where APScheduler's own reading of a crontab line differs.

Source: crontab(5) and cron(8) of Debian. Sunday is 0 or 7 (APScheduler: 6). Where both day fields are restricted
either may match (APScheduler: both must). When a clock is set back, what has a fixed hour runs in the first pass
of the hour that comes twice only; what runs in every hour runs in both. When it is set forward, what falls into
the hour that is missing runs at the same moment, which the clock calls an hour later.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger

from configvault.core import units

if TYPE_CHECKING:
    from collections.abc import Sequence

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")


def next_time(text: str, zone: tzinfo, after: datetime, last: datetime | None = None) -> datetime:
    """Return when `text` is next due, later than `after`. Costs the same however long ago it was done.

    Args:
        text: a line of crontab, or `every` and a duration.
        zone: whose clock it means.
        after: the time now.
        last: when it was done last, which an interval counts from (None, or later than now: from now).
    """
    # Through UTC, here and below: an hour on the clock is not always an hour.
    now = after.astimezone(UTC)
    words = text.split()
    if words[0] == "every":
        period = timedelta(seconds=units.duration("".join(words[1:])))
        anchor = now if last is None or last > now else last.astimezone(UTC)
        return (anchor + ((now - anchor) // period + 1) * period).astimezone(zone)
    trigger = _FirstPass(_crontab(words, zone), fixed_hour=not words[1].startswith("*"))
    found = trigger.get_next_fire_time(None, (now + timedelta(microseconds=1)).astimezone(zone))
    assert isinstance(found, datetime)
    return found


def is_missed(text: str, zone: tzinfo, last: datetime, now: datetime) -> bool:
    """Return whether `text` was due at least once since it was done `last`; not where that lies in the future."""
    return last < now and next_time(text, zone, last) <= now


def _crontab(words: Sequence[str], zone_: tzinfo) -> BaseTrigger:
    minute, hour, day, month, weekday = words
    common: dict[str, Any] = {"minute": minute, "hour": hour, "month": month, "timezone": zone_}
    if day.startswith("*") or weekday.startswith("*"):
        return CronTrigger(day=day, day_of_week=_weekdays(weekday), **common)
    return OrTrigger([CronTrigger(day=day, **common), CronTrigger(day_of_week=_weekdays(weekday), **common)])


def _weekdays(field: str) -> str:
    """Return the field with each day by its name: the numbers mean other days to APScheduler."""
    if field == "*":
        return field
    days: list[str] = []
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = ("0-6" if span == "*" else span).partition("-")
        low = _day(first)
        high = _day(last) if last else low
        # A day that is both, as in fri-sun, is the later one.
        high += 7 * (high < low)
        days += (_DAYS[number % 7] for number in range(low, high + 1, int(step or 1)))
    return ",".join(dict.fromkeys(days))


def _day(text: str) -> int:
    return int(text) if text.isdigit() else _DAYS.index(text)


class _FirstPass(BaseTrigger):  # type: ignore[misc] # the library has no types
    """A trigger without its firings in the second pass of an hour that comes twice, if its hours are fixed."""

    def __init__(self, inner: BaseTrigger, *, fixed_hour: bool) -> None:
        self._inner = inner
        self._fixed_hour = fixed_hour

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        found: datetime | None = self._inner.get_next_fire_time(previous_fire_time, now)
        while found is not None and self._fixed_hour and _is_second_pass(found):
            found = self._inner.get_next_fire_time(found, found)
        return found


def _is_second_pass(moment: datetime) -> bool:
    return bool(moment.fold) and moment.replace(fold=0).utcoffset() != moment.utcoffset()
