"""`organic-mail post edit`: the operator puts other words into a post, for its author."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.models import DeliveryState
from tests.wire.command_line import Operator, empty_home, om
from tests.wire.test_cli_mail import FIRST, post, settle

__all__ = ["empty_home", "om"]


@pytest.fixture
def family(om: Operator) -> Operator:
    assert om("list", "create", "family").code == 0
    for person in ("Anna Lindqvist <anna@example.org>", "Tom Okafor <tom@example.org>"):
        assert om("member", "add", "family", person, "--confirmed", "--quiet").code == 0
    assert post(om, FIRST, "one", subject="Café am See") == 1
    return om


def test_new_words_from_a_file(family: Operator, tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_bytes("\ufeffWir bleiben am See.\r\nGrüße, Anna\r\n".encode())
    assert family("post", "edit", "1", str(words)).out == "Post 1 has new words.\n"
    shown = family("post", "show", "1", "--whole", "--json").json
    assert shown["text"].strip() == "Wir bleiben am See.\nGrüße, Anna"
    assert [each["name"] for each in shown["attachments"]] == ["lake.jpg"]
    assert shown["subject"] == "Café am See"
    assert family("post", "show", "1", "--raw").raw == FIRST
    assert "Wir bleiben am See." in family("thread", "show", "1").out


def test_new_words_as_typed(family: Operator) -> None:
    assert family("post", "edit", "1", "-", typed="Wir bleiben.\n").code == 0
    assert family("post", "edit", "1", "-", typed="Wir gehen.\n").code == 0
    assert family("post", "show", "1", "--json").json["text"] == "Wir gehen."
    assert family("post", "show", "1", "--raw").raw == FIRST
    assert "has new words" in family("log").out


def test_who_has_it_gets_nothing_new(family: Operator) -> None:
    settle(family, DeliveryState.SENT, DeliveryState.DUE)
    before = [(each["id"], each["state"]) for each in family("queue", "ls", "--json").json]
    assert family("post", "edit", "1", "-", typed="Wir bleiben.").code == 0
    assert [(each["id"], each["state"]) for each in family("queue", "ls", "--json").json] == before


def test_what_cannot_be_done_is_one_line(family: Operator, tmp_path: Path) -> None:
    assert "there is no post 9; see which there are" in family("post", "edit", "9", "-", typed="x").error
    assert "there are no new words" in family("post", "edit", "1", "-", typed=" \n").error
    missing = str(tmp_path / "missing.txt")
    assert family("post", "edit", "1", missing).error.startswith(f"{missing} cannot be read (No such")
    latin = tmp_path / "latin.txt"
    latin.write_bytes("Grüße".encode("latin-1"))
    assert family("post", "edit", "1", str(latin)).error.startswith(f"{latin} is not a text in UTF-8")
    assert family("post", "remove", "1", "--yes").code == 0
    assert "there is no post 1" in family("post", "edit", "1", "-", typed="x").error


def test_twenty_times_a_day(family: Operator) -> None:
    for number in range(20):
        assert family("post", "edit", "1", "-", typed=f"At {number}.").code == 0
    assert family("post", "edit", "1", "-", typed="Once more.").error.startswith("post 1 was changed 20 times in a day")
    assert family("post", "show", "1", "--json").json["text"] == "At 19."
