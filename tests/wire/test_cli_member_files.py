"""`organic-mail member import` and `export`: many persons at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from organic_mail.cli import member_files
from storage.queue import queue_rows
from tests.wire.command_line import Operator, empty_home, om

__all__ = ["empty_home", "om"]

FILE = """Name;Address;Delivery;Role
Mary Goose;mary@b.example;digest;
Tom Okafor;tom@b.example;each;owner
Nobody;;;
Jürgen Größl;j@b.example;hourly;
Rose Lindqvist;rose@b.example;;
Tom again;TOM@b.example;;
"""


@pytest.fixture
def family(om: Operator) -> Operator:
    assert om("list", "create", "family").code == 0
    return om


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "members.csv"
    path.write_text(FILE, encoding="latin-1")
    return path


def letters(om: Operator) -> list[str]:
    with om.opened() as opened:
        return [row.recipient for row in opened.database.read(queue_rows)]


def test_everybody_is_invited_and_what_is_skipped_is_told(family: Operator, file: Path) -> None:
    answer = family("member", "import", "family", str(file))
    assert answer.code == 0
    assert answer.err == ""  # no progress bar when nobody looks
    assert answer.out.splitlines() == [
        "row 4 skipped: no address (Nobody;;;)",
        'row 5 skipped: "hourly" is not a delivery mode; write each, daily, weekly or none '
        "(Jürgen Größl;j@b.example;hourly;)",
        "row 7 skipped: the same address as in row 3 (Tom again;TOM@b.example;;)",
        "3 invited to family, 3 skipped.",
    ]
    members = family("member", "ls", "family", "--json").json
    assert [(each["address"], each["status"], each["delivery"], each["role"]) for each in members] == [
        ("mary@b.example", "invited", "daily", "member"),
        ("rose@b.example", "invited", "each", "member"),
        ("tom@b.example", "invited", "each", "owner"),
    ]
    assert letters(family) == ["mary@b.example", "tom@b.example", "rose@b.example"]


def test_a_dry_run_says_the_same_and_changes_nothing(family: Operator, file: Path) -> None:
    before = family.state()
    dry = family("member", "import", "family", str(file), "--dry-run")
    assert family.state() == before
    assert dry.out.splitlines()[-1] == "3 would be invited to family, 3 skipped. Nothing changed."
    real = family("member", "import", "family", str(file))
    assert dry.out.splitlines()[:-1] == real.out.splitlines()[:-1]


def test_confirmed_persons_are_added_and_welcomed(family: Operator, file: Path) -> None:
    report = family("member", "import", "family", str(file), "--confirmed", "--json").json
    assert (report["added"], report["invited"], report["dry_run"]) == (3, 0, False)
    assert [row["row"] for row in report["skipped"]] == [4, 5, 7]
    assert {each["status"] for each in family("member", "ls", "family", "--json").json} == {"active"}
    assert len(letters(family)) == 3


def test_a_second_run_finds_nothing_to_do(family: Operator, file: Path) -> None:
    family("member", "import", "family", str(file))
    before = family.state()
    again = family("member", "import", "family", str(file), "--json").json
    assert again["invited"] == 0
    assert {row["row"]: row["reason"] for row in again["skipped"]}[2] == "was invited before and has not answered yet"
    assert family.state() == before
    family("member", "import", "family", str(file), "--confirmed")
    again = family("member", "import", "family", str(file), "--confirmed", "--json").json
    assert {row["row"]: row["reason"] for row in again["skipped"]}[2] == "is on family already"


def test_a_run_that_was_cut_off_leaves_whole_rows_and_can_be_run_again(
    family: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "many.csv"
    file.write_text("".join(f"Guest {number} <g{number}@b.example>\n" for number in range(1, 26)))
    monkeypatch.setattr(member_files, "AT_ONCE", 10)
    admitted = member_files._admitted
    count = 0

    def pull_the_plug(*arguments: object) -> str:
        nonlocal count
        count += 1
        if count == 16:
            raise KeyboardInterrupt
        return admitted(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(member_files, "_admitted", pull_the_plug)
        assert family("member", "import", "family", str(file), "--confirmed").code == 130
    assert len(family("member", "ls", "family", "--json").json) == 10
    report = family("member", "import", "family", str(file), "--confirmed", "--json").json
    assert (report["added"], len(report["skipped"])) == (15, 10)
    assert len(letters(family)) == len(set(letters(family))) == 25


def test_what_is_exported_can_be_imported(family: Operator, file: Path, tmp_path: Path) -> None:
    family("member", "import", "family", str(file), "--confirmed")
    family("member", "add", "family", "Invited <i@b.example>")
    exported = family("member", "export", "family")
    assert exported.out.splitlines()[0] == "name,address,delivery,role,language,timezone"
    assert "i@b.example" not in exported.out
    again = tmp_path / "again.csv"
    again.write_bytes(exported.raw)
    family("list", "create", "choir")
    assert family("member", "import", "choir", str(again), "--confirmed", "--json").json["added"] == 3
    assert family("member", "export", "choir").raw == exported.raw


def test_an_address_of_our_own_is_nobodys(family: Operator, tmp_path: Path) -> None:
    file = tmp_path / "ours.csv"
    file.write_text("Family <family@oak.example>\nTom <tom@b.example>\n")
    report = family("member", "import", "family", str(file), "--json").json
    assert report["invited"] == 1
    assert "an address of this server" in report["skipped"][0]["reason"]


def test_columns_that_we_do_not_know_are_named(family: Operator, tmp_path: Path) -> None:
    file = tmp_path / "more.csv"
    file.write_text("name,phone,address\nTom,123,tom@b.example\n")
    assert "columns left out: phone" in family("member", "import", "family", str(file)).out
    file.write_text("name,phone,address\nRose,123,rose@b.example\n")
    assert family("member", "import", "family", str(file), "--json").json["ignored_columns"] == ["phone"]


def test_a_file_that_cannot_be_read(family: Operator, tmp_path: Path) -> None:
    before = family.state()
    assert "No such file" in family("member", "import", "family", str(tmp_path / "none.csv")).error
    assert "Is a directory" in family("member", "import", "family", str(tmp_path)).error
    empty = tmp_path / "empty.csv"
    empty.write_text("name,address\n")
    assert "holds nobody" in family("member", "import", "family", str(empty)).error
    assert "there is no list" in family("member", "import", "quire", str(empty_of(tmp_path))).error
    assert family.state() == before


def empty_of(folder: Path) -> Path:
    path = folder / "one.csv"
    path.write_text("tom@b.example\n")
    return path
