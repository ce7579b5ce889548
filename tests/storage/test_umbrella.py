"""Lists that are members of lists: who gets a copy, and through which membership."""

from __future__ import annotations

import pytest
from sqlmodel import Session, select

from storage.database import Database
from storage.lists import remove_list
from storage.members import invite, join, leave, update_membership
from storage.models import Delivery, DeliveryMode, Membership
from storage.posts import store_post
from storage.private_mail import shared_list
from storage.queue import claim
from storage.umbrella import add_member_list, member_lists, membership_through, remove_member_list
from tests.storage.made import NOW, a_list, a_post, on_list


def readers(session: Session, post_id: int | None) -> list[str]:
    """First names, with the list of the membership through which each one is reached."""
    rows = session.exec(select(Delivery, Membership).where(Delivery.membership_id == Membership.id))
    return sorted(
        f"{row.recipient.partition('@')[0]}/{membership.list_id}" for row, membership in rows if row.post_id == post_id
    )


def inside(session: Session, outer_id: int, *inner_ids: int) -> None:
    for inner_id in inner_ids:
        assert add_member_list(session, outer_id=outer_id, inner_id=inner_id, now=NOW)


def also_on(session: Session, list_id: int, member: Membership) -> Membership:
    return join(session, list_id=list_id, member_id=member.member_id, leave_token=f"t{list_id}{member.id}", now=NOW)


def test_a_post_reaches_the_people_of_member_lists_once(database: Database) -> None:
    def steps(session: Session) -> None:
        street, family, choir = a_list(session, "street"), a_list(session), a_list(session, "choir")
        inside(session, street, family, choir)
        on_list(session, street, "olu")
        anna, tom = on_list(session, family, "anna"), on_list(session, choir, "tom")
        also_on(session, street, anna)
        also_on(session, family, tom)
        assert readers(session, a_post(session, street, "<1@x>").id) == [
            f"anna/{street}",
            f"olu/{street}",
            f"tom/{choir}",
        ]
        assert readers(session, a_post(session, family, "<2@x>").id) == [f"anna/{family}", f"tom/{family}"]

    database.write(steps)


def test_lists_in_a_circle_end_there(database: Database) -> None:
    def steps(session: Session) -> None:
        a, b, c = (a_list(session, name) for name in "abc")
        inside(session, a, b)
        inside(session, b, c, a)
        inside(session, c, a, c)
        for list_id, name in ((a, "anna"), (b, "ben"), (c, "cleo")):
            on_list(session, list_id, name)
        everyone = [f"anna/{a}", f"ben/{b}", f"cleo/{c}"]
        for list_id in (a, b, c):
            assert readers(session, a_post(session, list_id, f"<{list_id}@x>").id) == everyone

    database.write(steps)


def test_her_own_place_on_the_outer_list_goes_before(database: Database) -> None:
    def steps(session: Session) -> None:
        street, family = a_list(session, "street"), a_list(session)
        inside(session, street, family)
        for name, delivery in (("each", DeliveryMode.EACH), ("daily", DeliveryMode.DAILY), ("none", DeliveryMode.NONE)):
            on_list(session, family, name, delivery)
        quiet, gone, asked = (also_on(session, street, on_list(session, family, name)) for name in "qgi")
        update_membership(session, membership_id=quiet.id or 0, delivery=DeliveryMode.NONE)
        leave(session, membership_id=gone.id or 0)
        leave(session, membership_id=asked.id or 0)
        invite(session, list_id=street, member_id=asked.member_id, delivery=DeliveryMode.EACH, now=NOW)
        left = on_list(session, family, "left")
        leave(session, membership_id=left.id or 0)
        reached = readers(session, a_post(session, street, "<1@x>").id)
        assert reached == [f"daily/{family}", f"each/{family}", f"i/{family}"]
        for member, through in ((quiet, False), (gone, False), (asked, True), (left, False)):
            found = membership_through(session, outer_id=street, member_id=member.member_id)
            assert (found is not None) is through

    database.write(steps)


def test_an_author_without_her_own_posts(database: Database) -> None:
    def steps(session: Session) -> None:
        street, family = a_list(session, "street"), a_list(session)
        inside(session, street, family)
        anna = on_list(session, family, "anna")
        update_membership(session, membership_id=anna.id or 0, own_posts=False)
        assert readers(session, a_post(session, street, "<1@x>", author=anna.member_id).id) == []
        assert readers(session, a_post(session, street, "<2@x>").id) == [f"anna/{family}"]

    database.write(steps)


@pytest.mark.parametrize("outer_first", [True, False])
def test_what_is_written_to_both_comes_once(database: Database, *, outer_first: bool) -> None:
    def steps(session: Session) -> None:
        street, family = a_list(session, "street"), a_list(session)
        inside(session, street, family)
        also_on(session, street, on_list(session, family, "tom"))
        on_list(session, family, "anna")
        got = []
        content_id = a_post(session, a_list(session, "garden"), "<1@x>").content_id
        for list_id in (street, family) if outer_first else (family, street):
            post = store_post(
                session,
                list_id=list_id,
                member_id=None,
                author_name="Rose",
                content_id=content_id,
                message_id="<1@x>",
                original_message_id="<1@x>",
                in_reply_to="",
                references=(),
                subject="To both",
                written_at=NOW,
                received_at=NOW,
                now=NOW,
            )
            got += readers(session, post.id)
        # Tom has chosen to be on both, and gets it once all the same
        assert sorted(got) == sorted([f"anna/{family}", f"tom/{street if outer_first else family}"])

    database.write(steps)


def test_removed_lists_and_removed_ties_lead_nowhere(database: Database) -> None:
    def steps(session: Session) -> None:
        street, family, choir = a_list(session, "street"), a_list(session), a_list(session, "choir")
        inside(session, street, family)
        inside(session, family, choir)
        on_list(session, family, "anna")
        on_list(session, choir, "tom")
        assert not add_member_list(session, outer_id=street, inner_id=family, now=NOW)
        assert [each.name for each in member_lists(session, street)] == ["family"]
        remove_list(session, list_id=family, now=NOW)
        assert readers(session, a_post(session, street, "<1@x>").id) == []
        assert member_lists(session, street) == []
        inside(session, street, choir)
        assert readers(session, a_post(session, street, "<2@x>").id) == [f"tom/{choir}"]
        assert remove_member_list(session, outer_id=street, inner_id=choir)
        assert not remove_member_list(session, outer_id=street, inner_id=choir)
        assert readers(session, a_post(session, street, "<3@x>").id) == []

    database.write(steps)


def test_a_claim_names_the_list_through_which_she_is_reached(database: Database) -> None:
    def steps(session: Session) -> None:
        street, family = a_list(session, "street"), a_list(session)
        inside(session, street, family)
        on_list(session, street, "olu")
        on_list(session, family, "anna")
        a_post(session, street, "<1@x>")
        claimed = {row.recipient: row for row in claim(session, who="h:1:1", now=NOW)}
        assert {name: (row.list_id, row.through, row.leave_token) for name, row in claimed.items()} == {
            "olu@home.example": (street, "", f"olu{street}"),
            "anna@home.example": (street, "family", f"anna{family}"),
        }

    database.write(steps)


def test_who_reads_the_same_list_may_write_to_each_other(database: Database) -> None:
    def steps(session: Session) -> None:
        street, family, choir = a_list(session, "street"), a_list(session), a_list(session, "choir")
        inside(session, street, family, choir)
        inside(session, family, street)
        anna, tom = on_list(session, family, "anna"), on_list(session, choir, "tom")
        stranger = on_list(session, a_list(session, "garden"), "greta")
        shared = shared_list(session, member_id=anna.member_id, other_id=tom.member_id)
        assert shared is not None
        assert shared.id == street
        assert shared_list(session, member_id=anna.member_id, other_id=stranger.member_id) is None

    database.write(steps)
