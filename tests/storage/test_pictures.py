"""What pictures look like is kept by their message, and is gone with it."""

from __future__ import annotations

from sqlmodel import Session

from handlers.facts import id_of
from storage.contents import store_content
from storage.database import Database
from storage.pictures import KeptLook, fingerprints_before, keep_looks, looked_at, looks_of, mails_with
from storage.unused import forget_messages
from tests.storage.made import NOW, a_list, a_member, a_post

LOGO = KeptLook(2, b"l" * 32, 9_000, 300, 80, 3, 1 << 63 | 5)
PHOTO = KeptLook(3, b"p" * 32, 300_000, 1600, 1200, 90, 77)


def test_kept_once(database: Database) -> None:
    def look(session: Session) -> None:
        with_pictures, other = (store_content(session, raw, NOW) for raw in (b"one", b"two"))
        assert looks_of(session, with_pictures) == {}
        keep_looks(session, with_pictures, [LOGO, PHOTO])
        keep_looks(session, with_pictures, [KeptLook(2, b"x" * 32, 1)])
        keep_looks(session, other, [])
        assert looks_of(session, with_pictures) == {2: LOGO, 3: PHOTO}
        assert looked_at(session, [with_pictures, other]) == {with_pictures}

    database.write(look)


def test_gone_with_its_message(database: Database) -> None:
    def look(session: Session) -> None:
        content_id = store_content(session, b"one", NOW)
        keep_looks(session, content_id, [LOGO])
        assert forget_messages(session, [content_id]) == 1
        assert looks_of(session, content_id) == {}

    database.write(look)


def test_counted_by_author_and_thread(database: Database) -> None:
    def look(session: Session) -> None:
        list_id = a_list(session)
        anna, bo = (id_of(a_member(session, name)) for name in ("anna", "bo"))
        first = a_post(session, list_id, "<1@home.example>", author=anna)
        answers = {"references": ["<1@home.example>"], "in_reply_to": "<1@home.example>"}
        second = a_post(session, list_id, "<2@home.example>", author=anna, **answers)
        third = a_post(session, list_id, "<3@home.example>", author=bo, **answers)
        keep_looks(session, first.content_id, [LOGO, PHOTO])
        for post in (second, third):
            keep_looks(session, post.content_id, [LOGO])
        assert mails_with(session, anna, [LOGO.sha256, PHOTO.sha256]) == {LOGO.sha256: 2, PHOTO.sha256: 1}
        assert mails_with(session, None, [LOGO.sha256]) == {}
        behind = {"thread_id": first.thread_id, "post_id": id_of(third)}
        assert sorted(fingerprints_before(session, **behind, member_id=bo)) == [77, LOGO.fingerprint, LOGO.fingerprint]
        assert fingerprints_before(session, **behind, member_id=anna) == []
        assert len(fingerprints_before(session, **behind, member_id=None)) == 3

    database.write(look)
