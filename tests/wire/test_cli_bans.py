"""`organic-mail ban`: who may neither write nor join."""

from __future__ import annotations

import pytest

from tests.wire.command_line import Operator, empty_home, om

__all__ = ["empty_home", "om"]


def bans(om: Operator) -> list[tuple[str, str]]:
    return [(each["pattern"], each["list"]) for each in om("ban", "ls", "--json").json]


def test_bans_come_and_go(om: Operator) -> None:
    om("list", "create", "family")
    assert bans(om) == []
    assert om("ban", "add", "Sven@ELM.example").out == "sven@elm.example is banned from all lists.\n"
    assert om("ban", "add", "*@elm.example", "--list", "family").out == "*@elm.example is banned from family.\n"
    assert om("ban", "add", "sven@elm.example").out == "sven@elm.example is banned from all lists, as before.\n"
    assert bans(om) == [("sven@elm.example", ""), ("*@elm.example", "family")]
    assert om("ban", "ls").out.splitlines()[0].startswith("sven@elm.example\tall lists\t")
    assert om("ban", "remove", "sven@elm.example").code == 0
    assert om("ban", "remove", "*@elm.example", "--list", "family").code == 0
    assert bans(om) == []


@pytest.mark.parametrize(
    ("words", "cure"),
    [
        (("add", "elm.example"), "*@elm.example"),
        (("add", "*@*"), "emergency=yes"),
        (("add", "sven@elm.example", "--list", "choir"), "there are: family"),
        (("remove", "sven@elm.example"), "organic-mail ban ls"),
        (("remove", "*@elm.example"), "organic-mail ban ls"),
    ],
)
def test_what_cannot_be(om: Operator, words: tuple[str, ...], cure: str) -> None:
    om("list", "create", "family")
    om("ban", "add", "*@elm.example", "--list", "family")
    before = om.state()
    assert cure in om("ban", *words).error
    assert om.state() == before


@pytest.mark.parametrize("how", ["--confirmed", "--quiet"])
def test_who_is_banned_cannot_be_added(om: Operator, how: str) -> None:
    om("list", "create", "family")
    om("ban", "add", "*@elm.example")
    before = om.state()
    assert "sven@elm.example is banned from family" in om("member", "add", "family", "sven@elm.example", how).error
    assert om.state() == before


def test_nor_read_from_a_file(om: Operator) -> None:
    om("list", "create", "family")
    om("ban", "add", "*@elm.example", "--list", "family")
    file = om.home / "people.csv"
    file.write_text("address,name\nsven@elm.example,Sven\nanna@home.example,Anna\n")
    report = om("member", "import", "family", str(file), "--confirmed", "--json").json
    assert report["added"] == 1
    assert [(row["row"], row["reason"]) for row in report["skipped"]] == [(2, "is banned from family")]
