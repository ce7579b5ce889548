"""Members as people keep them: a CSV file out of any spreadsheet, or lines as they are pasted out of a mail program.

`read` never gives up on a file: what it does not understand becomes a `Skipped` row with its reason, and the other
rows stand. `written` makes a file that `read` takes back.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from handlers.address import AddressProblem, address_key, entered_mailbox
from organic_mail import config_values as values
from storage.models import DeliveryMode, Role

COLUMNS = ("name", "address", "delivery", "role", "language", "timezone")
_LONGEST_CELL_IN_LINES = 20  # a quotation mark that is still open after them was never meant to be closed
_OTHER_NAMES = {
    "email": "address",
    "e-mail": "address",
    "mail": "address",
    "email address": "address",
    "e-mail address": "address",
    "member": "name",
    "full name": "name",
    "display name": "name",
    "nickname": "name",
    "mode": "delivery",
    "time zone": "timezone",
}
_DELIVERY_WORDS = {mode.value: mode for mode in DeliveryMode} | {
    "single": DeliveryMode.EACH,
    "individual": DeliveryMode.EACH,
    "digest": DeliveryMode.DAILY,
    "nomail": DeliveryMode.NONE,
}
_PASTED = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]*)>(?P<words>[^<>]*)")


@dataclass(frozen=True, slots=True)
class Row:
    """One member to be. What is None was not in the file."""

    number: int  # the line that it begins on; the first one is 1
    name: str
    address: str
    delivery: DeliveryMode | None = None
    role: Role | None = None
    language: str | None = None
    timezone: str | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    number: int
    text: str  # the row as it stands in the file
    reason: str


@dataclass(slots=True)
class MemberFile:
    rows: list[Row] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    ignored_columns: list[str] = field(default_factory=list)


def read(raw: bytes) -> MemberFile:
    """Read a whole file: with a header row or without; between the cells commas, semicolons or tabs."""
    text = _decoded(raw)
    lines = re.split(r"\r\n|[\r\n]", text)
    delimiter = _delimiter_of(lines)
    found = MemberFile()
    columns: dict[str, int] | None = None
    first_at: dict[str, int] = {}
    for number, record in _records(lines, delimiter):
        cells = next(csv.reader([record], delimiter=delimiter), [])
        if not any(cell.strip() for cell in cells):
            continue
        if columns is None and not found.rows and "@" not in record and (header := _header_of(cells)):
            columns = header
            found.ignored_columns = [
                cell.strip() for at, cell in enumerate(cells) if at not in header.values() and cell.strip()
            ]
            continue
        try:
            row = _row_by_header(number, cells, columns) if columns is not None else _row_as_pasted(number, cells)
            key = address_key(row.address)
            if key in first_at:
                raise ValueError(f"the same address as in row {first_at[key]}")
        except (ValueError, AddressProblem) as problem:
            found.skipped.append(Skipped(number, record.strip()[:200], str(problem)))
            continue
        first_at[key] = number
        found.rows.append(row)
    return found


def written(rows: Iterable[dict[str, str]]) -> str:
    """The CSV text of rows that have the keys of COLUMNS."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _decoded(raw: bytes) -> str:
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):  # "Unicode text" of a spreadsheet
        return raw.decode("utf-16", errors="replace")
    for charset in ("utf-8-sig", "cp1252"):
        try:
            return raw.decode(charset)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")


def _delimiter_of(lines: list[str]) -> str:
    """What stands most often between the cells of the first lines, quoted cells left out."""
    sample = re.sub(r'"[^"\n]*"', "", "\n".join(lines[:20]))
    return max((",", ";", "\t"), key=sample.count)


def _records(lines: list[str], delimiter: str) -> Iterator[tuple[int, str]]:
    """(line number, text) of each record: a quoted cell may hold line ends (RFC 4180 §2)."""
    at = 0
    while at < len(lines):
        end = at + 1
        while _still_quoted("\n".join(lines[at:end]), delimiter) and end < min(len(lines), at + _LONGEST_CELL_IN_LINES):
            end += 1
        if _still_quoted("\n".join(lines[at:end]), delimiter):
            end = at + 1
        yield at + 1, "\n".join(lines[at:end])
        at = end


def _still_quoted(record: str, delimiter: str) -> bool:
    opening = rf'(^|{re.escape(delimiter)})\s*"'
    return re.search(opening, re.sub(rf'{opening}(?:[^"]|"")*"', r"\1", record)) is not None


def _header_of(cells: list[str]) -> dict[str, int] | None:
    columns: dict[str, int] = {}
    for at, cell in enumerate(cells):
        name = re.sub(r"[\s_]+", " ", cell.strip().casefold())
        name = _OTHER_NAMES.get(name, name)
        if name in COLUMNS:
            columns.setdefault(name, at)
    return columns if "address" in columns else None


def _row_by_header(number: int, cells: list[str], columns: dict[str, int]) -> Row:
    given = {name: cells[at].strip() for name, at in columns.items() if at < len(cells)}
    if not given.get("address"):
        raise ValueError("no address")
    name, address, words = _pasted(given["address"])
    return Row(
        number,
        name_of(given.get("name") or name, address),
        address,
        _delivery_of(given.get("delivery", "") or words),
        _role_of(given["role"]) if given.get("role") else None,
        values.language(given["language"]) if given.get("language") else None,
        values.timezone(given["timezone"]) if given.get("timezone") else None,
    )


def _row_as_pasted(number: int, cells: list[str]) -> Row:
    """Without a header every cell says by its look what it is: the one with @ is the address."""
    cells = [cell.strip() for cell in cells if cell.strip()]
    at = next((at for at, cell in enumerate(cells) if "@" in cell), None)
    if at is None:
        raise ValueError("no address")
    name, address, words = _pasted(cells[at])
    delivery, role, language, timezone = _delivery_of(words), None, None, None
    names = []
    for cell in cells[:at] + cells[at + 1 :]:
        if "@" in cell:
            raise ValueError("two addresses; write one row for each")
        if cell.casefold() in _DELIVERY_WORDS:
            delivery = _delivery_of(cell)
        elif cell.casefold() in set(Role):
            role = _role_of(cell)
        elif re.fullmatch(r"[a-z]{2}(-[A-Z]{2})?", cell):
            language = values.language(cell)
        elif re.fullmatch(r"UTC|[A-Za-z_]+(/[A-Za-z_+-]+)+", cell):
            timezone = values.timezone(cell)
        else:
            names.append(cell)
    return Row(number, name_of(" ".join([name, *names]), address), address, delivery, role, language, timezone)


def _pasted(cell: str) -> tuple[str, str, str]:
    """Name, address and the words behind it, of `Mary Goose <mary@b.example> digest` or `mary@b.example digest`."""
    if matched := _PASTED.fullmatch(cell):
        name, address, words = matched["name"], matched["address"], matched["words"]
    else:
        pieces = cell.split()
        at = next((at for at, piece in enumerate(pieces) if "@" in piece), 0)
        name, address, words = " ".join(pieces[:at]), pieces[at], " ".join(pieces[at + 1 :])
    address = entered_mailbox(address.strip()).address
    if "@" in name and address_key(name.strip(" \"'")) != address_key(address):
        raise ValueError("two addresses; write one row for each")
    return name.strip(" \"'"), address, words.strip()


def name_of(name: str, address: str) -> str:
    """Her name on one line; without one, what stands before the @. Raises ValueError."""
    if not name.strip() or "@" in name:  # some people's name is their address
        name = address.partition("@")[0]
    return values.one_line(name)


def _delivery_of(word: str) -> DeliveryMode | None:
    if not word:
        return None
    if (mode := _DELIVERY_WORDS.get(word.casefold())) is None:
        raise ValueError(f'"{word}" is not a delivery mode; write each, daily, weekly or none')
    return mode


def _role_of(word: str) -> Role:
    try:
        return Role(word.casefold())
    except ValueError:
        raise ValueError(f'"{word}" is not a role; write member, moderator or owner') from None
