"""What is kept about one member is found and erased in every table, on both databases."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import func, select
from sqlmodel import Session, SQLModel

from storage import daily_notes, directory, held, own_data, questions, queue, unused
from storage.belonging import belonging, person_of
from storage.contents import store_content
from storage.database import Database
from storage.erasing import erase, is_past_alias, open_erasures, swept
from storage.events import latest_events, record
from storage.members import member_by_id, member_of_address
from storage.models import DeliveryMode
from storage.models_questions import QuestionKind
from storage.posts import post_by_id, remove_post
from storage.reactions import react, reactions_to
from storage.second_copies import spare_named
from storage.threads import thread_by_id
from tests.storage.made import DAY, NOW, a_list, a_post, on_list

TOMORROW = NOW + DAY


def test_every_table_of_a_person_is_known() -> None:
    """A new table with a member in it is found by itself; one that names her in another way has to be thought of."""
    named = {table.name for table, _ in belonging(person_by_hand())}
    columns = {
        f"{table.name}.{column.name}"
        for table in SQLModel.metadata.sorted_tables
        for column in table.c
        if column.name.endswith(("member_id", "membership_id", "voucher_id", "writer_id", "reader_id", "blocker_id"))
    }
    assert {column.partition(".")[0] for column in columns} <= named


def person_by_hand():  # type: ignore[no-untyped-def]
    from storage.belonging import Person

    return Person(1, (1,), ("rose@home.example",))


def test_what_is_erased_is_gone_and_the_rest_stays(database: Database) -> None:
    def steps(session: Session) -> None:
        family = a_list(session)
        rose, tom = (on_list(session, family, name) for name in ("rose", "tom"))
        first = a_post(session, family, "<1@x>", author=rose.member_id, subject="Heron")
        second = a_post(session, family, "<2@x>", ["<1@x>"], author=tom.member_id, subject="Re: Heron")
        react(session, post_id=first.id or 0, member_id=tom.member_id, emoji="+", now=NOW)
        react(session, post_id=second.id or 0, member_id=rose.member_id, emoji="+", now=NOW)
        waiting = held.hold(
            session, list_id=family, content_id=store_content(session, b"X: y\r\n\r\nz", NOW), member_id=rose.member_id,
            envelope_sender="", recipient="family@x", author="Rose", subject="Heron", reason="Why.", now=NOW,
        )  # fmt: skip
        questions.add_question(
            session, token="k7m2q9xwab", kind=QuestionKind.DECISION, list_id=family, now=NOW, expires_at=TOMORROW,
            held_id=waiting.id,
        )  # fmt: skip
        questions.ask_member_too(session, token="k7m2q9xwab", member_id=tom.member_id)
        directory.vouch(session, membership_id=tom.id or 0, voucher_id=rose.member_id, now=NOW)
        directory.set_listing(session, membership_id=rose.id or 0, is_listed=True, line="14 Mill Lane", now=NOW)
        record(session, "posted", "Rose wrote.", now=NOW, member_id=rose.member_id, content_id=first.content_id)
        kept = own_data.rows_of(session, rose.member_id)
        assert {"member", "address", "membership", "listing", "vouching", "post", "held_post", "reaction"} <= set(kept)
        assert all(each["member_id"] == rose.member_id for each in kept["delivery"])
        assert [name for name, _ in own_data.mails_of(session, rose.member_id)] == ["posts/1.eml", "held/1.eml"]

        erase(session, person_of(session, rose.member_id), alias_mark="mark", now=TOMORROW)
        session.expunge_all()
        assert member_by_id(session, rose.member_id) is None
        assert member_of_address(session, "rose@home.example") is None
        assert {row.recipient for row in queue.queue_rows(session)} == {"tom@home.example"}
        gone = post_by_id(session, first.id or 0)
        assert gone is not None
        assert (gone.member_id, gone.author_name, gone.subject, gone.removed_at) == (None, "", "", TOMORROW)
        thread = thread_by_id(session, second.thread_id)
        assert thread is not None
        assert (thread.subject, thread.posts) == ("Re: Heron", 1)
        assert reactions_to(session, [first.id or 0, second.id or 0]) == {}
        assert directory.vouchings_of(session, family) == []
        assert questions.find_question(session, "k7m2q9xwab") is None
        assert [event.text for event in latest_events(session)] == ["About somebody who is forgotten."]
        assert is_past_alias(session, ["other", "mark"])
        assert not is_past_alias(session, ["other"])
        (erasure,) = open_erasures(session)
        swept(session, [erasure], TOMORROW)
        assert open_erasures(session) == []

    database.write(steps)


def messages(session: Session) -> int:
    return int(
        session.connection().execute(select(func.count()).select_from(SQLModel.metadata.tables["message"])).scalar_one()
    )


def test_messages_that_nothing_names_are_forgotten(database: Database) -> None:
    def steps(session: Session) -> None:
        family = a_list(session)
        on_list(session, family, "tom")
        a_post(session, family, "<1@x>")
        queue.add_notice(session, raw=b"Notice: 1\r\n\r\n", recipient="tom@home.example", cause="x", now=NOW)
        for number in range(3):
            store_content(session, f"Unused: {number}\r\n\r\n".encode(), NOW)
        store_content(session, b"Young: 1\r\n\r\n", TOMORROW)
        assert unused.forget_unused(session, after=0, before=TOMORROW) is None
        assert messages(session) == 3
        queue.drop(session, [row.id for row in queue.queue_rows(session) if row.post_id is None])
        unused.forget_unused(session, after=0, before=TOMORROW + DAY)
        assert messages(session) == 1

    database.write(steps)


def test_in_batches(database: Database, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(unused, "BATCH", 2)

    def steps(session: Session) -> None:
        for number in range(5):
            store_content(session, f"Unused: {number}\r\n\r\n".encode(), NOW)
        after: int | None = 0
        turns = 0
        while after is not None:
            after, turns = unused.forget_unused(session, after=after, before=TOMORROW), turns + 1
        assert (turns, messages(session)) == (3, 0)

    database.write(steps)


def test_the_list_of_members(database: Database) -> None:
    def steps(session: Session) -> None:
        family = a_list(session)
        rose, tom, anna = (on_list(session, family, name) for name in ("rose", "tom", "anna"))
        directory.set_listing(session, membership_id=rose.id or 0, is_listed=True, line="Here.", now=NOW)
        directory.set_listing(session, membership_id=anna.id or 0, is_listed=True, line="", now=NOW)
        directory.set_listing(session, membership_id=tom.id or 0, is_listed=True, line="x", now=NOW)
        directory.set_listing(session, membership_id=tom.id or 0, is_listed=False, line="", now=NOW)
        listed = directory.listed_members(session, family)
        assert [(each.name, each.alias, each.line) for each in listed] == [
            ("Anna", "anna", ""),
            ("Rose", "rose", "Here."),
        ]
        directory.vouch(session, membership_id=rose.id or 0, voucher_id=anna.member_id, now=NOW)
        vouched = directory.vouched_by(session, rose.id or 0)
        assert vouched is not None
        assert (vouched.name, vouched.voucher, vouched.at) == ("Rose", "Anna", NOW)
        assert directory.vouched_by(session, tom.id or 0) is None

    database.write(steps)


def test_one_wish_a_day(database: Database) -> None:
    def steps(session: Session) -> None:
        family = a_list(session)
        rose = on_list(session, family, "rose").member_id

        def wish(now):  # type: ignore[no-untyped-def]
            return own_data.wish_for_data(session, member_id=rose, list_id=family, in_reply_to="", now=now)

        assert [wish(NOW), wish(NOW + timedelta(hours=3)), wish(TOMORROW)] == [True, False, True]
        assert len(own_data.open_wishes(session)) == 2
        assert own_data.close_wish(session, member_id=rose, day=NOW.date(), now=NOW)
        assert not own_data.close_wish(session, member_id=rose, day=NOW.date(), now=NOW)
        assert [each.day for each in own_data.open_wishes(session)] == [TOMORROW.date()]

    database.write(steps)


def test_a_day_has_one_note_and_begins_where_the_last_ended(database: Database) -> None:
    def steps(session: Session) -> None:
        family = a_list(session)
        day = date(2026, 11, 22)
        record(session, "refused", "Long ago.", now=NOW - 3 * DAY, list_id=family)
        record(session, "refused", "One.", now=NOW, list_id=family)
        record(session, "refused", "Of nobody.", now=NOW)
        assert daily_notes.begin_note(session, family, day - DAY, NOW) is None  # the first day of all
        span = daily_notes.begin_note(session, family, day, NOW)
        assert span is not None
        lines = daily_notes.lines_between(session, *span, ["refused"], only=family, without=())
        assert [line.text for line in lines] == ["One."]
        lines = daily_notes.lines_between(session, *span, ["refused"], only=None, without=[family])
        assert [line.text for line in lines] == ["Of nobody."]
        assert daily_notes.begin_note(session, family, day, NOW) is None
        record(session, "refused", "Two.", now=NOW, list_id=family)
        span = daily_notes.begin_note(session, family, day + DAY, TOMORROW)
        assert span is not None
        lines = daily_notes.lines_between(session, *span, ["refused"], only=family, without=())
        assert [line.text for line in lines] == ["Two."]

    database.write(steps)


def test_a_copy_that_is_on_its_way_is_not_called_back(database: Database) -> None:
    def steps(session: Session) -> None:
        family = a_list(session)
        rose = on_list(session, family, "rose")
        on_list(session, family, "tom", DeliveryMode.EACH)
        rose.second_copy = False
        session.flush()
        post = a_post(session, family, "<1@x>")
        claimed = queue.claim(session, who="host:1:1", now=NOW)
        assert spare_named(session, post_id=post.id or 0, keys={"rose@home.example"}) == 0
        queue.release(session, [each.id for each in claimed])
        assert spare_named(session, post_id=post.id or 0, keys=set()) == 0
        assert spare_named(session, post_id=post.id or 0, keys={"rose@home.example", "tom@home.example"}) == 1
        assert [row.recipient for row in queue.queue_rows(session)] == ["tom@home.example"]
        assert remove_post(session, post_id=post.id or 0, now=NOW)

    database.write(steps)
