"""When a letter is due: at her local hour, once a day or week, late for some hours after an outage."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LAST_HOUR = 20
"""Local: what could not be sent by then comes with the next letter, unless she wants hers later than that."""
_AN_HOUR = timedelta(hours=1)


def zone_of(name: str) -> ZoneInfo:
    """UTC where the name means nothing any more."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def is_due(hour: int, local: datetime) -> bool:
    """Is this a time of day at which the letter of that hour may go out? local: now, in her zone."""
    return local.hour >= hour and (local.hour < LAST_HOUR or hour >= LAST_HOUR)


def ends_at(hour: int, day: date, zone: ZoneInfo) -> datetime:
    """What is accepted from then on waits for the next letter: her hour is over."""
    return (datetime.combine(day, time(hour), zone)).astimezone(UTC) + _AN_HOUR


def next_due(hour: int, weekday: int | None, now: datetime, zone: ZoneInfo, *, had_today: bool) -> datetime:
    """When her next letter is due, in UTC; in the past when it is late. weekday: of a weekly one, Monday is 0."""
    local = now.astimezone(zone)
    day = local.date()
    if had_today or (local.hour >= LAST_HOUR > hour):
        day += timedelta(days=1)
    while weekday is not None and day.weekday() != weekday:
        day += timedelta(days=1)
    return datetime.combine(day, time(hour), zone).astimezone(UTC)
