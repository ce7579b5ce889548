"""What storage keeps of failures, dead addresses and pauses."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from sqlmodel import Session

from storage import bounces, members, queue
from storage.database import Database
from storage.models import Status
from storage.models_bounces import Blame, PauseReason
from tests.storage.made import DAY, NOW, a_list, a_member, a_post, on_list

ROSE, TOM = ("mark-of-rose", "older-mark-of-rose"), ("mark-of-tom",)


def came_back(
    database: Database, mark: str = ROSE[0], blame: Blame = Blame.HARD, run: str = "post:1", now: datetime = NOW
) -> None:
    def write(session: Session) -> None:
        bounces.add_bounce(
            session, mark=mark, member_id=1, domain="home.example", blame=blame, weight=1.0, run=run, said="no", now=now
        )

    database.write(write)


def counted(database: Database, marks: tuple[str, ...] = ROSE) -> list[date]:
    return [each.at.date() for each in database.read(lambda session: bounces.counted(session, marks))]


def test_what_counts_against_an_address(database: Database) -> None:
    came_back(database, now=NOW + DAY)
    came_back(database, ROSE[1])  # under an older secret
    came_back(database, TOM[0])
    came_back(database, blame=Blame.OURS)
    assert counted(database) == [NOW.date(), (NOW + DAY).date()]
    assert counted(database, TOM) == [NOW.date()]


def test_each_is_looked_at_once(database: Database) -> None:
    for number in range(3):
        came_back(database, now=NOW + number * DAY)
    fresh = database.read(lambda session: bounces.fresh(session, before=NOW + DAY))
    assert [each.at for each in fresh] == [NOW, NOW + DAY]
    database.write(lambda session: bounces.set_judged(session, [each.id or 0 for each in fresh]))
    database.write(lambda session: bounces.set_judged(session, []))
    left = database.read(lambda session: bounces.fresh(session, before=NOW + 9 * DAY, limit=1))
    assert [each.at for each in left] == [NOW + 2 * DAY]


def test_a_void_fan_out_counts_nothing(database: Database) -> None:
    came_back(database)
    came_back(database, run="post:2", now=NOW + DAY)
    database.write(lambda session: bounces.set_void(session, "post:1"))
    assert counted(database) == [(NOW + DAY).date()]
    assert [each.void for each in database.read(lambda session: bounces.of_run(session, "post:1"))] == [True]


def test_an_address_that_is_alive(database: Database) -> None:
    came_back(database)
    came_back(database, ROSE[1])
    came_back(database, TOM[0])

    def write(session: Session) -> list[bool]:
        bounces.suppress(session, mark=ROSE[0], member_id=1, next_probe_at=None, now=NOW)
        spoken = bounces.is_spoken_against(session, member_id=9, marks=ROSE)
        hers = bounces.is_spoken_against(session, member_id=1, marks=("another-of-hers",))
        nobodys = bounces.is_spoken_against(session, member_id=9, marks=("nobody",))
        return [spoken, hers, nobodys, bounces.forget(session, ROSE), bounces.forget(session, ROSE)]

    assert database.write(write) == [True, True, False, True, False]
    assert counted(database) == []
    assert counted(database, TOM) == [NOW.date()]
    assert database.read(lambda session: bounces.suppression(session, ROSE)) is None


def test_what_is_our_fault_is_not_forgotten_with_an_address(database: Database) -> None:
    came_back(database, blame=Blame.OURS)
    assert database.write(lambda session: bounces.forget(session, ROSE)) is False
    assert not database.read(lambda session: bounces.is_spoken_against(session, member_id=1, marks=ROSE))
    assert len(database.read(lambda session: bounces.ours_since(session, NOW - DAY))) == 1
    assert database.read(lambda session: bounces.ours_since(session, NOW)) == []


def test_old_failures_are_forgotten(database: Database) -> None:
    came_back(database)
    came_back(database, now=NOW + DAY)
    assert database.write(lambda session: bounces.prune_bounces(session, before=NOW + DAY)) == 1
    assert database.write(lambda session: bounces.prune_bounces(session, before=NOW + DAY)) == 0
    assert counted(database) == [(NOW + DAY).date()]


def test_a_pause_and_its_reason(database: Database) -> None:
    def write(session: Session) -> None:
        first, second = on_list(session, a_list(session), "rose"), on_list(session, a_list(session, "choir"), "tom")
        assert bounces.pause(session, first, PauseReason.BOUNCES, NOW)
        assert not bounces.pause(session, first, PauseReason.COMPLAINT, NOW)  # it is paused already
        assert bounces.pause(session, second, PauseReason.COMPLAINT, NOW)
        assert [bounces.why_paused(session, row) for row in (first, second)] == ["bounces", "complaint"]
        (found,) = bounces.paused(session, member_id=first.member_id, reason=PauseReason.BOUNCES)
        assert found.id == first.id
        assert bounces.paused(session, member_id=second.member_id, reason=PauseReason.BOUNCES) == []
        bounces.resume(session, first)
        assert first.status is Status.ACTIVE
        assert bounces.why_paused(session, first) is None
        assert bounces.pause(session, first, PauseReason.COMPLAINT, NOW + DAY)
        assert bounces.why_paused(session, first) is PauseReason.COMPLAINT

    database.write(write)


def test_suppressions_come_in_the_order_they_were_made(database: Database) -> None:
    def write(session: Session) -> None:
        bounces.suppress(session, mark="b", member_id=1, next_probe_at=NOW + DAY, now=NOW + DAY)
        bounces.suppress(session, mark="a", member_id=2, next_probe_at=None, now=NOW)

    database.write(write)
    assert [each.mark for each in database.read(bounces.suppressions)] == ["a", "b"]


@pytest.mark.parametrize("kind", ["post", "letter"])
def test_the_mail_that_a_return_path_names(database: Database, kind: str) -> None:
    def write(session: Session) -> tuple[bounces.SentCopy | None, ...]:
        list_id = a_list(session)
        rose, tom = on_list(session, list_id, "rose"), on_list(session, list_id, "tom")
        if kind == "post":
            content_id = a_post(session, list_id, "<1@home.example>").content_id
        else:
            queue.add_notice(
                session, raw=b"Subject: x\r\n\r\n", recipient="rose@home.example", cause="1",
                member_id=rose.member_id, membership_id=rose.id, now=NOW,
            )  # fmt: skip
            content_id = queue.queue_rows(session)[0].content_id
        found = bounces.sent_copy(session, content_id=content_id, member_id=rose.member_id)
        none = bounces.sent_copy(session, content_id=content_id + 1, member_id=rose.member_id)
        toms = bounces.sent_copy(session, content_id=content_id, member_id=tom.member_id)
        assert (bounces.post_of_content(session, content_id) is None) == (kind == "letter")
        assert found is not None
        assert found.membership_id == rose.id
        return found, none, toms

    found, none, toms = database.write(write)
    assert found is not None
    assert (found.recipient, found.post_id is None) == ("rose@home.example", kind == "letter")
    assert none is None
    assert (toms is None) == (kind == "letter")


def test_who_got_what_together(database: Database) -> None:
    def write(session: Session) -> tuple[list[str], list[str], list[str]]:
        list_id = a_list(session)
        for name in ("rose", "tom"):
            on_list(session, list_id, name)
        post_id = a_post(session, list_id, "<1@home.example>").id or 0
        queue.add_notice(session, raw=b"x", recipient="olu@example.org", cause="1", now=NOW)
        return (
            bounces.recipients_of_post(session, post_id),
            bounces.recipients_of_letters(session, since=NOW, until=NOW + DAY),
            bounces.recipients_of_letters(session, since=NOW - DAY, until=NOW),
        )

    of_post, of_letters, before = database.write(write)
    assert sorted(of_post) == ["rose@home.example", "tom@home.example"]
    assert (of_letters, before) == (["olu@example.org"], [])


def test_another_address_becomes_the_primary_one(database: Database) -> None:
    def write(session: Session) -> list[tuple[str, bool]]:
        member_id = a_member(session, "rose").id or 0
        members.add_address(session, member_id=member_id, address="Rose@work.example", key="rose@work.example", now=NOW)
        assert members.make_primary(session, member_id=member_id, key="rose@work.example")
        assert members.make_primary(session, member_id=member_id, key="rose@work.example")
        assert not members.make_primary(session, member_id=member_id, key="tom@home.example")
        return [(each.address, each.is_primary) for each in members.addresses_of(session, member_id)]

    assert database.write(write) == [("Rose@work.example", True), ("rose@home.example", False)]
