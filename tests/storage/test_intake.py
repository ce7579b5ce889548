from __future__ import annotations

from datetime import UTC, datetime

import pytest

from storage import lists, members
from storage.bans import add_ban
from storage.intake import has_list, keys_of_members, seat_of
from storage.models import Status

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)


@pytest.fixture
def anna(database):
    def fill(session):
        family = lists.create_list(session, name="family", title="The family", now=NOW)
        lists.create_list(session, name="choir", title="The choir", now=NOW)
        person = members.add_member(
            session, name="Anna", alias="anna", address="anna@home.example", key="anna@home.example", now=NOW
        )
        members.add_address(session, member_id=person.id, address="a@work.example", key="a@work.example", now=NOW)
        members.join(session, list_id=family.id, member_id=person.id, leave_token="k7m2q9xwab", now=NOW)
        return person.id

    return database.write(fill)


@pytest.mark.parametrize("key", ["anna@home.example", "a@work.example"])
def test_a_member_has_one_seat_whichever_address_she_uses(database, anna, key):
    seat = database.read(lambda session: seat_of(session, list_name="family", key=key))
    assert (seat.mailing_list.name, seat.member.id, seat.membership.status) == ("family", anna, Status.ACTIVE)


def test_a_member_of_another_list_has_no_membership(database, anna):
    seat = database.read(lambda session: seat_of(session, list_name="choir", key="anna@home.example"))
    assert (seat.mailing_list.name, seat.member.id, seat.membership) == ("choir", anna, None)


def test_a_stranger_has_nothing(database, anna):
    seat = database.read(lambda session: seat_of(session, list_name="family", key="sven@elm.example"))
    assert (seat.member, seat.membership) == (None, None)


def test_a_removed_list_is_no_more(database, anna):
    family = database.read(lambda session: lists.list_named(session, "family"))
    assert database.read(lambda session: has_list(session, "family"))
    database.write(lambda session: lists.remove_list(session, list_id=family.id, now=NOW))
    assert not database.read(lambda session: has_list(session, "family"))
    assert database.read(lambda session: seat_of(session, list_name="family", key="anna@home.example")) is None


def test_whose_addresses_are_known(database, anna):
    asked = {"anna@home.example", "a@work.example", "sven@elm.example"}
    assert database.read(lambda session: keys_of_members(session, asked)) == asked - {"sven@elm.example"}
    assert database.read(lambda session: keys_of_members(session, ())) == frozenset()


@pytest.mark.parametrize(("where", "seen"), [(None, True), ("family", True), ("choir", False)])
def test_where_somebody_is_banned(database, anna, where, seen):
    def is_seen(session):
        return seat_of(session, list_name="family", key="anna@home.example").has_bans

    assert not database.read(is_seen)
    list_id = database.read(lambda session: lists.list_named(session, where).id) if where else None
    database.write(lambda session: add_ban(session, pattern="sven@elm.example", list_id=list_id, now=NOW))
    assert database.read(is_seen) is seen
