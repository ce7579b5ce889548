"""Members as people keep them: every way of writing a list of persons that an operator may paste."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from organic_mail.member_csv import COLUMNS, Row, read, written
from storage.models import DeliveryMode, Role


def pairs(raw: bytes) -> list[tuple[str, str]]:
    return [(row.name, row.address) for row in read(raw).rows]


@pytest.mark.parametrize(
    "raw",
    [
        b"name,address\nMary Goose,mary@b.example\n",
        b"address,name\nmary@b.example,Mary Goose\n",
        b"Name;E-Mail\r\nMary Goose;mary@b.example\r\n",
        b"E-mail address\tDisplay_Name\nmary@b.example\tMary Goose\n",
        b'"Name","Email"\n"Mary Goose","mary@b.example"\n',
        "\ufeffname,address\nMary Goose,mary@b.example\n".encode(),
        "name\taddress\nMary Goose\tmary@b.example\n".encode("utf-16"),
        b"Mary Goose,mary@b.example\n",
        b"mary@b.example;Mary Goose",
        b"Mary Goose <mary@b.example>\n",
        b'"Mary Goose" <mary@b.example>\n',
        b"Goose, Mary <mary@b.example>\n",
        b"Mary Goose mary@b.example\n",
        b"Members for group geese\nEmail address,Nickname,Group status\nmary@b.example,Mary Goose,member\n",
    ],
)
def test_one_member_in_every_dress(raw: bytes) -> None:
    assert pairs(raw) == [("Mary Goose", "mary@b.example")]


def test_all_columns_in_any_order() -> None:
    raw = b"Time zone,role,language,delivery,address,name\nEurope/Oslo,Owner,nb,weekly,kari@b.example,Kari\n"
    assert read(raw).rows == [
        Row(2, "Kari", "kari@b.example", DeliveryMode.WEEKLY, Role.OWNER, "nb", "Europe/Oslo"),
    ]


def test_what_is_not_given_is_left_open() -> None:
    (row,) = read(b"address,delivery,role,language,timezone\nmary@b.example,,,,\n").rows
    assert (row.delivery, row.role, row.language, row.timezone) == (None, None, None, None)


def test_without_a_header_each_cell_says_what_it_is() -> None:
    (row,) = read(b"Mary Goose,mary@b.example,daily,moderator,sv,Europe/Stockholm\n").rows
    assert row == Row(1, "Mary Goose", "mary@b.example", DeliveryMode.DAILY, Role.MODERATOR, "sv", "Europe/Stockholm")


@pytest.mark.parametrize(
    ("word", "mode"),
    [("digest", DeliveryMode.DAILY), ("nomail", DeliveryMode.NONE), ("Weekly", DeliveryMode.WEEKLY)],
)
def test_a_word_behind_the_address_is_the_delivery_mode(word: str, mode: DeliveryMode) -> None:
    for line in (f"Mary Goose <mary@b.example> {word}", f"mary@b.example {word}"):
        (row,) = read(line.encode()).rows
        assert row.delivery == mode


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16"])
def test_umlauts_in_every_charset_of_a_spreadsheet(charset: str) -> None:
    raw = "name;address\nJürgen Größl;j@b.example\n".encode(charset)
    assert pairs(raw) == [("Jürgen Größl", "j@b.example")]


def test_without_a_name_it_is_what_stands_before_the_at() -> None:
    assert pairs(b"mary.goose@b.example\n") == [("mary.goose", "mary.goose@b.example")]
    assert pairs(b"name,address\nmary@b.example,mary@b.example\n") == [("mary", "mary@b.example")]


def test_a_cell_may_hold_line_ends_and_the_numbers_stay_right() -> None:
    raw = b'name,address,notes\nMary,mary@b.example,"two\nlines"\nTom,tom@b.example,\n'
    found = read(raw)
    assert [(row.number, row.name) for row in found.rows] == [(2, "Mary"), (4, "Tom")]
    assert found.ignored_columns == ["notes"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("Mary Goose,", "no address"),
        ("Mary Goose,mary", "is not one address"),
        ("Mary Goose,mary@", "is not one address"),
        ("Mary Goose,mary@b..example", "is not one address"),
        ("Mary Goose,mary@b.example,sometimes", "not a delivery mode; write each"),
        ("Mary Goose,mary@b.example,each,king", "not a role; write member"),
        ("Mary Goose,mary@b.example,each,member,Europe/Stokholm", 'did you mean "Europe/Stockholm"?'),
        ('"Mary Goose,mary@b.example', "no address"),
        ("M\x07ary,mary@b.example", "write one line"),
        ("Tom,tom@B.EXAMPLE", "the same address as in row 2"),
        ("Mary,mary@b.example daily <x@y.example>", "two addresses"),
    ],
)
def test_a_row_that_is_not_understood_is_told_and_stops_nobody(row: str, reason: str) -> None:
    raw = f"name,address,delivery,role,timezone\nTom,tom@b.example\n{row}\n\nAnna,anna@b.example,weekly\n".encode()
    found = read(raw)
    assert [each.name for each in found.rows] == ["Tom", "Anna"]
    (skipped,) = found.skipped
    assert reason in skipped.reason
    assert skipped.number == 3
    assert skipped.text == row


def test_two_addresses_in_a_row_without_header() -> None:
    (skipped,) = read(b"Mary,mary@b.example,mary2@b.example\n").skipped
    assert skipped.reason == "two addresses; write one row for each"


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z"), include_characters=" "), max_size=40).map(
    lambda text: " ".join(text.replace("@", "").split())
)


@given(
    st.lists(
        st.tuples(NAMES, st.sampled_from(list(DeliveryMode)), st.sampled_from(list(Role))),
        max_size=8,
    )
)
def test_what_we_write_we_read_back(people: list[tuple[str, DeliveryMode, Role]]) -> None:
    rows = [
        dict(zip(COLUMNS, (name or "x", f"m{at}@b.example", mode.value, role.value, "sv", "UTC"), strict=True))
        for at, (name, mode, role) in enumerate(people)
    ]
    found = read(written(rows).encode())
    assert found.skipped == []
    assert [(row.name, row.address, row.delivery, row.role, row.language, row.timezone) for row in found.rows] == [
        tuple(row.values()) for row in rows
    ]
    assert list(csv.DictReader(io.StringIO(written(rows)))) == rows


@given(st.binary(max_size=400))
def test_no_file_brings_it_down(raw: bytes) -> None:
    found = read(raw)
    assert all("@" in row.address and row.name for row in found.rows)
