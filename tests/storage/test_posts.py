"""Who gets a copy of a post."""

from __future__ import annotations

from sqlmodel import Session, select

from storage.database import Database
from storage.members import add_address, invite, leave, update_member, update_membership
from storage.models import Delivery, DeliveryMode, DeliveryState
from storage.posts import post_by_id, post_by_message_id, remove_post, thread_posts
from storage.queue import claim
from tests.storage.made import MINUTE, NOW, a_list, a_member, a_post, on_list


def recipients(session: Session, post_id: int | None) -> list[str]:
    return sorted(session.exec(select(Delivery.recipient).where(Delivery.post_id == post_id)))


def test_readers_are_active_and_want_each_post(database: Database) -> None:
    def steps(session: Session) -> None:
        list_id, other_list = a_list(session), a_list(session, "other")
        on_list(session, list_id, "anna")
        on_list(session, list_id, "daily", DeliveryMode.DAILY)
        on_list(session, list_id, "weekly", DeliveryMode.WEEKLY)
        on_list(session, list_id, "none", DeliveryMode.NONE)
        on_list(session, other_list, "elsewhere")
        gone = on_list(session, list_id, "gone")
        leave(session, membership_id=gone.id or 0)
        invite(
            session, list_id=list_id, member_id=a_member(session, "asked").id or 0, delivery=DeliveryMode.EACH, now=NOW
        )
        tom = on_list(session, list_id, "tom")
        add_address(session, member_id=tom.member_id, address="tom@work.example", key="tom@work.example", now=NOW)
        update_member(session, member_id=tom.member_id, language="de")
        post = a_post(session, list_id, "<1@x>")
        assert recipients(session, post.id) == ["anna@home.example", "tom@home.example"]
        row = session.exec(select(Delivery).where(Delivery.recipient == "tom@home.example")).one()
        assert (row.language, row.membership_id, row.member_id, row.list_id) == ("de", tom.id, tom.member_id, list_id)
        assert (row.state, row.attempts, row.due_at, row.created_at) == (DeliveryState.DUE, 0, NOW, NOW)
        assert (row.content_id, row.cause, row.settled_at) == (post.content_id, None, None)

    database.write(steps)


def test_the_author_gets_her_copy_unless_she_wants_none(database: Database) -> None:
    def steps(session: Session) -> None:
        list_id = a_list(session)
        anna, tom = on_list(session, list_id, "anna"), on_list(session, list_id, "tom")
        update_membership(session, membership_id=tom.id or 0, own_posts=False)
        both = ["anna@home.example", "tom@home.example"]
        assert recipients(session, a_post(session, list_id, "<1@x>", author=anna.member_id).id) == both
        assert recipients(session, a_post(session, list_id, "<2@x>", author=tom.member_id).id) == both[:1]
        assert recipients(session, a_post(session, list_id, "<3@x>", author=None).id) == both

    database.write(steps)


def test_a_stored_post_is_what_the_caller_gave(database: Database) -> None:
    def store(session: Session) -> int:
        post = a_post(session, a_list(session), "<1@x>", ["<0@x>"], in_reply_to="<0@x>", original="<real@x>")
        assert post_by_id(session, post.id or 0) == post
        return post.id or 0

    post_id = database.write(store)

    def check(session: Session) -> None:
        post = post_by_id(session, post_id)
        assert post is not None
        assert (post.original_message_id, post.in_reply_to, post.accepted_at) == ("<real@x>", "<0@x>", NOW)
        assert post_by_message_id(session, list_id=post.list_id, message_id="<1@x>") == post
        assert post_by_message_id(session, list_id=post.list_id, message_id="<0@x>") is None
        assert thread_posts(session, post.thread_id) == [post]

    database.read(check)


def test_a_removed_post_is_sent_to_nobody_else(database: Database) -> None:
    def steps(session: Session) -> None:
        list_id = a_list(session)
        for name in ("anna", "tom"):
            on_list(session, list_id, name)
        post = a_post(session, list_id, "<1@x>")
        [on_its_way] = claim(session, who="h:1:1", now=NOW, limit=1)
        assert remove_post(session, post_id=post.id or 0, now=NOW + MINUTE)
        assert session.exec(select(Delivery.id)).all() == [on_its_way.id]
        assert thread_posts(session, post.thread_id) == []

    database.write(steps)
