"""Muted conversations, letters that are taken back, hearts and memories, in both databases."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import update
from sqlmodel import Session

from storage import letter_buttons, letter_recall, letters, mutes, news, queue
from storage.database import Database
from storage.letters import NewEntry, NewLetter
from storage.models import DeliveryMode, Membership, Post
from storage.posts import remove_post
from storage.reactions import react
from storage.tables import post
from tests.storage.made import DAY, NOW, a_list, a_post, on_list


@pytest.fixture
def family(database: Database) -> dict[str, Membership]:
    """Anna and Tom get each post, Rose reads letters."""

    def fill(session: Session) -> dict[str, Membership]:
        list_id = a_list(session)
        modes = {"anna": DeliveryMode.EACH, "tom": DeliveryMode.EACH, "rose": DeliveryMode.DAILY}
        made = {name: on_list(session, list_id, name, mode) for name, mode in modes.items()}
        for each in made.values():
            session.refresh(each)
            session.expunge(each)
        return made

    return database.write(fill)


def wrote(database: Database, family: dict[str, Membership], message_id: str, *above: str, by: str = "anna") -> Post:
    list_id, author = family["anna"].list_id, family[by].member_id
    above_it = above[-1] if above else ""
    return database.write(
        lambda session: a_post(
            session, list_id, message_id, above, author=author, in_reply_to=above_it, subject=message_id
        )
    )


def waiting(database: Database) -> list[str]:
    return [row.recipient.partition("@")[0] for row in database.read(queue.queue_rows)]


def letter_to_rose(
    database: Database, family: dict[str, Membership], *posts: Post, tag: str = "a", **more: object
) -> int:
    def write(session: Session) -> int:
        reader = letters.reader_of(session, family["rose"].id or 0)
        assert reader is not None
        entries = [
            NewEntry(number, each.thread_id, each.id or 0, each.id or 0, each.subject, shown=True)
            for number, each in enumerate(posts, 1)
        ]
        edition = letters.add_edition(
            session, list_id=family["rose"].list_id, raw=f"A: {tag}\r\n\r\n".encode(), language="en", title="T",
            written_on=NOW.date(), entries=entries, now=NOW,
        )  # fmt: skip
        day = more.get("day", NOW.date())
        row = NewLetter(edition, reader, day, f"<{tag}@x>", max(each.id or 0 for each in posts))  # type: ignore[arg-type]
        return letters.add_letters(session, [row], list_id=family["rose"].list_id, now=NOW)

    return database.write(write)


def test_a_muted_thread_has_no_copies_for_her(database: Database, family: dict[str, Membership]) -> None:
    first = wrote(database, family, "<1@x>")
    tom = family["tom"].member_id
    assert waiting(database).count("tom") == 1
    assert database.write(lambda session: mutes.mute(session, member_id=tom, thread_id=first.thread_id, now=NOW))
    assert not database.write(lambda session: mutes.mute(session, member_id=tom, thread_id=first.thread_id, now=NOW))
    assert waiting(database).count("tom") == 0
    wrote(database, family, "<2@x>", "<1@x>")
    wrote(database, family, "<3@x>")
    assert (waiting(database).count("tom"), waiting(database).count("anna")) == (1, 3)
    kept_back = database.read(
        lambda session: mutes.copies_kept_back(session, list_id=first.list_id, thread_id=first.thread_id)
    )
    assert [each.member_id for each in kept_back] == [tom]
    assert database.read(lambda session: mutes.muted_on_list(session, first.list_id)) == {
        tom: frozenset({first.thread_id})
    }
    assert database.write(lambda session: mutes.unmute(session, member_id=tom, thread_id=first.thread_id))
    assert not database.write(lambda session: mutes.unmute(session, member_id=tom, thread_id=first.thread_id))
    wrote(database, family, "<4@x>", "<1@x>")
    assert waiting(database).count("tom") == 2


def test_threads_that_become_one_stay_muted(database: Database, family: dict[str, Membership]) -> None:
    wrote(database, family, "<1@x>")
    late = wrote(database, family, "<3@x>", "<2@x>")
    tom = family["tom"].member_id
    letter_to_rose(database, family, late)
    database.write(lambda session: mutes.mute(session, member_id=tom, thread_id=late.thread_id, now=NOW))
    tie = wrote(database, family, "<2@x>", "<1@x>")
    (thread,) = database.read(lambda session: mutes.muted_threads(session, tom))
    assert thread.id == tie.thread_id != late.thread_id
    (entry,) = database.read(lambda session: letter_buttons.entries_of(session, 1))
    assert entry.thread_id == tie.thread_id


def test_a_letter_that_is_taken_back_was_never_written(database: Database, family: dict[str, Membership]) -> None:
    first, second = wrote(database, family, "<1@x>"), wrote(database, family, "<2@x>")
    rose = family["rose"].id or 0
    before = database.read(lambda session: letters.reader_of(session, rose))
    assert letter_to_rose(database, family, first, second) == 1
    assert database.read(lambda session: news.last_letter_at(session, rose)) == NOW
    assert waiting(database).count("rose") == 1
    assert database.write(lambda session: remove_post(session, post_id=first.id or 0, now=NOW))
    assert waiting(database).count("rose") == 0
    assert database.read(lambda session: letters.reader_of(session, rose)) == before
    assert letter_to_rose(database, family, second, tag="b") == 1
    assert database.write(lambda session: letter_recall.recall_letters_of(session, rose, NOW)) == 1
    assert database.read(letter_buttons.letter_wishes) == []


def test_one_that_was_asked_for_is_wished_again(database: Database, family: dict[str, Membership]) -> None:
    first = wrote(database, family, "<1@x>")
    letter_to_rose(database, family, first, day=None)
    rose = family["rose"].id or 0
    assert database.write(lambda session: letter_recall.recall_letters_of(session, rose, NOW)) == 1
    (wish,) = database.read(letter_buttons.letter_wishes)
    assert (wish.membership_id, wish.edition_id, wish.made_at) == (rose, None, NOW)


def test_who_is_passed_over_is_not_asked_about_again(database: Database, family: dict[str, Membership]) -> None:
    first = wrote(database, family, "<1@x>")
    rose = family["rose"].id or 0
    reader = database.read(lambda session: letters.reader_of(session, rose))
    assert reader is not None
    database.write(lambda session: letters.pass_over(session, [(reader, first.id or 0)]))
    moved = database.read(lambda session: letters.reader_of(session, rose))
    assert moved is not None
    assert (moved.read_to, moved.letters) == (first.id, reader.letters)
    database.write(lambda session: letters.pass_over(session, [(reader, 99)]))  # another daemon has moved her on
    assert database.read(lambda session: letters.reader_of(session, rose)) == moved


def test_hearts_are_the_authors(database: Database, family: dict[str, Membership]) -> None:
    first = wrote(database, family, "<1@x>")
    for hours, name in enumerate(("tom", "rose", "anna")):
        member_id, moment = family[name].member_id, NOW + timedelta(hours=hours)
        database.write(
            lambda session, member_id=member_id, moment=moment: react(
                session, post_id=first.id or 0, member_id=member_id, emoji="❤", now=moment
            )
        )
    found = database.read(lambda session: news.hearts_since(session, first.list_id, NOW - DAY))
    assert [(row.author_id, row.name) for row in found] == [
        (family["anna"].member_id, "Tom"), (family["anna"].member_id, "Rose")
    ]  # fmt: skip
    later = database.read(lambda session: news.hearts_since(session, first.list_id, NOW))
    assert [row.name for row in later] == ["Rose"]


def test_memories_are_of_those_days(database: Database, family: dict[str, Membership]) -> None:
    def written(message_id: str, moment: datetime, by: str = "anna") -> int:
        made = wrote(database, family, message_id, by=by)
        database.write(
            lambda session: session.connection().execute(
                update(post).where(post.c.id == made.id).values(written_at=moment)
            )
        )
        return made.id or 0

    then = NOW.replace(year=2021)
    liked, other = written("<1@x>", then), written("<2@x>", then + timedelta(hours=1))
    written("<3@x>", then + DAY)
    toms = written("<4@x>", NOW.replace(year=2020), by="tom")
    database.write(
        lambda session: react(session, post_id=liked, member_id=family["rose"].member_id, emoji="❤", now=NOW)
    )
    days = [
        (then - timedelta(hours=7), then + timedelta(hours=17)),
        (NOW.replace(year=2020), NOW.replace(year=2020, hour=9)),
    ]

    def ids(session: Session) -> list[int]:
        return [row.id for row in news.memories(session, family["anna"].list_id, days, limit=5)]

    assert database.read(ids) == [liked, other, toms]
    database.write(lambda session: letter_buttons.hide_memory(session, post_id=liked, now=NOW))
    database.write(lambda session: letter_buttons.hide_memory(session, post_id=liked, now=NOW))
    database.write(lambda session: remove_post(session, post_id=other, now=NOW))
    assert database.read(ids) == [toms]
