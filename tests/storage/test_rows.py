"""The smaller tables: lists, contents, arrivals, held and shunted messages, tokens, events, keys."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlmodel import Session, select

from storage.arrivals import prune_arrivals, remember
from storage.contents import pack, read_content, store_content
from storage.database import Database, StorageTrouble
from storage.events import events_after, latest_events, record
from storage.held import decide, held_by_id, hold, waiting, waiting_for_author
from storage.keys import activate_key, active_key, add_key, signing_keys
from storage.lists import ListNameTaken, all_lists, create_list, list_by_id, list_named, remove_list, update_list
from storage.models import Awaits, DeliveryMode, HeldState, Joining, KeyState, Message, Posting, Replies, TokenAction
from storage.shunts import drop_shunt, set_aside, shunt_by_id, shunt_rows
from storage.tokens import TokenTaken, add_token, find_token, use_token
from tests.storage.made import DAY, NOW, a_list, a_member, a_post, on_list


def test_lists_come_and_go(database: Database) -> None:
    def steps(session: Session) -> None:
        facts = {"title": "The Oaks", "now": NOW}
        family = create_list(session, name="Family", **facts)
        assert (family.name, family.posting, family.joining) == ("family", Posting.MEMBERS, Joining.VOUCHED)
        assert list_named(session, "FAMILY") is family
        with pytest.raises(ListNameTaken):
            create_list(session, name="family", **facts)
        choir = create_list(session, name="choir", posting=Posting.ANNOUNCE, joining=Joining.OPEN, **facts)
        assert all_lists(session) == [choir, family]
        family_id = family.id or 0
        assert remove_list(session, list_id=family_id, now=NOW) == 0
        assert list_named(session, "family") is None
        assert all_lists(session) == [choir]
        removed = list_by_id(session, family_id)
        assert removed is not None
        assert removed.removed_at == NOW
        for change in (update_list, remove_list):
            with pytest.raises(LookupError):
                change(session, list_id=family_id, **({"now": NOW} if change is remove_list else {}))
        assert create_list(session, name="family", **facts).id != family_id

    database.write(steps)


def test_a_list_changes(database: Database) -> None:
    def steps(session: Session) -> None:
        list_id = a_list(session)
        update_list(
            session,
            list_id=list_id,
            title="",
            posting=Posting.MODERATED,
            delivery=DeliveryMode.DAILY,
            joining=Joining.CLOSED,
            replies=Replies.AUTHOR,
        )
        session.expire_all()
        row = update_list(session, list_id=list_id)
        assert (row.title, row.posting, row.delivery) == ("", Posting.MODERATED, DeliveryMode.DAILY)
        assert (row.joining, row.replies) == (Joining.CLOSED, Replies.AUTHOR)

    database.write(steps)


@pytest.mark.parametrize("raw", [b"", b"short", bytes(range(256)) * 20, b"x" * 1023, b"x" * 1024, b"ab" * 500_000])
def test_a_message_is_kept_byte_for_byte_and_once(database: Database, raw: bytes) -> None:
    def steps(session: Session) -> None:
        content_id = store_content(session, raw, NOW)
        assert store_content(session, pack(raw), NOW + DAY) == content_id
        assert store_content(session, raw + b"!", NOW) != content_id
        assert read_content(session, content_id) == raw
        row = session.get_one(Message, content_id)
        assert (row.size, row.created_at) == (len(raw), NOW)
        assert row.compressed is (len(row.content) < len(raw))
        assert row.compressed is (len(raw) >= 1024)

    database.write(steps)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=5000))
def test_any_bytes_come_back(database: Database, raw: bytes) -> None:
    content_id = database.write(lambda session: store_content(session, raw, NOW))
    assert database.read(lambda session: read_content(session, content_id)) == raw


def test_a_damaged_message_is_our_trouble(database: Database) -> None:
    def steps(session: Session) -> None:
        content_id = store_content(session, b"x" * 5000, NOW)
        with pytest.raises(LookupError):
            read_content(session, content_id + 1)
        bomb = pack(b"x" * 5_000_000).content
        for damage in ({"content": bomb}, {"content": b"garbage"}, {"content": pack(b"x" * 5000).content[:-3]}):
            session.connection().execute(text("UPDATE message SET content = :content"), damage)
            with pytest.raises(StorageTrouble, match="restore a backup"):
                read_content(session, content_id)

    database.write(steps)


def test_an_arrival_is_new_once(database: Database) -> None:
    def steps(session: Session) -> None:
        assert remember(session, b"one", NOW)
        assert not remember(session, b"one", NOW + DAY)
        assert remember(session, b"two", NOW + DAY)
        assert remember(session, b"three", NOW)
        assert prune_arrivals(session, before=NOW + DAY, limit=1) == 1
        assert prune_arrivals(session, before=NOW + DAY) == 1
        assert prune_arrivals(session, before=NOW + DAY) == 0
        assert not remember(session, b"two", NOW)
        assert remember(session, b"one", NOW)

    database.write(steps)


def test_held_messages_are_decided_once(database: Database) -> None:
    def steps(session: Session) -> None:
        anna = a_member(session, "anna")
        facts = {"content_id": store_content(session, b"x", NOW), "envelope_sender": "anna@home.example"}
        facts |= {"recipient": "family@oak.example", "author": "Anna <anna@home.example>", "subject": "Hi"}
        facts |= {"reason": "nobody vouched for it", "now": NOW}
        first = hold(session, list_id=a_list(session), member_id=anna.id, awaits=Awaits.AUTHOR, **facts)
        second = hold(session, list_id=None, member_id=None, **facts)
        assert waiting(session) == [(first, "family"), (second, "")]
        assert waiting_for_author(session, anna.id or 0) == [first]
        assert (first.state, first.received_at, first.decided_at) == (HeldState.WAITING, NOW, None)
        assert decide(session, held_id=first.id or 0, state=HeldState.APPROVED, now=NOW + DAY)
        assert not decide(session, held_id=first.id or 0, state=HeldState.REJECTED, now=NOW + DAY)
        assert not decide(session, held_id=999, state=HeldState.REJECTED, now=NOW)
        session.expire_all()
        assert held_by_id(session, first.id or 0) == first
        assert (first.state, first.decided_at) == (HeldState.APPROVED, NOW + DAY)
        assert waiting(session) == [(second, "")]
        assert waiting_for_author(session, anna.id or 0) == []

    database.write(steps)


def test_tokens(database: Database) -> None:
    def steps(session: Session) -> None:
        row = on_list(session, a_list(session), "anna")
        add_token(session, token="k7m2q9xw", action=TokenAction.JOIN, membership=row, now=NOW, expires_at=NOW + DAY)
        with pytest.raises(TokenTaken):
            add_token(session, token="k7m2q9xw", action=TokenAction.RETURN, membership=row, now=NOW)
        assert not use_token(session, token="k7m2q9xw", now=NOW + DAY)
        assert use_token(session, token="k7m2q9xw", now=NOW)
        assert not use_token(session, token="k7m2q9xw", now=NOW)
        assert not use_token(session, token="unknown9", now=NOW)
        session.expire_all()
        found = find_token(session, "k7m2q9xw")
        assert found is not None
        assert (found.action, found.used_at, found.expires_at) == (TokenAction.JOIN, NOW, NOW + DAY)
        assert find_token(session, "unknown9") is None

    database.write(steps)


def test_the_log(database: Database) -> None:
    def steps(session: Session) -> None:
        list_id = a_list(session)
        post = a_post(session, list_id, "<1@x>")
        record(session, "posted", "Anna wrote", now=NOW, list_id=list_id, post_id=post.id, content_id=post.content_id)
        for number in range(4):
            record(session, "said", f"{number}", now=NOW)
        latest = latest_events(session, limit=3)
        assert [event.text for event in latest] == ["1", "2", "3"]
        assert [event.text for event in events_after(session, latest[0].id or 0)] == ["2", "3"]
        assert [event.text for event in events_after(session, latest[0].id or 0, limit=1)] == ["2"]
        [posted] = latest_events(session, list_id=list_id)
        assert (posted.kind, posted.at, posted.post_id, posted.member_id) == ("posted", NOW, post.id, None)
        assert events_after(session, 0, list_id=list_id) == [posted]
        assert events_after(session, posted.id or 0, list_id=list_id) == []

    database.write(steps)


def test_shunts(database: Database) -> None:
    def steps(session: Session) -> None:
        content_id = store_content(session, b"x" * 2000, NOW)
        first = set_aside(
            session,
            content_id=content_id,
            reason="the parser gave up",
            envelope_sender="anna@home.example",
            recipients=["family@oak.example", "choir@oak.example"],
            now=NOW,
        )
        second = set_aside(session, content_id=content_id, reason="could not be sent", delivery_id=7, now=NOW)
        assert [(row.shunt, row.size) for row in shunt_rows(session)] == [(first, 2000), (second, 2000)]
        assert first.recipients == "family@oak.example choir@oak.example"
        assert shunt_by_id(session, second.id or 0) is second
        assert drop_shunt(session, first.id or 0)
        assert not drop_shunt(session, first.id or 0)
        assert [row.shunt for row in shunt_rows(session)] == [second]
        assert session.exec(select(Message.id)).all() == [content_id]

    database.write(steps)


def test_keys_rotate(database: Database) -> None:
    def steps(session: Session) -> None:
        assert active_key(session) is None
        old = add_key(session, selector="a1", public_key="AAAA", state=KeyState.ACTIVE, now=NOW)
        new = add_key(session, selector="a2", public_key="BBBB", state=KeyState.NEXT, now=NOW + DAY)
        assert active_key(session) is old
        activate_key(session, selector="a2", now=NOW + 2 * DAY)
        session.expire_all()
        assert active_key(session) is new
        assert [(key.selector, key.state, key.retired_at) for key in signing_keys(session)] == [
            ("a1", KeyState.RETIRED, NOW + 2 * DAY),
            ("a2", KeyState.ACTIVE, None),
        ]
        activate_key(session, selector="a2", now=NOW + 3 * DAY)
        assert active_key(session) is new
        with pytest.raises(LookupError):
            activate_key(session, selector="a9", now=NOW)

    database.write(steps)
