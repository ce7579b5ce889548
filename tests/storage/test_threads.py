"""A post finds its thread by References or In-Reply-To, in whatever order the posts come."""

from __future__ import annotations

import json
from collections.abc import Sequence
from email import message_from_string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, select

from storage.database import Database
from storage.models import Post, Thread, ThreadReference
from storage.posts import DuplicateMessageId, remove_post, thread_posts
from storage.thread_marks import Marked, has_mark, last_marked, subject_mark
from storage.threads import is_posted, thread_by_id, threads_of
from tests.storage.made import DAY, MINUTE, NOW, a_list, a_post

CASES = json.loads((Path(__file__).parents[2].parent / "shared/data/threads-imaptest/cases.json").read_text())


class Undo(Exception):
    """Leaves a transaction without a trace."""


def partition(session: Session, list_id: int) -> set[frozenset[str]]:
    threads: dict[int, set[str]] = {}
    for post in session.exec(select(Post).where(Post.list_id == list_id)):
        threads.setdefault(post.thread_id, set()).add(post.message_id)
    return {frozenset(posts) for posts in threads.values()}


def check_counters(session: Session, list_id: int) -> None:
    """What the rows of thread and thread_reference say is what the posts say."""
    for thread in session.exec(select(Thread).where(Thread.list_id == list_id)):
        posts = session.exec(select(Post).where(Post.thread_id == thread.id)).all()
        assert thread.posts == len(posts) > 0
        assert thread.last_post_at == max(post.accepted_at for post in posts)
    for post in session.exec(select(Post).where(Post.list_id == list_id)):
        reference = session.get_one(ThreadReference, (list_id, post.message_id))
        assert reference.thread_id == post.thread_id


def parent_of(session: Session, list_id: int, message_id: str) -> str | None:
    """The nearest post above one."""
    above = session.get_one(ThreadReference, (list_id, message_id)).parent
    while above and not is_posted(session, list_id, above):
        above = session.get_one(ThreadReference, (list_id, above)).parent
    return above or None


@pytest.mark.parametrize("name", CASES)
def test_imaptest(database: Database, name: str) -> None:
    """Threads as another server's tests have them; a Message-ID that is taken is replaced, as intake does."""
    case = CASES[name]

    def steps(session: Session) -> None:
        list_id = a_list(session)
        posted = {}
        for number, text in enumerate(case["messages"], 1):
            message = message_from_string(text)
            original, references = message["Message-ID"], (message["References"] or "").split()
            in_reply_to = message["In-Reply-To"] or ""
            message_id = f"<p.{number}@oak.example>" if is_posted(session, list_id, original) else original
            a_post(session, list_id, message_id, references, in_reply_to=in_reply_to, original=original)
            posted[number] = message_id
        check_counters(session, list_id)
        expected: dict[int, set[str]] = {}
        for number, thread in case["thread_of"].items():
            expected.setdefault(thread, set()).add(posted[int(number)])
        assert partition(session, list_id) == {frozenset(posts) for posts in expected.values()}
        for number, parent in case["parent_of"].items():
            assert parent_of(session, list_id, posted[int(number)]) == (posted[parent] if parent else None)

    database.write(steps)


def test_answer_comes_first(database: Database) -> None:
    def steps(session: Session) -> None:
        list_id = a_list(session)
        answer = a_post(session, list_id, "<2@x>", ["<1@x>"], subject="Re: The lake", now=NOW)
        first = a_post(session, list_id, "<1@x>", subject="The lake", now=NOW + MINUTE)
        assert answer.thread_id == first.thread_id
        thread = thread_by_id(session, first.thread_id)
        assert thread is not None
        assert (thread.posts, thread.subject) == (2, "The lake")

    database.write(steps)


def test_a_post_that_ties_two_threads_makes_them_one(database: Database) -> None:
    def steps(session: Session) -> None:
        list_id = a_list(session)
        root = a_post(session, list_id, "<1@x>", now=NOW)
        later = a_post(session, list_id, "<3@x>", ["<2@x>"], subject="Re: The lake", now=NOW + DAY)
        assert root.thread_id != later.thread_id
        between = a_post(session, list_id, "<2@x>", ["<1@x>"], subject="Re: The lake", now=NOW + 2 * DAY)
        assert between.thread_id == root.thread_id
        [thread] = threads_of(session, list_id)
        assert (thread.id, thread.posts, thread.subject) == (root.thread_id, 3, "The lake")
        assert thread.last_post_at == NOW + 2 * DAY
        assert [post.message_id for post in thread_posts(session, root.thread_id)] == ["<1@x>", "<3@x>", "<2@x>"]

    database.write(steps)


def test_in_reply_to_counts_most(database: Database) -> None:
    def steps(session: Session) -> None:
        list_id = a_list(session)
        root = a_post(session, list_id, "<1@x>")
        other = a_post(session, list_id, "<9@x>", subject="Another")
        assert a_post(session, list_id, "<2@x>", in_reply_to="<1@x>").thread_id == root.thread_id
        assert a_post(session, list_id, "<3@x>", ["<unknown@x>"], in_reply_to="<1@x>").thread_id == root.thread_id
        assert a_post(session, list_id, "<4@x>", ["<9@x>"], in_reply_to="<1@x>").thread_id == root.thread_id
        assert other.thread_id != root.thread_id
        check_counters(session, list_id)

    database.write(steps)


def test_references_to_another_subject_do_not_count_alone(database: Database) -> None:
    """Somebody takes an old mail, and her program keeps its References."""

    def steps(session: Session) -> None:
        list_id = a_list(session)
        root = a_post(session, list_id, "<1@x>")
        other = a_post(session, list_id, "<2@x>", ["<1@x>"], subject="The party")
        assert other.thread_id != root.thread_id
        assert a_post(session, list_id, "<3@x>", ["<1@x>"], in_reply_to="<private@x>").thread_id == root.thread_id
        changed = a_post(session, list_id, "<4@x>", ["<1@x>"], in_reply_to="<1@x>", subject="More of the lake")
        assert changed.thread_id == root.thread_id
        again = a_post(session, list_id, "<5@x>", ["<1@x>", "<lost@x>"], subject="Re: More of the lake")
        assert again.thread_id == root.thread_id
        later = a_post(session, list_id, "<6@x>", ["<1@x>", "<awaited@x>"], subject="Cake")
        awaited = a_post(session, list_id, "<awaited@x>", subject="Cake")
        assert later.thread_id == awaited.thread_id != root.thread_id
        check_counters(session, list_id)
        check_tree(session, list_id)

    database.write(steps)


def test_a_post_that_answers_nothing_is_never_hung_below_another(database: Database) -> None:
    """Later answers name the old mail in their References, too."""

    def steps(session: Session) -> None:
        list_id = a_list(session)
        old = a_post(session, list_id, "<1@x>")
        new = a_post(session, list_id, "<2@x>", subject="Cake")
        answer = a_post(session, list_id, "<3@x>", ["<1@x>", "<2@x>"], in_reply_to="<2@x>", subject="Re: Cake")
        assert answer.thread_id == new.thread_id != old.thread_id
        check_tree(session, list_id)

    database.write(steps)


def test_without_a_known_message_id_it_goes_beside(database: Database) -> None:
    def steps(session: Session) -> None:
        list_id = a_list(session)
        root = a_post(session, list_id, "<1@x>")
        lost = a_post(session, list_id, "<2@x>", ["<awaited@x>"], subject="Re: The lake", beside=root.thread_id)
        alone = a_post(session, list_id, "<3@x>", subject="Re: The lake", beside=root.thread_id)
        assert lost.thread_id == alone.thread_id == root.thread_id
        assert parent_of(session, list_id, "<2@x>") == "<1@x>"
        known = a_post(session, list_id, "<4@x>", subject="Cake")
        answer = a_post(session, list_id, "<5@x>", in_reply_to="<4@x>", subject="Re: Cake", beside=root.thread_id)
        assert answer.thread_id == known.thread_id
        awaited = a_post(session, list_id, "<awaited@x>", subject="Fish")  # it knows better: it answers nothing
        assert awaited.thread_id != root.thread_id
        check_counters(session, list_id)
        check_tree(session, list_id)

    database.write(steps)


def test_threads_that_become_one_keep_their_marks(database: Database) -> None:
    def steps(session: Session) -> None:
        list_id = a_list(session)
        root = a_post(session, list_id, "<1@x>", now=NOW)
        other = a_post(session, list_id, "<3@x>", ["<2@x>"], subject="Cake", now=NOW + DAY)
        a_post(session, list_id, "<2@x>", ["<1@x>"], subject="Re: The lake", now=NOW + 2 * DAY)
        for mark in (subject_mark("the lake"), subject_mark("cake")):
            assert has_mark(session, list_id=list_id, thread_id=root.thread_id, mark=mark)
            assert not has_mark(session, list_id=list_id, thread_id=other.thread_id, mark=mark)
        last = last_marked(session, list_id=list_id, mark=subject_mark("the lake"))
        assert last == Marked(root.thread_id, NOW + 2 * DAY)

    database.write(steps)


def test_a_long_chain_that_lost_its_middle(database: Database) -> None:
    def steps(session: Session) -> None:
        list_id = a_list(session)
        root = a_post(session, list_id, "<0@x>")
        chain = [f"<{number}@x>" for number in range(500)]
        assert a_post(session, list_id, "<deep@x>", chain).thread_id == root.thread_id
        assert a_post(session, list_id, "<499@x>", chain[:499]).thread_id == root.thread_id
        check_counters(session, list_id)

    database.write(steps)


def test_lists_do_not_share_threads(database: Database) -> None:
    def steps(session: Session) -> None:
        one, other = a_list(session, "one"), a_list(session, "other")
        here = a_post(session, one, "<1@x>")
        there = a_post(session, other, "<1@x>")
        answer = a_post(session, other, "<2@x>", ["<1@x>"])
        assert here.thread_id != there.thread_id == answer.thread_id

    database.write(steps)


def test_a_taken_message_id_changes_nothing(database: Database) -> None:
    def steps(session: Session) -> None:
        list_id = a_list(session)
        post = a_post(session, list_id, "<1@x>")
        with pytest.raises(DuplicateMessageId):
            a_post(session, list_id, "<1@x>", ["<2@x>"])
        assert [reference.message_id for reference in session.exec(select(ThreadReference))] == ["<1@x>"]
        check_counters(session, list_id)
        assert a_post(session, list_id, "<p.1@x>", original="<1@x>").thread_id == post.thread_id

    database.write(steps)


def test_removed_posts_do_not_count(database: Database) -> None:
    def steps(session: Session) -> None:
        list_id = a_list(session)
        first = a_post(session, list_id, "<1@x>", now=NOW)
        second = a_post(session, list_id, "<2@x>", ["<1@x>"], now=NOW + DAY)
        assert remove_post(session, post_id=second.id or 0, now=NOW + DAY)
        assert not remove_post(session, post_id=second.id or 0, now=NOW + DAY)
        session.expire_all()
        [thread] = threads_of(session, list_id)
        assert (thread.posts, thread.last_post_at) == (1, NOW)
        assert remove_post(session, post_id=first.id or 0, now=NOW + DAY)
        session.expire_all()
        assert threads_of(session, list_id) == []

    database.write(steps)


# Each post answers an earlier one or none. References: all above it, as RFC 5322 §3.6.4 has it, or only the last of
# them, or none but In-Reply-To: what mail programs do.
Conversation = list[tuple[int | None, str]]


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Conversation, list[int]]:
    size = draw(st.integers(1, 8))
    posts: Conversation = []
    for number in range(size):
        parent = draw(st.none() | st.integers(0, number - 1)) if number else None
        posts.append((parent, draw(st.sampled_from(["all", "last two", "in-reply-to"]))))
    return posts, draw(st.permutations(range(size)))


def facts(posts: Conversation, number: int) -> tuple[list[str], str]:
    chain: list[str] = []
    above = posts[number][0]
    while above is not None:
        chain.insert(0, f"<{above}@x>")
        above = posts[above][0]
    parent = chain[-1] if chain else ""
    return {"all": (chain, parent), "last two": (chain[-2:], parent), "in-reply-to": ([], parent)}[posts[number][1]]


def conversations_of(posts: Conversation) -> set[frozenset[str]]:
    roots: list[int] = []
    for number, (parent, _) in enumerate(posts):
        roots.append(number if parent is None else roots[parent])
    return {frozenset(f"<{n}@x>" for n, r in enumerate(roots) if r == root) for root in roots}


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(conversations())
def test_any_order_makes_the_same_threads(sqlite_database: Database, drawn: tuple[Conversation, list[int]]) -> None:
    posts, order = drawn

    def arrive(session: Session) -> None:
        list_id = a_list(session)
        for number in order:
            references, in_reply_to = facts(posts, number)
            a_post(session, list_id, f"<{number}@x>", references, in_reply_to=in_reply_to)
        assert partition(session, list_id) == conversations_of(posts)
        check_counters(session, list_id)
        raise Undo

    with pytest.raises(Undo):
        sqlite_database.write(arrive)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 6), st.lists(st.integers(0, 6), max_size=5)), max_size=8))
def test_senseless_references_break_nothing(
    sqlite_database: Database, arrivals: Sequence[tuple[int, list[int]]]
) -> None:
    """Loops, contradictions, a post that names itself: every post has one thread, and all rows agree."""

    def arrive(session: Session) -> None:
        list_id = a_list(session)
        for number, references in arrivals:
            try:
                a_post(session, list_id, f"<{number}@x>", [f"<{reference}@x>" for reference in references])
            except DuplicateMessageId:
                continue
        check_counters(session, list_id)
        check_tree(session, list_id)
        raise Undo

    with pytest.raises(Undo):
        sqlite_database.write(arrive)


def check_tree(session: Session, list_id: int) -> None:
    """No loops; what hangs together is one thread, and what is one thread hangs together."""
    rows = {row.message_id: row for row in session.exec(select(ThreadReference))}
    roots: dict[int, set[str]] = {}
    for message_id, row in rows.items():
        above = [message_id]
        while parent := rows[above[-1]].parent:
            assert parent not in above
            assert rows[parent].thread_id == row.thread_id
            above.append(parent)
        roots.setdefault(row.thread_id, set()).add(above[-1])
    assert all(len(of_thread) == 1 for of_thread in roots.values())
