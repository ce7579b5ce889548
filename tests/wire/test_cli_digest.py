"""`organic-mail digest`: the letter before it goes out, and sending it when it should not wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session

from handlers.facts import Host, id_of
from organic_mail.letters_due import write_due_letters
from storage import posts, queue
from storage.contents import store_content
from storage.database import Database
from storage.lists import list_named
from storage.members import member_of_address
from storage.posts import Signs
from tests.wire.command_line import Operator, empty_home, om

__all__ = ["empty_home", "om"]


@pytest.fixture
def family(om: Operator) -> Operator:
    assert om("list", "create", "family").code == 0
    assert om("member", "add", "family", "Anna Lindqvist <anna@example.org>", "--confirmed", "--quiet").code == 0
    words = ("Rose Okafor <rose@example.org>", "--confirmed", "--quiet", "--delivery", "daily", "--timezone", "UTC")
    assert om("member", "add", "family", *words).code == 0
    return om


def post(om: Operator, text: str, number: int = 1, subject: str = "Back from the lake") -> None:
    now = datetime.now(UTC)

    def write(session: Session) -> None:
        mailing_list, anna = list_named(session, "family"), member_of_address(session, "anna@example.org")
        assert mailing_list
        assert anna
        raw = f"From: anna@example.org\r\nSubject: {subject}\r\nMessage-ID: <{number}@x.example>\r\n\r\n{text}\r\n"
        posts.store_post(
            session, list_id=id_of(mailing_list), member_id=anna.id, author_name="Anna Lindqvist",
            content_id=store_content(session, raw.encode(), now), message_id=f"<{number}@x.example>",
            original_message_id="", in_reply_to="", references=(), subject=subject, written_at=now, received_at=now,
            signs=Signs(subject.casefold(), now), now=now,
        )  # fmt: skip

    with om.opened() as opened:
        opened.database.write(write)


def letters(om: Operator) -> list[Any]:
    with om.opened() as opened:
        return [row for row in opened.database.read(queue.queue_rows) if row.recipient == "rose@example.org"]


def test_the_preview_shows_what_she_would_get(family: Operator, tmp_path: Path) -> None:
    post(family, "The heron was there.")
    shown = family("digest", "preview", "family", "rose@example.org")
    assert shown.code == 0
    assert "The heron was there." in shown.out
    found = family("digest", "preview", "family", "rose@example.org", "--json").json
    assert found["subject"].endswith("Back from the lake")
    assert [each["subject"] for each in found["items"]] == ["Back from the lake"]
    assert datetime.fromisoformat(found["due_at"]).tzinfo is not None
    page = tmp_path / "letter.html"
    written = family("digest", "preview", "family", "rose@example.org", "--html", str(page))
    assert str(page) in written.out
    assert "The heron was there." in page.read_text(encoding="utf-8")
    assert letters(family) == []


def test_a_place_that_is_not_there_is_named(family: Operator, tmp_path: Path) -> None:
    post(family, "The heron was there.")
    page = tmp_path / "nowhere" / "letter.html"
    shown = family("digest", "preview", "family", "rose@example.org", "--html", str(page))
    assert (shown.code, str(page) in shown.error, "name another place" in shown.error) == (1, True, True)


def test_without_news_there_is_no_letter(family: Operator, tmp_path: Path) -> None:
    found = family("digest", "preview", "family", "rose@example.org", "--json").json
    assert (found["subject"], found["items"]) == ("", [])
    assert "nothing new" in family("digest", "preview", "family", "rose@example.org").out
    page = tmp_path / "letter.html"
    assert "nothing new" in family("digest", "preview", "family", "rose@example.org", "--html", str(page)).error
    assert not page.exists()
    assert family("digest", "send", "family", "--now").out == "Nobody has a letter to get now.\n"


def test_who_gets_each_post_has_no_letter_due(family: Operator) -> None:
    assert family("digest", "preview", "family", "anna@example.org", "--json").json["due_at"] is None


def test_now_sends_to_all_with_news_once(family: Operator) -> None:
    post(family, "The heron was there.")
    assert family("digest", "send", "family", "--now").out == "1 letter is on its way.\n"
    assert family("digest", "send", "family", "--now").out == "Nobody has a letter to get now.\n"
    assert len(letters(family)) == 1


def test_without_now_only_what_is_due(family: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    noon = (datetime.now(UTC) + timedelta(days=1)).replace(hour=12)  # whether a letter is due depends on the hour

    def write_at_noon(database: Database, host: Host, _: datetime, *, only: str) -> int:
        return write_due_letters(database, host, noon, only=only)

    monkeypatch.setattr("organic_mail.letters_due.write_due_letters", write_at_noon)
    post(family, "The heron was there.")
    assert family("member", "set", "rose@example.org", "hour=14").code == 0
    later = family("digest", "send", "family")
    assert (later.code, later.err) == (0, "")
    assert letters(family) == []
    assert family("member", "set", "rose@example.org", "hour=12").code == 0
    sent = family("digest", "send", "family")
    assert sent.out == "1 letter is on its way.\n"
    assert len(letters(family)) == 1


def test_what_is_wrong_is_said(family: Operator) -> None:
    assert "there is no list" in family("digest", "preview", "choir", "rose@example.org").error
    assert "there is no member" in family("digest", "preview", "family", "eve@example.org").error
    assert "there is no list" in family("digest", "send", "choir").error
