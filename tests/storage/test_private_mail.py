"""Private mail and reactions, on both databases."""

from __future__ import annotations

from datetime import timedelta

from sqlmodel import Session

from storage import queue, reactions
from storage.contents import read_content, store_content
from storage.database import Database
from storage.lists import remove_list
from storage.members import leave
from storage.models import DeliveryState
from storage.private_mail import (
    block,
    blockers,
    forget_private_mail,
    has_got,
    own_message_ids,
    private_by_id,
    private_sent,
    private_source,
    send_privately,
    shared_list,
    unblock,
    written_since,
)
from storage.queue import Settled
from tests.storage.made import DAY, MINUTE, NOW, a_list, a_member, a_post, on_list


def sent(session: Session, writer: int, reader: int, *, list_id: int = 1, text: bytes = b"Hi", number: int = 1) -> int:
    return send_privately(
        session,
        list_id=list_id,
        writer_id=writer,
        reader_id=reader,
        content_id=store_content(session, text, NOW),
        message_id=f"<p.{number}@oak.example>",
        original_message_id=f"<{number}@home.example>",
        recipient="b@home.example",
        language="sv",
        now=NOW,
    )


def two(session: Session) -> tuple[int, int, int]:
    """A list, Anna and Rose."""
    family = a_list(session)
    return family, on_list(session, family, "anna").member_id, on_list(session, family, "rose").member_id


def test_one_delivery_without_a_post(database: Database) -> None:
    def steps(session: Session) -> None:
        family, anna, rose = two(session)
        private_id = sent(session, anna, rose, list_id=family)
        (claimed,) = queue.claim(session, who="h:1:1", now=NOW)
        assert (claimed.private_id, claimed.post_id, claimed.list_id) == (private_id, None, None)
        assert (claimed.member_id, claimed.recipient, claimed.language) == (rose, "b@home.example", "sv")
        source = private_source(session, private_id)
        assert (source.writer.name, source.reader.name, source.raw) == ("Anna", "Rose", b"Hi")
        found = private_sent(session, content_id=claimed.content_id, reader_id=rose)
        assert found is not None
        assert found.id == private_id
        assert private_sent(session, content_id=claimed.content_id, reader_id=anna) is None

    database.write(steps)


def test_how_each_of_them_knows_the_mail(database: Database) -> None:
    def steps(session: Session) -> None:
        family, anna, rose = two(session)
        sent(session, anna, rose, list_id=family)
        ids = {"<p.1@oak.example>", "<other@x.example>"}
        assert own_message_ids(session, writer_id=anna, message_ids=ids) == {"<p.1@oak.example>": "<1@home.example>"}
        assert own_message_ids(session, writer_id=rose, message_ids=ids) == {}
        assert own_message_ids(session, writer_id=anna, message_ids=()) == {}
        assert has_got(session, reader_id=rose, message_ids=ids)
        assert not has_got(session, reader_id=anna, message_ids=ids)
        assert not has_got(session, reader_id=rose, message_ids=())
        assert written_since(session, writer_id=anna, since=NOW - MINUTE) == 1
        assert written_since(session, writer_id=anna, since=NOW) == 0

    database.write(steps)


def test_who_shares_a_list(database: Database) -> None:
    def steps(session: Session) -> None:
        family, anna, rose = two(session)
        tom = a_member(session, "tom").id or 0
        found = shared_list(session, member_id=anna, other_id=rose)
        assert found is not None
        assert found.id == family
        assert shared_list(session, member_id=anna, other_id=tom) is None
        choir = a_list(session, "choir")
        toms = on_list(session, choir, "berit")
        assert shared_list(session, member_id=anna, other_id=toms.member_id) is None
        leave(session, membership_id=2)
        assert shared_list(session, member_id=anna, other_id=rose) is None
        remove_list(session, list_id=choir, now=NOW)
        assert shared_list(session, member_id=toms.member_id, other_id=toms.member_id) is None

    database.write(steps)


def test_a_block_holds_for_both_and_drops_what_waits(database: Database) -> None:
    def steps(session: Session) -> None:
        family, anna, rose = two(session)
        sent(session, anna, rose, list_id=family)
        sent(session, rose, anna, list_id=family, number=2)
        for _ in range(2):
            block(session, blocker_id=rose, blocked_id=anna, now=NOW)
        assert blockers(session, anna, rose) == blockers(session, rose, anna) == {rose}
        assert [row.member_id for row in queue.claim(session, who="h:1:1", now=NOW)] == [anna]
        assert not unblock(session, blocker_id=anna, blocked_id=rose)
        assert unblock(session, blocker_id=rose, blocked_id=anna)
        assert blockers(session, anna, rose) == frozenset()

    database.write(steps)


def test_what_is_done_is_forgotten_with_bytes_that_nobody_else_has(database: Database) -> None:
    def steps(session: Session) -> None:
        family, anna, rose = two(session)
        shared = a_post(session, family, "<post@home.example>")
        first = sent(session, anna, rose, list_id=family, text=b"Only for you")
        second = sent(session, anna, rose, list_id=family, text=read_content(session, shared.content_id), number=2)
        waiting = sent(session, anna, rose, list_id=family, text=b"It waits", number=3)
        only = private_source(session, first).mail.content_id
        later = NOW + 31 * DAY
        assert forget_private_mail(session, before=later) == 0
        rows = [row for row in queue.claim(session, who="h:1:1", now=NOW) if row.private_id in (first, second)]
        queue.settle(session, [Settled(row.id, DeliveryState.SENT, "250") for row in rows], NOW)
        while queue.prune(session, before=later):
            pass
        assert forget_private_mail(session, before=NOW) == 0
        assert forget_private_mail(session, before=later) == 2
        assert forget_private_mail(session, before=later) == 0
        session.expire_all()
        assert private_by_id(session, first) is None
        assert read_content(session, shared.content_id)
        assert private_source(session, waiting).raw == b"It waits"
        try:
            read_content(session, only)
        except LookupError:
            return
        raise AssertionError("its bytes are still there")

    database.write(steps)


def test_reactions_are_counted_by_kind(database: Database) -> None:
    red, up = "\u2764\ufe0f", "\U0001f44d"

    def steps(session: Session) -> None:
        family, anna, rose = two(session)
        tom = on_list(session, family, "tom").member_id
        post_id = a_post(session, family, "<1@home.example>").id or 0
        other_id = a_post(session, family, "<2@home.example>").id or 0
        for number, (member_id, emoji) in enumerate([(anna, up), (rose, red), (tom, "\u2764")]):
            now = NOW + timedelta(seconds=number)
            assert reactions.react(session, post_id=post_id, member_id=member_id, emoji=emoji, now=now)
        assert not reactions.react(session, post_id=post_id, member_id=anna, emoji=up, now=NOW)
        assert reactions.reactions_to(session, [post_id, other_id]) == {post_id: [(red, 2), (up, 1)]}
        assert reactions.react(session, post_id=post_id, member_id=rose, emoji=up, now=NOW + MINUTE)
        assert reactions.reactions_to(session, [post_id]) == {post_id: [(up, 2), ("\u2764", 1)]}
        assert reactions.withdraw(session, post_id=post_id, member_id=anna)
        assert not reactions.withdraw(session, post_id=post_id, member_id=anna)
        assert reactions.reactions_to(session, []) == {}

    database.write(steps)
