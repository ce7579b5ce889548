"""One photo of this day in another year, at the end of a letter (spec/people.md §3.5)."""

from __future__ import annotations

import unicodedata
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MOST_YEARS = 30
SUNDAY = 6
_HIDE = frozenset({
    "hide", "hide it", "hide this", "hide the memory", "ausblenden", "verbergen", "verstecken", "dölj", "göm", "cacher",
    "masquer", "ocultar", "esconder", "nascondi", "verberg", "הסתר", "הסתרה", "إخفاء", "اخف",
})  # fmt: skip
_POLITE = frozenset({"please", "bitte", "tack", "svp", "gracias", "merci", "thanks", "danke", "תודה", "شكرا"})
_LONGEST = 40


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
    lines = [line for line in unicodedata.normalize("NFC", text).casefold().splitlines() if line.strip()]
    if not lines or len(text) > _LONGEST or len(lines) > 2:
        return False
    return " ".join(word for word in (each.strip(".,!") for each in lines[0].split()) if word not in _POLITE) in _HIDE
