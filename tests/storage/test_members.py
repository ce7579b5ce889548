"""Persons, their addresses and aliases, and how they come to a list and leave it."""

from __future__ import annotations

import pytest
from sqlmodel import Session, select

from storage.database import Database
from storage.lists import update_list
from storage.members import (
    AddressTaken,
    AliasTaken,
    LastAddress,
    add_address,
    add_member,
    addresses_of,
    alias_owner,
    aliases_for,
    come_back,
    count_members,
    invite,
    join,
    leave,
    member_by_id,
    member_of_address,
    membership,
    membership_by_id,
    memberships_of,
    people_of,
    primary_address,
    remove_address,
    update_member,
    update_membership,
)
from storage.models import Delivery, DeliveryMode, Member, Role, Status, TokenAction
from storage.tokens import TokenTaken, find_token, leave_token
from tests.storage.made import DAY, NOW, a_list, a_member, a_post, on_list


def names(session: Session, list_id: int, **filters: object) -> list[str]:
    return [person.member.alias for person in people_of(session, list_id, **filters)]


def test_a_member_and_her_addresses(database: Database) -> None:
    def steps(session: Session) -> None:
        anna = add_member(
            session,
            name="Anna Lindqvist",
            alias="Anna.Lindqvist",
            address="Anna@Home.example",
            key="anna@home.example",
            language="sv",
            timezone="Europe/Stockholm",
            now=NOW,
        )
        anna_id = anna.id or 0
        assert (anna.alias, anna.language, anna.hour, anna.share, anna.home) == ("anna.lindqvist", "sv", 7, "ask", "")
        add_address(session, member_id=anna_id, address="anna@work.example", key="anna@work.example", now=NOW)
        add_address(session, member_id=anna_id, address="anna@old.example", key="anna@old.example", now=NOW)
        assert primary_address(session, anna_id) == "Anna@Home.example"
        assert [row.address for row in addresses_of(session, anna_id)] == [
            "Anna@Home.example",
            "anna@work.example",
            "anna@old.example",
        ]
        for key in ("anna@home.example", "anna@work.example"):
            assert member_of_address(session, key) is anna
        assert alias_owner(session, "ANNA.lindqvist") is anna
        assert member_by_id(session, anna_id) is anna
        assert member_of_address(session, "tom@home.example") is alias_owner(session, "tom") is None
        tom = a_member(session, "tom")
        keys = ["anna@work.example", "tom@home.example", "stranger@x.example"]
        assert aliases_for(session, keys) == {"anna@work.example": "anna.lindqvist", "tom@home.example": tom.alias}
        assert aliases_for(session, []) == {}

    database.write(steps)


def test_what_is_taken(database: Database) -> None:
    def steps(session: Session) -> None:
        anna, tom = a_member(session, "anna"), a_member(session, "tom")
        facts = {"name": "X", "address": "x@x.example", "key": "x@x.example", "now": NOW}
        with pytest.raises(AliasTaken):
            add_member(session, alias="ANNA", **facts)
        with pytest.raises(AddressTaken):
            add_member(session, alias="new", **(facts | {"key": "anna@home.example"}))
        with pytest.raises(AddressTaken):
            add_address(session, member_id=tom.id or 0, address="Anna@home.example", key="anna@home.example", now=NOW)
        assert [row.key for row in addresses_of(session, anna.id or 0)] == ["anna@home.example"]
        assert alias_owner(session, "new") is None

    database.write(steps)


def test_an_address_goes_away(database: Database) -> None:
    def steps(session: Session) -> None:
        anna_id = a_member(session, "anna").id or 0
        with pytest.raises(LastAddress):
            remove_address(session, member_id=anna_id, key="anna@home.example")
        for address in ("anna@work.example", "anna@new.example"):
            add_address(session, member_id=anna_id, address=address, key=address, now=NOW)
        assert not remove_address(session, member_id=anna_id, key="tom@home.example")
        assert remove_address(session, member_id=anna_id, key="anna@home.example")
        assert primary_address(session, anna_id) == "anna@work.example"
        assert remove_address(session, member_id=anna_id, key="anna@new.example")
        assert primary_address(session, anna_id) == "anna@work.example"
        a_member(session, "tom")  # whoever comes next may have it
        add_address(session, member_id=anna_id, address="anna@home.example", key="anna@home.example", now=NOW)
        with pytest.raises(LookupError):
            primary_address(session, 999)

    database.write(steps)


def test_a_member_changes(database: Database) -> None:
    def steps(session: Session) -> None:
        anna_id = a_member(session, "anna").id or 0
        update_member(
            session,
            member_id=anna_id,
            name="Anna L.",
            language="de",
            timezone="Europe/Berlin",
            hour=0,
            address_shown=True,
            share="never",
            home="elm.example",
        )
        session.expire_all()
        expected = Member(
            id=anna_id,
            name="Anna L.",
            alias="anna",
            language="de",
            timezone="Europe/Berlin",
            hour=0,
            address_shown=True,
            share="never",
            home="elm.example",
            created_at=NOW,
        )
        assert member_by_id(session, anna_id) == expected
        assert update_member(session, member_id=anna_id, address_shown=False).address_shown is False
        assert update_member(session, member_id=anna_id).name == "Anna L."
        with pytest.raises(LookupError):
            update_member(session, member_id=999, name="X")

    database.write(steps)


def test_invited_then_joined(database: Database) -> None:
    def steps(session: Session) -> None:
        list_id, anna_id = a_list(session), a_member(session, "anna").id or 0
        row = invite(
            session, list_id=list_id, member_id=anna_id, delivery=DeliveryMode.DAILY, role=Role.MODERATOR, now=NOW
        )
        assert (row.status, row.joined_at) == (Status.INVITED, None)
        assert count_members(session, list_id) == 0
        joined = join(session, list_id=list_id, member_id=anna_id, leave_token="tok1", now=NOW + DAY)
        assert joined is row
        assert (row.status, row.joined_at) == (Status.ACTIVE, NOW + DAY)
        assert (row.delivery, row.role) == (DeliveryMode.DAILY, Role.MODERATOR)
        assert leave_token(session, row.id or 0) == "tok1"
        token = find_token(session, "tok1")
        assert token is not None
        assert (token.action, token.list_id, token.member_id, token.membership_id, token.expires_at) == (
            TokenAction.LEAVE,
            list_id,
            anna_id,
            row.id,
            None,
        )
        again = join(
            session,
            list_id=list_id,
            member_id=anna_id,
            leave_token="tok2",
            delivery=DeliveryMode.EACH,
            now=NOW + 2 * DAY,
        )
        assert (again.joined_at, again.delivery) == (NOW + DAY, DeliveryMode.EACH)
        assert leave_token(session, row.id or 0) == "tok1"
        invite(session, list_id=list_id, member_id=anna_id, delivery=DeliveryMode.WEEKLY, now=NOW)
        assert (row.status, row.delivery) == (Status.ACTIVE, DeliveryMode.EACH)
        assert count_members(session, list_id) == 1

    database.write(steps)


def test_joining_takes_the_lists_default(database: Database) -> None:
    def steps(session: Session) -> None:
        list_id = a_list(session)
        update_list(session, list_id=list_id, delivery=DeliveryMode.WEEKLY)
        anna, tom = a_member(session, "anna"), a_member(session, "tom")
        row = join(session, list_id=list_id, member_id=anna.id or 0, leave_token="tok1", now=NOW)
        assert (row.delivery, row.role, row.own_posts, row.weekday) == (DeliveryMode.WEEKLY, Role.MEMBER, True, 6)
        with pytest.raises(TokenTaken):
            join(session, list_id=list_id, member_id=tom.id or 0, leave_token="tok1", now=NOW)

    database.write(steps)


def test_leaving_and_coming_back(database: Database) -> None:
    def steps(session: Session) -> None:
        list_id = a_list(session)
        anna = on_list(session, list_id, "anna", DeliveryMode.EACH, Role.OWNER)
        on_list(session, list_id, "tom")
        a_post(session, list_id, "<1@x>")
        assert leave(session, membership_id=anna.id or 0)
        assert not leave(session, membership_id=anna.id or 0)
        assert not leave(session, membership_id=999)
        assert membership(session, list_id, anna.member_id) is membership_by_id(session, anna.id or 0) is anna
        assert anna.status is Status.LEFT
        assert names(session, list_id) == ["tom"]
        assert count_members(session, list_id) == 1
        assert [row.status for _, row in memberships_of(session, anna.member_id)] == [Status.LEFT]
        assert len(session.exec(select(Delivery)).all()) == 1
        assert come_back(session, membership_id=anna.id or 0, now=NOW + DAY)
        assert not come_back(session, membership_id=anna.id or 0, now=NOW + DAY)
        assert (anna.status, anna.role, anna.joined_at) == (Status.ACTIVE, Role.OWNER, NOW + DAY)
        assert names(session, list_id) == ["anna", "tom"]

    database.write(steps)


def test_who_is_on_a_list(database: Database) -> None:
    def steps(session: Session) -> None:
        list_id, other = a_list(session), a_list(session, "other")
        carl = on_list(session, list_id, "carl", role=Role.OWNER)
        on_list(session, list_id, "bert", DeliveryMode.NONE, Role.MODERATOR)
        on_list(session, other, "elsewhere")
        invite(
            session, list_id=list_id, member_id=a_member(session, "anna").id or 0, delivery=DeliveryMode.EACH, now=NOW
        )
        add_address(session, member_id=carl.member_id, address="carl@work.example", key="carl@work.example", now=NOW)
        assert names(session, list_id) == ["anna", "bert", "carl"]
        assert names(session, list_id, statuses=[Status.ACTIVE]) == ["bert", "carl"]
        assert names(session, list_id, roles=[Role.OWNER]) == ["carl"]
        assert names(session, list_id, roles=[]) == []
        last = list(people_of(session, list_id))[-1]
        assert (last.address, last.membership, last.member.id) == ("carl@home.example", carl, carl.member_id)

    database.write(steps)


def test_many_people_are_streamed(database: Database) -> None:
    def steps(session: Session) -> None:
        list_id = a_list(session)
        for number in range(600):
            on_list(session, list_id, f"m{number:04}")
        session.expunge_all()
        people = people_of(session, list_id)
        assert next(people).member.alias == "m0000"
        assert len(session.identity_map) <= 2 * 500  # one helping of members and memberships
        assert [person.member.alias for person in people] == [f"m{number:04}" for number in range(1, 600)]

    database.write(steps)


def test_a_membership_changes(database: Database) -> None:
    def steps(session: Session) -> None:
        row = on_list(session, a_list(session), "anna")
        update_membership(
            session, membership_id=row.id or 0, delivery=DeliveryMode.NONE, role=Role.OWNER, own_posts=False, weekday=0
        )
        session.expire_all()
        assert (row.delivery, row.role, row.own_posts, row.weekday) == (DeliveryMode.NONE, Role.OWNER, False, 0)
        with pytest.raises(LookupError):
            update_membership(session, membership_id=999)

    database.write(steps)
