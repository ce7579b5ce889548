"""What we have asked people, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session

from storage import held, questions
from storage.contents import store_content
from storage.database import Database
from storage.intake import seat_of
from storage.lists import create_list
from storage.members import add_member, join
from storage.models import Awaits, HeldState
from storage.models_questions import QuestionKind
from storage.posts import store_post
from storage.tokens import TokenTaken, leave_token

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def a_seat(session: Session) -> tuple[int, int]:
    """Anna on the list family: the ids of the list and of her."""
    family = create_list(session, name="family", title="The family", now=NOW).id or 0
    anna = add_member(session, name="Anna", alias="anna", address="a@home.example", key="a@home.example", now=NOW)
    join(session, list_id=family, member_id=anna.id or 0, leave_token="k7m2q9xwab", now=NOW)
    return family, anna.id or 0


def held_mail(session: Session, family: int, **more: object) -> int:
    facts = {"content_id": store_content(session, b"x", NOW), "envelope_sender": "a@home.example", "subject": "Hi"}
    facts |= {"recipient": "family@oak.example", "author": "Anna", "reason": "why", "now": NOW, "member_id": None}
    return held.hold(session, list_id=family, **{**facts, **more}).id or 0  # type: ignore[arg-type]


def test_a_question_is_answered_once_and_in_time(database: Database) -> None:
    def steps(session: Session) -> None:
        family, anna = a_seat(session)
        for token in ("first2345", "second2345"):
            asked = questions.add_question(
                session, token=token, kind=QuestionKind.AUTHOR, list_id=family, member_id=anna, now=NOW,
                expires_at=NOW + DAY,
            )  # fmt: skip
            assert questions.find_question(session, token) == asked
        assert not questions.answer_question(session, token="unknown234", yes=True, now=NOW)
        assert not questions.answer_question(session, token="first2345", yes=True, now=NOW + DAY)
        assert questions.answer_question(session, token="first2345", yes=False, now=NOW + HOUR)
        assert not questions.answer_question(session, token="first2345", yes=True, now=NOW + HOUR)
        session.expire_all()
        answered = questions.find_question(session, "first2345")
        assert answered is not None
        assert (answered.answered_at, answered.said_yes, answered.asked_at) == (NOW + HOUR, False, NOW)
        questions.drop_question(session, "second2345")
        session.expire_all()
        assert questions.find_question(session, "second2345") is None

    database.write(steps)


def test_no_token_stands_for_two_things(database: Database) -> None:
    def steps(session: Session) -> None:
        family, _ = a_seat(session)
        assert leave_token(session, 1) == "k7m2q9xwab"
        facts = {"kind": QuestionKind.JOINING, "list_id": family, "now": NOW, "expires_at": NOW + DAY}
        questions.add_question(session, token="first2345", **facts)  # type: ignore[arg-type]
        for taken in ("first2345", "k7m2q9xwab"):
            with pytest.raises(TokenTaken):
                questions.add_question(session, token=taken, **facts)  # type: ignore[arg-type]

    database.write(steps)


def test_how_often_was_asked(database: Database) -> None:
    def steps(session: Session) -> None:
        family, anna = a_seat(session)

        def ask(token: str, kind: QuestionKind, now: datetime, **more: object) -> None:
            questions.add_question(
                session,
                token=token,
                kind=kind,
                list_id=family,
                now=now,
                expires_at=now + 7 * DAY,
                **more,  # type: ignore[arg-type]
            )

        ask("aaaaaaa2", QuestionKind.AUTHOR, NOW, member_id=anna)
        ask("aaaaaaa3", QuestionKind.ADDRESS, NOW, member_id=anna, key="b@work.example")
        for number in range(3):
            ask(f"bbbbbbb{number + 2}", QuestionKind.JOINING, NOW - number * DAY, key="c@elm.example")
        times = questions.times_asked_member
        assert times(session, kind=QuestionKind.AUTHOR, member_id=anna, since=NOW - DAY) == 1
        assert times(session, kind=QuestionKind.AUTHOR, member_id=anna, since=NOW) == 0
        assert questions.asked_about_address(session, member_id=anna, key="c@elm.example") is None
        asked = questions.asked_about_address(session, member_id=anna, key="b@work.example")
        assert asked is not None
        assert asked.token == "aaaaaaa3"
        assert questions.joinings_of_address(session, key="c@elm.example", since=NOW - HOUR) == (1, 3)
        assert questions.answer_question(session, token="bbbbbbb2", yes=True, now=NOW + HOUR)
        assert questions.joinings_of_address(session, key="c@elm.example", since=NOW - HOUR) == (1, 2)
        assert questions.joinings_since(session, NOW - HOUR) == 1
        assert questions.joinings_since(session, NOW - 3 * DAY, list_id=family) == 3
        assert questions.joinings_since(session, NOW - 3 * DAY, list_id=family + 1) == 0

    database.write(steps)


def test_decisions_to_be_reminded_of(database: Database) -> None:
    def steps(session: Session) -> None:
        family, _ = a_seat(session)
        numbers = [held_mail(session, family) for _ in range(3)]
        for number in numbers:
            questions.add_question(
                session, token=f"ddddddd{number + 1}", kind=QuestionKind.DECISION, list_id=family, held_id=number,
                now=NOW, expires_at=NOW + 90 * DAY,
            )  # fmt: skip
        assert held.decide(session, held_id=numbers[0], state=HeldState.APPROVED, now=NOW)
        assert questions.to_remind_of(session, asked_before=NOW) == []
        (second, _), (third, _) = questions.to_remind_of(session, asked_before=NOW + HOUR)
        second.reminded_at = NOW
        session.flush()
        assert [question for question, _ in questions.to_remind_of(session, asked_before=NOW + HOUR)] == [third]

    database.write(steps)


def test_what_waits_for_a_members_word(database: Database) -> None:
    def steps(session: Session) -> None:
        family, anna = a_seat(session)
        hers = held_mail(session, family, member_id=anna, awaits=Awaits.AUTHOR)
        unknown = held_mail(session, family, awaits=Awaits.ADDRESS, question="first2345", now=NOW + DAY)
        held_mail(session, family, member_id=anna)
        assert [row.id for row in held.waiting_for_author(session, anna)] == [hers]
        assert [row.id for row in held.waiting_for_answer(session, "first2345")] == [unknown]
        assert [row.id for row in held.waiting_too_long(session, before=NOW + HOUR)] == [hers]
        held.leave_to_people(session, held_id=hers, reason="she is silent")
        session.expire_all()
        assert held.waiting_for_author(session, anna) == []
        row = held.held_by_id(session, hers)
        assert row is not None
        assert (row.awaits, row.reason, row.state) == (Awaits.PEOPLE, "she is silent", HeldState.WAITING)

    database.write(steps)


def test_posts_of_the_last_hour_are_counted_with_the_seat(database: Database) -> None:
    def steps(session: Session) -> None:
        family, anna = a_seat(session)
        for number in range(3):
            store_post(
                session,
                list_id=family,
                member_id=anna,
                author_name="Anna",
                content_id=store_content(session, b"x", NOW),
                message_id=f"<{number}@home.example>",
                original_message_id=f"<{number}@home.example>",
                in_reply_to="",
                references=(),
                subject="Hi",
                written_at=NOW,
                received_at=NOW,
                now=NOW + number * HOUR,
            )
        key = "a@home.example"
        for since, posts in ((NOW - HOUR, 3), (NOW, 2), (NOW + 3 * HOUR, 0)):
            seat = seat_of(session, list_name="family", key=key, since=since)
            assert seat is not None
            assert seat.posts == posts
        stranger = seat_of(session, list_name="family", key="x@elm.example", since=NOW)
        assert stranger is not None
        assert (stranger.member, stranger.posts) == (None, 0)

    database.write(steps)
