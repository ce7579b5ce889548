"""One photo of this day in another year, at the end of a letter (spec/people.md §3.5)."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from handlers.plain_words import Command, Place, said

MOST_YEARS = 30
SUNDAY = 6


def days_of_other_years(today: date, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    """When this day began and ended in each of the years before; on 29 February of leap years only."""
    days = []
    for years in range(1, MOST_YEARS + 1):
        try:
            day = today.replace(year=today.year - years)
        except ValueError:
            continue
        days.append((datetime.combine(day, time(), zone), datetime.combine(day + timedelta(days=1), time(), zone)))
    return days


def wants_it_hidden(text: str) -> bool:
    """Is "hide" all that was written?"""
    found = said(text, Place.LETTER)
    return found is not None and found.command is Command.HIDE
