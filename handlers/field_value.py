"""What stands in single header fields: unfolded bytes, ids, dates (RFC 5322 §2.2.3, §3.3, §3.6.4)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

LONGEST_ID = 900  # an id must fit on one line of at most 998 characters (RFC 5322 §2.1.1)
MOST_IDS = 200

_ANGLE_ID = re.compile(r"<([^<>]*)>")
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_ZONES = {  # RFC 5322 §4.3, and names that programs of later days wrote
    "est": -300, "edt": -240, "cst": -360, "cdt": -300, "mst": -420, "mdt": -360, "pst": -480, "pdt": -420,
    "wet": 0, "west": 60, "bst": 60, "cet": 60, "cest": 120, "met": 60, "mest": 120, "mez": 60, "mesz": 120,
    "eet": 120, "eest": 180, "msk": 180, "ist": 330, "jst": 540, "kst": 540, "aest": 600, "aedt": 660,
    "nzst": 720, "nzdt": 780,
}  # fmt: skip
_DAY_FIRST = re.compile(
    r"\b(\d{1,2})[ -]([A-Za-z]{3,9}\.?|\d{1,2})[ ,-]{1,2}(\d{2,4})[ ,]{1,2}(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?"
    r"(?:[.,]\d{1,9})? ?([+-]\d{2}:?\d{2}|[A-Za-z]{1,5})?"
)
_MONTH_FIRST = re.compile(  # as C's asctime writes it
    r"\b([A-Za-z]{3,9}) (\d{1,2}),? (\d{1,2}):(\d{2})(?::(\d{2}))?(?: ([+-]\d{4}|[A-Z]{1,5}))? (\d{4})(?: ([+-]\d{4}))?"
)
_ISO = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::(\d{2}))?(?:\.\d{1,9})? ?([+-]\d{2}:?\d{2}|Z)?")


def unfolded(data: bytes) -> bytes:
    """A field body on one line: a line break and the blanks around it become one blank (RFC 5322 §2.2.3)."""
    line = data.strip(b" \t\r\n")
    if b"\n" not in line and b"\r" not in line:  # so it is with most fields, and intake reads many
        return line
    lines = (line.strip(b" \t") for line in data.replace(b"\r\n", b"\n").replace(b"\r", b" ").split(b"\n"))
    return b" ".join(line for line in lines if line)


def field_text(data: bytes) -> str:
    """Header bytes as text: UTF-8 (RFC 6532 §3.2) or, in old mail, Latin-1."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def without_comments(text: str) -> str:
    """*text* with every (comment) cut, nested or not, one blank in its place. Quoted strings are left alone."""
    if "(" not in text:
        return text
    out: list[str] = []
    depth = 0
    quoted = False
    escaped = False
    for character in text:
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == '"' and depth == 0:
            quoted = not quoted
        elif character == "(" and not quoted:
            depth += 1
            if depth == 1:
                out.append(" ")
        elif character == ")" and depth and not quoted:
            depth -= 1
            continue
        if depth == 0:
            out.append(character)
    return "".join(out)


def message_ids(text: str) -> tuple[str, ...]:
    """The ids in a Message-ID, In-Reply-To or References field, each as "<…>", in order, once.

    Where nothing stands in angle brackets, a lone word is the id, else every word with an @. Of more than 200
    the first one (the root of the thread) and the last 199 are kept.
    """
    found = ["".join(inside.split()) for inside in _ANGLE_ID.findall(text)]
    if not found:
        words = without_comments(text).replace(",", " ").split()
        found = [word.strip("<>") for word in words if len(words) == 1 or "@" in word]
    ids = list(
        dict.fromkeys(f"<{inside}>" for inside in found if 0 < len(inside) <= LONGEST_ID and inside.isprintable())
    )
    return tuple(ids if len(ids) <= MOST_IDS else [ids[0], *ids[1 - MOST_IDS :]])


def moment(text: str) -> datetime | None:
    """The moment that a Date field names, in UTC; None when it cannot be read or the year makes no sense."""
    plain = " ".join(without_comments(text[:1000]).split())
    if found := _DAY_FIRST.search(plain):
        day, month, year, hour, minute, second, zone = found.groups()
    elif found := _MONTH_FIRST.search(plain):
        month, day, hour, minute, second, zone, year, late_zone = found.groups()
        zone = zone or late_zone
    elif found := _ISO.search(plain):
        year, month, day, hour, minute, second, zone = found.groups()
    else:
        return None
    try:
        written = datetime(
            _full_year(year),
            _month(month),
            int(day),
            int(hour),
            int(minute),
            min(int(second or 0), 59),
            tzinfo=_zone(zone),
        )
        return written.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _full_year(digits: str) -> int:
    """RFC 5322 §4.3: two digits up to 49 belong to this century; three count from 1900."""
    year = int(digits)
    if len(digits) == 2:
        year += 2000 if year < 50 else 1900
    elif len(digits) == 3:
        year += 1900
    if not 1900 <= year <= 2200:
        raise ValueError("no year of mail")
    return year


def _month(word: str) -> int:
    return int(word) if word.isdigit() else _MONTHS.get(word[:3].lower(), 0)


def _zone(word: str | None) -> timezone:
    """An offset or a name; an unknown name says nothing, so UTC (RFC 5322 §4.3)."""
    if word and word[0] in "+-":
        digits = word[1:].replace(":", "")
        minutes = int(digits[:2]) * 60 + int(digits[2:])
        if int(digits[2:]) < 60 and minutes <= 14 * 60:
            return timezone(timedelta(minutes=-minutes if word[0] == "-" else minutes))
        return UTC
    return timezone(timedelta(minutes=_ZONES.get((word or "").lower()[:4], _ZONES.get((word or "").lower()[:3], 0))))
